"""Chains of receivers: who is told only of what nobody has acknowledged; by a real webhook and a real outbox."""

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget import scaled
from lapbell_evaluator.alerts import Condition
from lapbell_evaluator.model import ReceiverPolicy
from message_kit import Line, job, line

APP, BOT = job("app"), job("bot")
WORSE = job("app", "critical")
FIRES = ("firing", (("app", "firing"),))
ENDS = ("resolved", (("app", "resolved"),))
PAGER = ReceiverPolicy("pager", after_s=600.0)


@pytest.fixture
async def pager(tmp_path):
    """A receiver that is told of what nobody has acknowledged for ten minutes."""
    async with line(tmp_path, PAGER) as made, made.standing():
        yield made


async def test_what_nobody_acknowledges_is_told_when_the_time_is_over_and_its_end_too(pager):
    await pager.fire(10, APP)
    waits = [await pager.tell(at) for at in (10, 580, 600, 609)]
    early = pager.said()
    await pager.tell(610)
    await pager.clear(700, APP)
    await pager.tell(700)
    assert waits == [60.0, 30.0, 10.0, 1.0]
    assert {"early": early, "late": pager.said()} == {"early": [], "late": [FIRES, ENDS]}


async def test_what_somebody_acknowledges_in_time_is_not_told_nor_is_its_end(pager):
    await pager.fire(10, APP)
    await pager.acknowledge(600, APP)
    for at in (610, 5_000):
        await pager.tell(at)
    await pager.clear(6_000, APP)
    await pager.tell(6_000)
    waiting = await pager.database.pending("pager", 10)
    assert {"said": pager.said(), "waiting": waiting} == {"said": [], "waiting": ()}


async def test_what_ends_in_time_is_not_told(pager):
    await pager.fire(10, APP)
    await pager.clear(600, APP)
    await pager.tell(700)
    assert pager.said() == []


async def test_a_severity_that_rises_after_it_was_acknowledged_asks_anew(pager):
    await pager.fire(10, APP)
    await pager.acknowledge(100, APP)
    await pager.fire(1_000, APP, WORSE)
    await pager.tell(1_599)
    early = pager.said()
    await pager.tell(1_600)
    assert {"early": early, "late": pager.said()} == {"early": [], "late": [FIRES]}


async def test_who_was_told_is_told_at_once_of_a_severity_that_rises_although_it_was_acknowledged(pager):
    await pager.fire(10, APP)
    await pager.tell(610)
    await pager.acknowledge(620, APP)
    await pager.fire(630, APP, WORSE)
    await pager.tell(630)
    assert [message["alerts"][0]["severity"] for message in pager.messages()] == ["warning", "critical"]


async def test_the_time_runs_from_the_end_of_a_silence_so_that_a_chain_does_not_wake_all_at_once(pager):
    pager.muted = {"app"}
    await pager.fire(10, APP)
    for at in (10, 700, 1_000):
        await pager.tell(at)
    pager.muted = set()
    await pager.tell(1_599)
    early = pager.said()
    await pager.tell(1_600)
    assert {"early": early, "late": pager.said()} == {"early": [], "late": [FIRES]}


async def test_a_restart_forgets_no_time(tmp_path):
    async with line(tmp_path, PAGER) as pager:
        async with pager.standing():
            await pager.fire(10, APP)
            await pager.tell(10)
        async with pager.standing():
            await pager.tell(609)
            early = pager.said()
        async with pager.standing():
            await pager.tell(610)
        assert {"early": early, "late": pager.said()} == {"early": [], "late": [FIRES]}


async def test_of_a_group_only_what_nobody_has_acknowledged_is_told(tmp_path):
    policy = ReceiverPolicy("pager", group_by=("alertname",), after_s=600.0)
    async with line(tmp_path, policy) as pager, pager.standing():
        await pager.fire(10, APP, BOT)
        await pager.acknowledge(20, BOT)
        await pager.tell(610)
    assert pager.said() == [FIRES]


async def test_a_chain_is_told_one_after_the_other_until_somebody_acknowledges(tmp_path):
    told_at: dict[str, int] = {}
    for name, after_s in (("chat", 0.0), ("pager", 600.0), ("boss", 1_800.0)):
        folder = tmp_path / name
        folder.mkdir()
        async with line(folder, ReceiverPolicy(name, after_s=after_s)) as one, one.standing():
            await one.fire(0, APP)
            for at in range(0, 1_200, 60):
                await one.tell(at)
                if one.said():
                    told_at.setdefault(name, at)
            await one.acknowledge(1_200, APP)
            for at in range(1_200, 3_600, 60):
                await one.tell(at)
                if one.said():
                    told_at.setdefault(name, at)
    assert told_at == {"chat": 0, "pager": 600}


@dataclass(frozen=True, slots=True)
class Minute:
    """What happens at the beginning of a minute, before anybody is told.

    Attributes:
        severity: of what fires; empty if nothing does.
        is_taken: whether somebody acknowledges it now.
        is_muted: whether nobody may be told.
        restarts: whether the evaluator starts anew before it.
    """

    severity: str
    is_taken: bool
    is_muted: bool
    restarts: bool


@dataclass(slots=True)
class Oracle:
    """Counts minutes in which an incident is there, may be told, and nobody has it; slow and obvious.

    Attributes:
        told: the minutes in which something is told.
    """

    after: int
    told: list[tuple[int, str]] = field(default_factory=list)
    _worst: str = ""
    _is_known: bool = False
    _asks_since: int | None = None
    _muted_at: int = -1

    def minute(self, number: int, now: Minute) -> None:
        if now.restarts:
            self._muted_at = -1
        if not now.severity:
            if self._is_known:
                self.told.append((number, "resolved"))
            self._worst, self._is_known, self._asks_since, self._muted_at = "", False, None, -1
            return
        is_page = not self._worst or (self._worst, now.severity) == ("warning", "critical")
        if is_page:
            self._worst = now.severity
            self._asks_since = number if self._asks_since is None else self._asks_since
        if now.is_taken and not self._is_known and self.after:
            self._asks_since = None
        if now.is_muted:
            self._muted_at = number if self._asks_since is not None or not self._is_known else self._muted_at
            return
        if self._is_known:
            if self._asks_since is not None:
                self.told.append((number, "firing"))
                self._asks_since = None
        elif self._asks_since is not None and number - max(self._asks_since, self._muted_at) >= self.after:
            self.told.append((number, "firing"))
            self._is_known, self._asks_since = True, None


minutes = st.lists(
    st.builds(
        Minute,
        st.sampled_from(["", "warning", "warning", "critical", "critical"]),
        st.sampled_from([False, False, False, True]),
        st.sampled_from([False, False, True]),
        st.sampled_from([False, False, False, True]),
    ),
    min_size=1,
    max_size=24,
)


async def told(folder: Path, after: int, happens: Sequence[Minute]) -> list[tuple[int, str]]:
    """The minutes in which a webhook got something."""
    lives: list[list[tuple[int, Minute]]] = [[]]
    for number, minute in enumerate(happens):
        if minute.restarts:
            lives.append([])
        lives[-1].append((number, minute))
    found: list[tuple[int, str]] = []
    async with line(folder, ReceiverPolicy("pager", after_s=60.0 * after, repeat_interval_s=86_400.0)) as made:
        for life in lives:
            async with made.standing():
                for number, minute in life:
                    await happen(made, 60.0 * number, minute)
                    before = len(made.messages())
                    await made.tell(60.0 * number)
                    found += [(number, message["status"]) for message in made.messages()[before:]]
    return found


async def happen(made: Line, at: float, minute: Minute) -> None:
    met = {APP: minute.severity != "", WORSE: minute.severity == "critical"}
    await made.see(at, {of: Condition.MET if holds else Condition.CLEARED for of, holds in met.items()})
    made.muted = {"app"} if minute.is_muted else set()
    if minute.is_taken and minute.severity:
        await made.acknowledge(at, APP)


@pytest.mark.timeout(600)
@settings(max_examples=scaled(40))
@given(st.sampled_from([0, 1, 3, 6]), minutes)
def test_random_days_are_told_in_the_minutes_that_an_oracle_counts(after, happens):
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(told(Path(folder), after, happens))
    oracle = Oracle(after)
    for number, minute in enumerate(happens):
        oracle.minute(number, minute)
    assert found == oracle.told
