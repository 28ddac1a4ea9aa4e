"""Who hears of the incidents of one problem."""

from collections.abc import Iterable
from dataclasses import replace

from lapbell_evaluator.model import Incident, Reason, State, Transition, label_value
from lapbell_evaluator.notify import Route, Router
from problem_kit import incident

CAUSE = incident("RedisFailureRate", None, {"category": "redis"})
SYMPTOM = incident("WebhookErrorRate", None, {"category": "webhook"})
ROUTES = [
    Route("redis team", lambda own: own["category"] == "redis"),
    Route("web team", lambda own: own["category"] == "webhook"),
    Route("others", lambda _: False),
]


def routed(told: Iterable[tuple[str, Incident]] = ()) -> Router:
    router = Router()
    router.change(ROUTES, told)
    return router


def told(router: Router, of: Incident, problem: str | None = None, state: State = State.FIRING) -> tuple[str, ...]:
    own = replace(of, problem_id=problem, state=state)
    reached = router.recipients(Transition(f"{of.id}-{state}", own, State.INACTIVE, state, Reason.BREACHED, 10.0))
    return tuple(sorted(reached))


def test_a_problem_reaches_every_receiver_that_one_of_its_incidents_is_told_to():
    router = routed()
    first = told(router, SYMPTOM)
    joined = told(router, CAUSE, SYMPTOM.id)
    assert [first, joined, told(router, SYMPTOM, SYMPTOM.id)] == [
        ("web team",),
        ("redis team", "web team"),
        ("redis team", "web team"),
    ]


def test_who_heard_of_an_incident_hears_of_its_end_in_whichever_problem_it_is_by_then():
    router = routed()
    told(router, CAUSE)
    told(router, SYMPTOM, CAUSE.id)
    alone = told(router, SYMPTOM, "a problem of its own")
    ends = told(router, SYMPTOM, "a problem of its own", State.RESOLVED)
    cause_ends = told(router, CAUSE, CAUSE.id, State.RESOLVED)
    assert [alone, ends, cause_ends, told(router, SYMPTOM)] == [
        ("redis team", "web team"),
        ("redis team", "web team"),
        ("redis team",),
        ("web team",),
    ]


def test_a_restart_knows_who_was_told_of_a_problem():
    router = routed([("web team", replace(SYMPTOM, problem_id=SYMPTOM.id))])
    assert told(router, CAUSE, SYMPTOM.id) == ("redis team", "web team")


def test_a_receiver_that_no_incident_is_for_hears_nothing():
    router = routed()
    reached = told(router, CAUSE, SYMPTOM.id) + told(router, SYMPTOM, SYMPTOM.id)
    assert "others" not in reached
    assert label_value(CAUSE.labels, "category") == "redis"
