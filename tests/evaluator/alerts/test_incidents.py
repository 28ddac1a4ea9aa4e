"""Each row of the incident's table as a timeline; what has no row is refused and changes nothing."""

import pytest

from alertlife.story import Story, identity
from lapbell_evaluator.alerts import (
    INCIDENT_TABLE,
    AlertStore,
    Condition,
    ImpossibleMoveError,
    IncidentEvent,
    UnknownIncidentError,
)
from lapbell_evaluator.alerts.incidents import incident_move
from lapbell_evaluator.model import Alert, Change, State, incident_key

STATES = (State.INACTIVE, State.PENDING, State.FIRING, State.HELD)
FOR_S, REOPEN_S = 10.0, 1800.0
MET, CLEARED = Condition.MET, Condition.CLEARED


def reached(state: State, event: IncidentEvent) -> Story:
    """A story whose incident is in that state at second 20; what the event needs of other alerts is prepared."""
    waits = State.PENDING is state or (state, event) == (State.INACTIVE, IncidentEvent.ALERT_PENDING)
    story = Story(for_s=FOR_S if waits else 0.0)
    if state is State.PENDING:
        story.see(20, MET)
    elif state in (State.FIRING, State.HELD):
        story.see(10, MET)
        if state is State.HELD:
            story.resolve(20)
    return story


def happens(story: Story, state: State, event: IncidentEvent) -> None:
    """The event, from second 21 on."""
    if event is IncidentEvent.ACKNOWLEDGE:
        story.acknowledge(21)
    elif event is IncidentEvent.ALERTS_OVER:
        story.see(21, CLEARED)
    elif event is IncidentEvent.ALERTS_HELD and state is State.FIRING:
        story.resolve(21)
    elif event is IncidentEvent.ALERTS_HELD:
        story.see_each(21, {"info": MET})  # a lower severity fires under the hold
    elif event is IncidentEvent.ALERT_PENDING and state in (State.FIRING, State.HELD):
        story.for_s = FOR_S
        story.see_each(21, {"critical": MET})  # pending beside the warning, which then clears
        story.see(22, CLEARED)
    elif (state, event) in ((State.PENDING, IncidentEvent.ALERT_PENDING), (State.FIRING, IncidentEvent.ALERT_FIRING)):
        story.see_each(21, {"critical": MET})
    elif state is State.HELD:
        story.see(20 + REOPEN_S, MET)
    else:
        story.see(30, MET)


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
    moves = [(move.previous, move.state, move.incident.state, move.is_news) for move in story.told[heard:]]
    stays_silently = (state, event) == (State.HELD, IncidentEvent.ALERTS_HELD)  # its severity did not change
    wanted = [] if stays_silently else [(state, row.announced or row.to, row.to, row.is_news)]
    if row.begins_anew:
        wanted.append((State.INACTIVE, State.PENDING, State.PENDING, True))
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
