import pytest

from alertlife.diagram import PAGE, drawn, drawn_incidents, page_with
from lapbell_evaluator.alerts import TABLE, Event, ImpossibleMoveError
from lapbell_evaluator.alerts.machine import move
from lapbell_evaluator.model import State


@pytest.mark.parametrize("state", [State.INACTIVE, State.PENDING, State.FIRING, State.HELD])
@pytest.mark.parametrize("event", list(Event))
def test_every_event_either_has_a_row_or_is_refused(state, event):
    row = TABLE.get((state, event))
    if row is None:
        with pytest.raises(ImpossibleMoveError, match="cannot move"):
            move(state, event)
    else:
        assert move(state, event) is row


def test_no_row_leads_from_firing_to_inactive_without_a_reason():
    leaving = {event: row.reason for (state, event), row in TABLE.items() if state is State.FIRING and row.to != state}
    assert None not in leaving.values()
    assert set(leaving) == {Event.RECOVER, Event.EMPTY, Event.END, Event.IDLE, Event.REMOVE, Event.RESOLVE}


def test_what_is_not_known_moves_nothing():
    stays = {state: TABLE[state, Event.STALL].to for state in (State.PENDING, State.FIRING, State.HELD)}
    assert stays == {State.PENDING: State.PENDING, State.FIRING: State.FIRING, State.HELD: State.HELD}


def test_a_reason_stands_exactly_where_the_state_changes():
    assert all((row.reason is None) == (row.to is state) for (state, _), row in TABLE.items())


def test_the_page_about_alerts_shows_the_tables_as_they_are():
    assert page_with(drawn(), drawn_incidents()) == PAGE.read_text(encoding="utf-8")
