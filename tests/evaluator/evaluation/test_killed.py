"""Killed at random moments, an evaluator loses nothing that it wrote, and tells nothing twice without need."""

import os
import random
import subprocess
import sys
from collections import Counter, defaultdict
from contextlib import suppress
from pathlib import Path

import pytest
import sqlalchemy

from alertlife import victim
from budget import scaled
from lapbell_evaluator.database import payloads
from lapbell_evaluator.model import State
from peers.process import pipe
from peers.sink import otlp_sink

KILLS = scaled(15, least=10)


def started(folder: Path, url: str) -> subprocess.Popen[str]:
    root = Path(victim.__file__).parents[1]
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(root), *sys.path])}
    return subprocess.Popen([sys.executable, victim.__file__, folder, url], stdout=subprocess.PIPE, text=True, env=env)


def lives(folder: Path, url: str, seed: int) -> list[str]:
    """What the lives said: all but the last are killed, at a random moment after they began to work."""
    moments = random.Random(seed)
    said: list[str] = []
    for _ in range(KILLS):
        with started(folder, url) as life:
            said.append(pipe(life.stdout).readline())
            with suppress(subprocess.TimeoutExpired):
                life.wait(moments.uniform(0.0, 0.8))
            life.kill()
            said.extend(line for line in pipe(life.stdout) if line.endswith("\n"))
    (folder / "stop").touch()
    with started(folder, url) as life:
        said.extend(pipe(life.stdout))
    assert life.returncode == 0
    return said


def rows(folder: Path, query: str) -> list[tuple]:
    engine = sqlalchemy.create_engine(f"sqlite:///{folder}/alerts.db")
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(sqlalchemy.text(query))]
    engine.dispose()
    return found


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_an_evaluator_that_is_killed_again_and_again_loses_nothing(tmp_path):
    with otlp_sink() as sink:
        said = lives(tmp_path, sink.url, seed=KILLS)
        told = [
            next(each.value.string_value for each in record.attributes if each.key == "lapbell.alert.transition_id")
            for record in sink.log_records
        ]
    kept = [payloads.transition(row[0]) for row in rows(tmp_path, "SELECT payload FROM transitions ORDER BY seq")]
    news = [each.id for each in kept if each.is_news]
    assert set(told) == set(news), "a transition was lost, or told and not kept"
    twice = [each for each, count in Counter(told).items() if count > 1]
    assert len(twice) <= 100 * KILLS  # only what was under way when it was killed: one batch for each life
    assert all(count <= KILLS + 1 for count in Counter(told).values())

    silences = {row[0] for row in rows(tmp_path, "SELECT id FROM silences")}
    assert {line.split()[1] for line in said if line.startswith("silence ")} <= silences
    acknowledged = {each.incident.id for each in kept if each.reason == "acknowledged"}
    assert {line.split()[1] for line in said if line.startswith("ack ")} <= acknowledged

    by_incident = defaultdict(list)
    for each in kept:
        by_incident[each.incident.id].append(each)
    for moves in by_incident.values():
        states = [each.state for each in moves if each.is_news]
        assert states in (
            [State.FIRING],
            [State.FIRING, State.RECOVERING],
            [State.FIRING, State.RECOVERING, State.RESOLVED],
            [State.PENDING],
            [State.PENDING, State.FIRING],
        )
    assert all(each.incident.value <= 1 for each in kept if each.state is State.RESOLVED)

    restless = defaultdict(set)
    for each in kept:
        if ("alertname", "Restless") in each.incident.labels:
            restless[each.incident.key].add(each.incident.id)
    assert [len(ids) for ids in restless.values()] == [1] * victim.SERIES, "a return was another incident"

    steady = [each for each in kept if ("alertname", "Steady") in each.incident.labels and each.is_news]
    assert [each.state for each in steady] == [State.PENDING, State.FIRING], "`for` began anew"
    print(
        f"{KILLS} kills, {len(kept)} transitions, {len(news)} told, {len(told) - len(news)} of them again,"
        f" {len(silences)} silences, {len(acknowledged)} acknowledged; steady: {[str(each.state) for each in steady]}"
    )
