"""Traces beside the alerts: found by id and by incident, and what is damaged of them costs nothing else."""

import pytest
import sqlalchemy
from hypothesis import given, settings

from alertlife.databases import postgres_server, url
from budget import scaled
from lapbell_evaluator.database import Database, payloads
from lapbell_evaluator.model import IncidentTrace, Trace, TraceRole
from trace_kit import TRACE, span, traces

__all__ = ["postgres_server", "url"]  # fixtures


def kept(incident: str, trace_id: str, role: TraceRole = TraceRole.EXAMPLE, at: float = 5.0) -> IncidentTrace:
    return IncidentTrace(incident, role, at, Trace(trace_id, (span("POST", 0, 9, trace=trace_id),), cut=2))


@given(traces())
@settings(max_examples=scaled(100), deadline=None)
def test_any_trace_is_the_same_when_it_is_unpacked(trace):
    assert payloads.trace(payloads.pack_trace(trace)) == trace


@pytest.mark.parametrize("damage", [b"", b"nonsense", payloads.pack_trace(Trace(TRACE, ()))[:-9]])
def test_bytes_that_are_no_trace_are_a_value_error(damage):
    with pytest.raises(ValueError, match=r"\S"):
        payloads.trace(damage)


async def test_a_trace_of_two_incidents_is_found_with_both_and_each_incident_has_its_own(url):
    database = await Database.open(url, 0.0)
    one, other = kept("one", TRACE), kept("other", TRACE, TraceRole.NORMAL)
    await database.traces.put("one", [one, kept("one", "cd" * 16)])
    await database.traces.put("other", [other])
    found = await database.traces.of_trace(TRACE), await database.traces.of_incident("one")
    await database.close()
    assert {"trace": found[0], "incident": found[1]} == {
        "trace": (one, other),
        "incident": ((TRACE, TraceRole.EXAMPLE), ("cd" * 16, TraceRole.EXAMPLE)),
    }


async def test_what_is_written_again_takes_the_place_of_what_was_there_but_for_what_stays(url):
    database = await Database.open(url, 0.0)
    await database.traces.put("one", [kept("one", digit * 32) for digit in "123"])
    await database.traces.put("one", [kept("one", "4" * 32)], ["2" * 32])
    left = [trace_id[0] for trace_id, _ in await database.traces.of_incident("one")]
    await database.close()
    assert left == ["2", "4"]


async def test_a_damaged_trace_is_left_out_and_told(url):
    database = await Database.open(url, 0.0)
    await database.traces.put("one", [kept("one", TRACE)])
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE traces SET payload = :damage"), {"damage": b"nonsense"})
    engine.dispose()
    found = await database.traces.of_trace(TRACE)
    damaged = [reading.value for reading in database.readings() if reading.name == "lapbell.data.damaged"]
    await database.close()
    assert {"found": found, "damaged": damaged} == {"found": (), "damaged": [1]}
