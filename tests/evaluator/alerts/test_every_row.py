"""Each row of the table as a timeline: brought to its state, the alert meets the event and goes where the row says."""

import pytest

from alertlife.story import Story
from lapbell_evaluator.alerts import TABLE, Condition, Event
from lapbell_evaluator.model import State

FOR_S, KEEP_S, IDLE_S, REOPEN_S = 10, 20, 900, 1800


def reached(state: State, event: Event) -> Story:
    """A story whose warning is in that state at second 100."""
    keeps = event is Event.LINGER
    waits = state is State.PENDING or (state is State.INACTIVE and event is Event.BREACH)
    story = Story(for_s=FOR_S if waits else 0, keep_firing_for_s=KEEP_S if keeps else 0)
    if event is Event.DUE_UNDER_HOLD:
        story.see_each(50, {"critical": Condition.MET})
        if state is State.PENDING:
            for at in (60, 90):
                story.see_each(at, {"critical": Condition.MET})
            story.see_each(95, {"warning": Condition.MET, "critical": Condition.MET})
        story.resolve(96)
        return story
    if state is State.PENDING:
        story.see(100, Condition.MET)
    elif state in (State.FIRING, State.HELD):
        story.see(90, Condition.MET)
        if state is State.HELD:
            story.resolve(100)
    return story


def happens(story: Story, state: State, event: Event) -> None:
    """The event, from second 101 on."""
    conditions = {
        Event.RECOVER: Condition.CLEARED,
        Event.LINGER: Condition.CLEARED,
        Event.EMPTY: Condition.EMPTY,
        Event.END: Condition.SERIES_ENDED,
        Event.PERSIST: Condition.UNDECIDED,
        Event.STALL: Condition.ERROR,
        Event.REMOVE: Condition.RULE_REMOVED,
    }
    if event in conditions:
        story.see(101, conditions[event])
    elif event is Event.BREACH:
        story.see(105, Condition.MET)
    elif event is Event.DUE:
        story.see(101 + FOR_S, Condition.MET)
    elif event is Event.DUE_UNDER_HOLD:
        story.see_each(101 + FOR_S, {"warning": Condition.MET, "critical": Condition.MET})
    elif event is Event.IDLE:
        story.see(101, Condition.NO_TRAFFIC)
        story.see(101 + IDLE_S, Condition.NO_TRAFFIC)
    elif event is Event.RESOLVE:
        story.resolve(101)
    elif event is Event.REOPEN:
        story.see(101 + REOPEN_S, Condition.MET)
    else:
        assert state == State.HELD
        assert event == Event.RISE
        story.see_each(101, {"warning": Condition.MET, "critical": Condition.MET})


def state_of(story: Story) -> State:
    found = [each.state for each in story.store.of_rule("g/warning").values()]
    return found[0] if found else State.INACTIVE


@pytest.mark.parametrize(("state", "event"), list(TABLE), ids=lambda each: each.name.lower())
def test_the_alert_goes_where_the_row_says(state, event):
    story = reached(state, event)
    assert state_of(story) is state
    happens(story, state, event)
    assert state_of(story) is TABLE[state, event].to


@pytest.mark.parametrize(("state", "event"), list(TABLE), ids=lambda each: each.name.lower())
def test_what_a_reader_sees_is_what_the_database_was_told(state, event):
    story = reached(state, event)
    happens(story, state, event)
    kept = {}
    for change in story.changes:
        kept.update({each.rule: each.state for each in change.alerts})
        for rule, _ in change.gone:
            del kept[rule]
    assert kept.get("g/warning", State.INACTIVE) is state_of(story)
