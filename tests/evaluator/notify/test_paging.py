"""Which messages are pages."""

from dataclasses import replace

from alertlife.story import identity
from lapbell_evaluator.alerts import AlertPolicy, AlertStore, Condition, EvaluationResult
from lapbell_evaluator.model import Notice, labels
from lapbell_evaluator.notify.paging import is_page


def notice(number: int, *, severity: str = "warning", storm_began_at: float | None = None) -> Notice:
    """Of an incident that begins."""
    result = EvaluationResult(identity(severity, route=f"/{number}"), labels({"job": "app"}), Condition.MET, 2.0, "")
    plan = AlertStore().plan([(AlertPolicy(group="g", rule="r"), [result])], 10.0)
    (transition,) = plan.change.transitions
    incident = replace(transition.incident, storm_began_at=storm_began_at)
    return Notice(number, "chat", replace(transition, incident=incident))


def test_a_storm_that_grows_is_an_update_and_one_that_gets_worse_is_a_page():
    told = [notice(1, storm_began_at=10.0)]
    grows = [notice(2, storm_began_at=10.0)]
    gets_worse = [notice(3, storm_began_at=10.0, severity="critical")]
    assert [is_page(told, []), is_page(grows, told), is_page(gets_worse, told)] == [True, False, True]
