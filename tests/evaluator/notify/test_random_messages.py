"""Random days of one receiver: incidents, silences, restarts, answers that are lost, and what it knows in the end."""

import asyncio
import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget import scaled
from lapbell_evaluator.alerts import Condition
from lapbell_evaluator.model import ReceiverPolicy, State
from message_kit import Line, job, line
from peers.answering import Answer

JOBS = ("a", "b", "c")
LOST, FAILS, AWAY, FINE = Answer(504), Answer(500), Answer(503), Answer()


@dataclass(frozen=True, slots=True)
class Step:
    """What happens in one minute.

    Attributes:
        firing: jobs whose condition holds.
        muted: jobs of which nobody may be told.
        answer: of the receiver; it takes what it answers 500 and 504 to, and nobody hears that.
        restarts: whether the evaluator ends and starts again.
    """

    firing: frozenset[str]
    muted: frozenset[str]
    answer: Answer
    restarts: bool


some = st.frozensets(st.sampled_from(JOBS))
steps = st.lists(
    st.builds(Step, some, some, st.sampled_from([FINE, FINE, LOST, FAILS, AWAY]), st.booleans()),
    min_size=1,
    max_size=12,
)
policies = st.builds(
    ReceiverPolicy,
    st.just("chat"),
    group_by=st.sampled_from([(), ("alertname",)]),
    group_wait_s=st.sampled_from([0.0, 90.0]),
    group_interval_s=st.sampled_from([0.0, 120.0]),
    repeat_interval_s=st.sampled_from([300.0, 86_400.0]),
)


@dataclass(slots=True)
class Heard:
    """What a receiver knows that drops a message whose key it knows.

    Attributes:
        firing: incidents that it takes for firing, by id.
        keys: of the messages that it has taken.
        moves: how often each transition was told.
        ends_of_unknown: incidents of whose end it heard, and of whose beginning neither before nor in the same message.
        changed_under_a_key: keys of messages that came again with other moves.
    """

    firing: set[str] = field(default_factory=set)
    keys: dict[str, list[str]] = field(default_factory=dict)
    moves: dict[str, int] = field(default_factory=dict)
    ends_of_unknown: list[str] = field(default_factory=list)
    changed_under_a_key: list[str] = field(default_factory=list)

    def take(self, message: dict[str, Any]) -> None:
        key, moves = message["idempotencyKey"], message["transitionIds"]
        if key in self.keys:
            self.changed_under_a_key += [key] if self.keys[key] != moves else []
            return
        self.keys[key] = moves
        for move in moves:
            self.moves[move] = self.moves.get(move, 0) + 1
        for alert in message["alerts"]:
            incident = alert["incidentId"]
            if alert["status"] == "firing":
                self.firing.add(incident)
                continue
            is_begun_here = sum(move.startswith(incident) for move in moves) > 1
            self.ends_of_unknown += [] if incident in self.firing or is_begun_here else [incident]
            self.firing.discard(incident)


def heard(made: Line) -> Heard:
    """What came and was taken, whether anybody heard so or not."""
    knows = Heard()
    for request, answer in made.came:
        if answer != AWAY:
            knows.take(json.loads(request.body))
    return knows


async def day(folder: Path, policy: ReceiverPolicy, happens: list[Step]) -> tuple[Heard, set[str], int]:
    """What the receiver knows in the end, what fires then, and how many notices wait."""
    lives: list[list[Step]] = [[]]
    for step in happens:
        lives[-1].append(step)
        if step.restarts:
            lives.append([])
    async with line(folder, policy) as made:
        at = 0.0
        for life in lives:
            async with made.standing():
                for step in life:
                    at += 60.0
                    made.muted = set(step.muted)
                    made.answers(step.answer)
                    await made.see(at, {job(name): met(holds=name in step.firing) for name in JOBS})
                    await made.tell(at)
        made.muted = set()
        made.answers(FINE)
        async with made.standing():
            for later_s in (200.0, 400.0):
                await made.tell(at + later_s)
            waiting = await made.database.pending("chat", 1_000)
            fires = {incident.id for incident in made.store.incidents.values() if incident.state is State.FIRING}
    return heard(made), fires, len(waiting)


def met(*, holds: bool) -> Condition:
    return Condition.MET if holds else Condition.CLEARED


@pytest.mark.timeout(600)
@settings(max_examples=scaled(25))
@given(policies, steps)
def test_a_receiver_knows_in_the_end_what_fires_and_was_told_every_move_once(policy, happens):
    with tempfile.TemporaryDirectory() as folder:
        knows, fires, waiting = asyncio.run(day(Path(folder), policy, happens))
    assert knows.firing == fires
    assert waiting == 0
    assert knows.changed_under_a_key == []
    assert knows.ends_of_unknown == []
    assert {move: times for move, times in knows.moves.items() if times > 1} == {}
