"""Storms: incidents that begin to fire by the dozen, as one thing to read, from their first minute to the last."""

import numpy as np
import pytest
import sqlalchemy

from alertlife.timeline import Timeline, timeline
from lapbell_evaluator.model import (
    METRIC_NAME,
    Batch,
    DifferingLabel,
    LabelMatcher,
    PostableAlert,
    Silence,
    State,
    Storm,
    labels,
    storm_of,
)
from lapbell_evaluator.series import Limits, SeriesStore

RULES = """\
groups:
- name: g
  interval: 5s
  rules:
  - {alert: Failing, expr: errors > 1, labels: {severity: warning}}
  - {alert: Failing, expr: errors > 10, labels: {severity: critical}}
"""


def errors(line: Timeline, at: float, routes: range, value: float = 2.0) -> None:
    for route in routes:
        line.push(at, "errors", value, route=f"/{route}", job="shop", zone="east" if route % 4 else "west")


async def storms(line: Timeline) -> list[tuple[float, int, int]]:
    """When each storm began, how many of it fire, how many are held."""
    found = await line.alert_service.storms(await line.alert_service.incidents())
    return [(each.began_at, each.firing, each.held) for each in found]


def gauge(line: Timeline) -> float:
    return next(each.value for each in line.own_series.readings() if each.name.endswith("storms"))


async def test_a_storm_says_what_its_incidents_share_and_where_they_differ(tmp_path):
    async with timeline(tmp_path, RULES) as line:
        errors(line, 100, range(3, 40))
        errors(line, 100, range(3), value=12.0)
        await line.at(100)
        incidents = await line.alert_service.incidents()
        keys = {dict(each.incident.labels)["route"]: each.incident.key for each in incidents}
        (storm,) = await line.alert_service.storms(incidents)
        own = {storm_of(each.incident) for each in incidents}
        assert storm == Storm(
            id=storm.id,
            alertname="Failing",
            severity="critical",
            firing=40,
            recovering=0,
            held=0,
            acknowledged=0,
            silenced=0,
            began_at=100,
            last_at=100,
            common=labels({"alertname": "Failing", "job": "shop"}),
            differing=(
                DifferingLabel("severity", 2, (("warning", 37), ("critical", 3))),
                DifferingLabel("zone", 2, (("east", 30), ("west", 10))),
                DifferingLabel("route", 40, (("/0", 1), ("/1", 1), ("/10", 1))),
            ),
            examples=(
                *sorted(keys[f"/{route}"] for route in range(3)),
                *sorted(key for route, key in keys.items() if int(route[1:]) >= 3)[:2],
            ),
        )
        assert own == {storm.id}
        assert gauge(line) == 1


async def test_twenty_within_a_minute_are_a_storm_and_nineteen_are_none(tmp_path):
    async with timeline(tmp_path, RULES) as line:
        errors(line, 100, range(19))
        await line.at(100)
        assert await storms(line) == []
        assert gauge(line) == 0
        errors(line, 155, range(20))
        await line.at(155)
        assert await storms(line) == [(100, 20, 0)]
        assert gauge(line) == 1


async def test_a_slow_trickle_is_none(tmp_path):
    async with timeline(tmp_path, RULES) as line:
        for begun in range(1, 60):
            errors(line, 5 * begun, range(begun))
            await line.at(5 * begun)
        incidents = await line.alert_service.incidents()
        assert len(incidents) == 59
        assert {each.incident.storm_began_at for each in incidents} == {None}


async def test_it_grows_while_some_begin_and_is_over_when_few_are_left_for_good(tmp_path):
    async with timeline(tmp_path, RULES) as line:
        errors(line, 100, range(20))
        await line.at(100)
        errors(line, 200, range(30))
        await line.at(200)
        assert await storms(line) == [(100, 30, 0)]
        errors(line, 250, range(4, 30), value=0.0)
        errors(line, 250, range(4))
        await line.at(250)
        assert await storms(line) == []
        errors(line, 255, range(15))
        await line.at(255)
        assert await storms(line) == []
        assert {each.incident.storm_began_at for each in await line.alert_service.incidents()} == {100, None}


async def test_what_begins_long_after_is_told_alone(tmp_path):
    async with timeline(tmp_path, RULES) as line:
        for at in range(100, 500, 100):
            errors(line, at, range(20))
            await line.at(at)
        errors(line, 500, range(21))
        await line.at(500)
        (last,) = (each for each in await line.alert_service.incidents() if storm_of(each.incident) is None)
        assert await storms(line) == [(100, 20, 0)]
        assert dict(last.incident.labels)["route"] == "/20"


async def test_incidents_that_come_and_go_are_one_storm(tmp_path):
    async with timeline(tmp_path, RULES) as line:
        seen = []
        for at in range(100, 700, 20):
            for route in range(40):
                errors(line, at, range(route, route + 1), value=2.0 if (route + at // 20) % 4 else 0.0)
            await line.at(at)
            seen.append(await storms(line))
        assert seen == [[(100, 30, 0)]] * len(seen)


async def test_the_taken_and_the_silenced_are_counted_and_the_held_stay_in_it(tmp_path):
    async with timeline(tmp_path, RULES) as line:
        errors(line, 100, range(24))
        await line.at(100)
        keys = [each.incident.key for each in await line.alert_service.incidents()]
        await line.alert_service.acknowledge(keys[0], "ann", "mine")
        await line.muting.put(Silence("", (LabelMatcher("zone", "west"),), 100, 1000, "bob", "the west is being moved"))
        (storm,) = await line.alert_service.storms(await line.alert_service.incidents())
        assert storm.firing == 24
        assert storm.acknowledged == 1
        assert storm.silenced == 6
        for key in keys:
            await line.alert_service.resolve(key, "ann", "the upstream is back")
        assert await storms(line) == [(100, 0, 24)]


@pytest.mark.parametrize("fallen", [0, 16])
async def test_a_restart_keeps_it(tmp_path, fallen):
    async with timeline(tmp_path, RULES) as line:
        errors(line, 100, range(10))
        await line.at(100)
        errors(line, 140, range(30))
        await line.at(140)
        errors(line, 160, range(fallen), value=0.0)
        errors(line, 160, range(fallen, 30))
        await line.at(160)
        before = await line.alert_service.storms(await line.alert_service.incidents())
    async with timeline(tmp_path, RULES, start=170) as line:
        after = await line.alert_service.storms(await line.alert_service.incidents())
        assert after == before
        assert len(before) == 1
        assert before[0].firing == 30 - fallen


async def test_alerts_of_others_are_storms_too_but_not_without_a_name(tmp_path):
    async with timeline(tmp_path, RULES) as line:
        named = [PostableAlert(labels({"alertname": "Theirs", "pod": str(pod)})) for pod in range(30)]
        nameless = [PostableAlert(labels({"pod": str(pod)})) for pod in range(30)]
        line.clock.at = 100
        await line.external_alerts.post([*named, *nameless])
        found = await line.alert_service.storms(await line.alert_service.incidents())
        assert [(each.alertname, each.firing, each.severity) for each in found] == [("Theirs", 30, "")]


@pytest.mark.slow
async def test_of_twenty_five_thousand_at_once_none_is_lost_and_the_storm_is_one(tmp_path):
    count = 25_000
    store = SeriesStore(Limits(series=4 * count, series_per_metric=2 * count))
    refs = [store.intern(labels({METRIC_NAME: "errors", "route": str(route)})) for route in range(count)]
    store.append(Batch(np.array(refs, np.int64), np.full(count, 100_000, np.int64), np.full(count, 2.0)))
    async with timeline(tmp_path, RULES, store=store) as line:
        await line.at(100)
        incidents = await line.alert_service.incidents()
        (storm,) = await line.alert_service.storms(incidents)
        told = {each.incident.key for each in line.told if each.state is State.FIRING}
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path}/alerts.db")
    with engine.connect() as connection:
        rows = [
            connection.execute(sqlalchemy.text(f"SELECT count(*) FROM {table}")).scalar_one()
            for table in ("transitions", "outbox")
        ]
    engine.dispose()
    assert len(told) == count
    assert len(incidents) == count
    assert rows == [count, count]
    assert storm.firing == count
    assert len(storm.examples) == 5
    assert storm.differing[0].distinct == count
