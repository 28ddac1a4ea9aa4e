"""Each row of the incident's table as a timeline; what has no row is refused and changes nothing."""

import pytest

from alertlife.story import Story, identity
from lapbell_evaluator.alerts import (
    INCIDENT_TABLE,
    AlertStore,
    Condition,
    ImpossibleMoveError,
    IncidentEvent,
    News,
    UnknownIncidentError,
)
from lapbell_evaluator.alerts.incident_table import incident_move
from lapbell_evaluator.model import Alert, Change, State, incident_key

STATES = (State.INACTIVE, State.PENDING, State.FIRING, State.RECOVERING, State.HELD)
FOR_S, REOPEN_S, WITHIN_S = 10.0, 1800.0, 600.0
MET, CLEARED = Condition.MET, Condition.CLEARED


def reached(state: State, event: IncidentEvent) -> Story:
    """A story whose incident is in that state at second 20; what the event needs of other alerts is prepared."""
    waits = State.PENDING is state or (state, event) == (State.INACTIVE, IncidentEvent.ALERT_PENDING)
    may_return = state is State.RECOVERING or event is IncidentEvent.ALERTS_CLEARED
    story = Story(for_s=FOR_S if waits else 0.0, reopen_within_s=WITHIN_S if may_return else 0.0)
    if state is State.PENDING:
        story.see(20, MET)
    elif state is State.RECOVERING:
        story.see(10, MET)
        story.see(20, CLEARED)
        if event is IncidentEvent.ALERTS_OVER:
            story.for_s = FOR_S
            story.see_each(20, {"critical": MET})
    elif state in (State.FIRING, State.HELD):
        story.see(10, MET)
        if state is State.HELD:
            story.resolve(20)
        if event is IncidentEvent.CAUSE_OUTLASTED:
            story.explain(15)
    return story


def happens(story: Story, state: State, event: IncidentEvent) -> None:
    """The event, from second 21 on."""
    acts = {
        IncidentEvent.ACKNOWLEDGE: lambda: story.acknowledge(21),
        IncidentEvent.RESOLVE: lambda: story.resolve(21),
        IncidentEvent.WAIT_OVER: lambda: story.end_recoveries(20 + WITHIN_S),
        IncidentEvent.RULES_REMOVED: lambda: story.end_recoveries(21, event),
        IncidentEvent.CAUSE_FOUND: lambda: story.explain(21),
        IncidentEvent.CAUSE_OUTLASTED: lambda: story.outlast(21),
        IncidentEvent.SEVERITY_ROSE: lambda: story.see_each(21, {"critical": MET}),
        IncidentEvent.ALERTS_CLEARED: lambda: story.see(21, CLEARED),
        IncidentEvent.ALERTS_OVER: lambda: story.see(21, CLEARED),
    }
    by_state = {
        (State.RECOVERING, IncidentEvent.ALERTS_OVER): lambda: story.see_each(21, {"critical": CLEARED}),
        (State.RECOVERING, IncidentEvent.ALERT_PENDING): lambda: waits(story, "warning"),
        (State.FIRING, IncidentEvent.ALERTS_HELD): lambda: story.resolve(21),
        (State.HELD, IncidentEvent.ALERTS_HELD): lambda: story.see_each(21, {"info": MET}),  # fires under the hold
        (State.FIRING, IncidentEvent.ALERT_PENDING): lambda: waits(story, "critical"),  # beside what then clears
        (State.HELD, IncidentEvent.ALERT_PENDING): lambda: waits(story, "critical"),
        (State.PENDING, IncidentEvent.ALERT_PENDING): lambda: story.see_each(21, {"critical": MET}),
        (State.FIRING, IncidentEvent.ALERT_FIRING): lambda: falls(story),
        (State.HELD, IncidentEvent.ALERT_FIRING): lambda: story.see(20 + REOPEN_S, MET),
    }
    happen = by_state.get((state, event)) or acts.get(event) or (lambda: story.see(30, MET))
    happen()


def waits(story: Story, severity: str) -> None:
    """An alert of that severity waits; a warning that fired beside it clears."""
    story.for_s = FOR_S
    story.see_each(21, {severity: MET})
    if severity != "warning":
        story.see(22, CLEARED)


def falls(story: Story) -> None:
    story.see_each(21, {"info": MET})
    story.see(22, CLEARED)


def state_of(story: Story) -> State:
    incidents = [*story.store.incidents.values()]
    return incidents[0].state if incidents else State.INACTIVE


@pytest.mark.parametrize(("state", "event"), list(INCIDENT_TABLE), ids=lambda each: each.name.lower())
def test_the_incident_goes_where_the_row_says_and_receivers_hear_what_it_says(state, event):
    story = reached(state, event)
    assert state_of(story) is state
    heard = len(story.told)
    happens(story, state, event)
    row = INCIDENT_TABLE[state, event]
    moves = [
        (move.previous, move.state, move.incident.state, move.is_news, move.is_page) for move in story.told[heard:]
    ]
    wanted = [(state, row.announced or row.to, row.to, row.news is not News.NOTHING, row.news is News.PAGE)]
    if row.to is state and row.news is News.NOTHING and event is not IncidentEvent.ACKNOWLEDGE:
        wanted = []  # nothing that anybody reads has changed
    if row.begins_anew and event is IncidentEvent.ALERT_PENDING:
        wanted.append((State.INACTIVE, State.PENDING, State.PENDING, True, False))
    assert moves == wanted


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("event", list(IncidentEvent))
def test_every_event_either_has_a_row_or_is_refused(state, event):
    row = INCIDENT_TABLE.get((state, event))
    if row is None:
        with pytest.raises(ImpossibleMoveError, match="cannot move"):
            incident_move(state, event)
    else:
        assert incident_move(state, event) is row


def test_a_held_incident_cannot_be_taken():
    story = reached(State.HELD, IncidentEvent.ALERTS_OVER)
    with pytest.raises(UnknownIncidentError, match="is open"):
        story.acknowledge(30)


def test_an_impossible_move_raises_and_changes_nothing():
    """Two held alerts without an incident, as no lapbell writes them: one clears, and there is nothing to hold."""
    held = [orphan("warning"), orphan("critical")]
    store = AlertStore(held)
    story = Story(store=store)
    with pytest.raises(ImpossibleMoveError, match="An incident that is inactive cannot move"):
        story.see(200, CLEARED)
    assert dict(store.incidents) == {}
    assert [*store.of_incident(held[0].incident)] == held[::-1]
    assert story.changes == []


def orphan(severity: str) -> Alert:
    labels = identity(severity)
    return Alert(
        group="g",
        rule=f"g/{severity}",
        labels=labels,
        incident=incident_key(labels),
        series=labels,
        state=State.HELD,
        active_at=0,
        proven_at=0,
        value=2.0,
        fired_at=0,
        held_at=100,
    )


def test_a_change_set_of_nothing_changes_nothing():
    assert Story().store.plan([], 1.0).change == Change()
