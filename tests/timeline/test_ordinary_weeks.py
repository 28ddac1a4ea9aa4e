"""Ordinary weeks: every real trouble is one incident, and nothing else is.

The statistics are those of the rule as plain numpy (`weeks_kit.share_rule`), which is held to the engine here; a day of
200 services with troubles of every kind, 28 service-weeks, goes through the shipped rules and the real alert life.
`python -m weeks_kit` prints the tables, `python -m weeks_kit.days 36` runs 1,000 service-weeks.
"""

import numpy as np
import pytest

from alertlife.timeline import timeline
from budget import scaled
from lapbell_evaluator.config import Thresholds
from lapbell_evaluator.model import METRIC_NAME, Batch, RuleGroup, labels
from lapbell_evaluator.rules import shipped
from weeks_kit.episodes import Episode, Outcome, outcome
from weeks_kit.judging import Faults, is_plain, judged
from weeks_kit.life import moves_of, told_by
from weeks_kit.pages import pages, pages_by_trouble, stray_pages
from weeks_kit.share_rule import Incident, ShareRule, incidents
from weeks_kit.tables import OUTLIERS, TRAFFIC, false_incidents
from weeks_kit.traffic import Traffic, bad_ones, requests
from weeks_kit.world import STEP_S, World

SEED = 1
COUNT = 400


def error_rule() -> list[RuleGroup]:
    """The warning of WebhookErrorRate with the recordings that it reads."""
    (group,) = [group for group in shipped(Thresholds()) if group.name == "lapbell-webhook"]
    rules = [
        rule
        for rule in group.rules
        if "_over" not in rule.name
        and rule.name in ("WebhookErrorRate", *(each.name for each in group.rules if ":" in each.name))
        and dict(rule.labels).get("severity", "warning") == "warning"
    ]
    return [RuleGroup(group.name, tuple(rules))]


async def by_the_engine(events, bad, step_s: int, folder) -> list[Incident]:
    """The incidents of these counts by the shipped rule, the engine and the real alert life."""
    services = len(events)
    async with timeline(folder, error_rule(), interval_s=float(step_s)) as line:
        refs = np.array(
            [
                line.store.intern(
                    labels(
                        {
                            METRIC_NAME: "webhook_request_duration_seconds_count",
                            "job": f"s{service}",
                            "http_route": "/w",
                            "webhook_outcome": outcome_,
                        }
                    )
                )
                for outcome_ in ("accepted", "error")
                for service in range(services)
            ],
            np.int64,
        )
        totals = np.concatenate([np.cumsum(events - bad, axis=1), np.cumsum(bad, axis=1)])
        line.store.append(Batch(refs, np.full(len(refs), -1000), np.zeros(len(refs))))
        for step in range(events.shape[1]):
            at = step * step_s
            line.store.append(Batch(refs, np.full(len(refs), at * 1000), totals[:, step].astype(float)))
            await line.at(float(at))
        firings = [each for each in line.told if each.state in ("firing", "resolved")]
    begun: dict[str, float] = {}
    found = []
    for each in firings:
        job = dict(each.incident.labels)["job"]
        if each.state == "firing":
            begun[job] = each.at
        else:
            found.append(Incident(int(job[1:]), begun.pop(job), each.at))
    end = float((events.shape[1] - 1) * step_s)
    return sorted(
        [*found, *(Incident(int(job[1:]), at, end) for job, at in begun.items())],
        key=lambda each: (each.service, each.start),
    )


@pytest.mark.slow
@pytest.mark.parametrize("per_minute", [2.0, 8.0, 40.0])
async def test_the_rule_in_numpy_is_the_rule_in_the_engine(per_minute, tmp_path):
    random = np.random.default_rng(round(per_minute))
    events = requests(random, Traffic(np.full(30, per_minute), day_swing=0.0), 3600, STEP_S)
    bad = bad_ones(random, events, 0.05, 2)
    bad[:, 60:90] = random.binomial(events[:, 60:90], 0.5)
    bad[:15, 100:140] = 0
    events[5:10, 130:210] = 0
    bad = np.minimum(bad, events)
    fast = incidents(ShareRule(step_s=STEP_S, reopen_s=0.0), events, bad)
    assert await by_the_engine(events, bad, STEP_S, tmp_path) == sorted(
        fast, key=lambda each: (each.service, each.start)
    )


def test_ordinary_outliers_make_no_incident():
    """Of 2,000 service-weeks at most three have one; here are as many as a few seconds allow."""
    weeks = scaled(40)
    found = {per_minute: false_incidents(OUTLIERS[0], per_minute, 7 * weeks, SEED) for per_minute in TRAFFIC}
    assert sum(found.values()) <= 3 * max(1.0, 5 * weeks / 2000), found


def test_outliers_in_pairs_make_few():
    weeks = scaled(20)
    (pairs,) = [each for each in OUTLIERS if each.together == 2]
    found = {per_minute: false_incidents(pairs, per_minute, 7 * weeks, SEED) / weeks for per_minute in TRAFFIC}
    assert max(found.values()) <= 0.3, found


RECALL = {
    (1.0, 300): (0.61, 0.95, 1.0, 1.0, 1.0),
    (1.0, 1800): (0.87, 1.0, 1.0, 1.0, 1.0),
    (0.3, 300): (0.08, 0.56, 0.88, 0.99, 1.0),
}
"""What the field's best of seventy variants found, by share and seconds, at `TRAFFIC`; five points under is as good."""


@pytest.mark.parametrize(("share", "seconds"), RECALL)
def test_troubles_are_found(share, seconds):
    found = [outcome(Episode(each, share, seconds), ShareRule(), COUNT, SEED).recall for each in TRAFFIC]
    lacking = {
        per_minute: (recall, wanted)
        for per_minute, recall, wanted in zip(TRAFFIC, found, RECALL[share, seconds], strict=True)
        if recall < wanted - (0.05 if wanted < 1 else 0.0)
    }
    assert lacking == {}


@pytest.mark.parametrize("seconds", [300, 1800])
def test_a_trouble_in_which_half_of_the_requests_are_bad_is_one_incident(seconds):
    every = [outcome(Episode(each, 0.5, seconds), ShareRule(), COUNT, SEED) for each in TRAFFIC[1:]]
    assert [each.incidents for each in every] == [1.0] * len(every)


def test_a_trouble_is_found_soon_and_over_soon():
    """Seconds from the first bad request, and from the end until the condition is over: median, nine in ten."""
    limits = {5: (60, 90, 200), 20: (40, 90, 130), 60: (25, 90, 95), 600: (15, 90, 95)}
    found: dict[int, Outcome] = {each: outcome(Episode(each, 1.0, 300), ShareRule(), COUNT, SEED) for each in limits}
    late = {
        per_minute: each
        for per_minute, each in found.items()
        if each.delay_s > limits[per_minute][0]
        or each.clear_s > limits[per_minute][1]
        or each.clear_p90_s > limits[per_minute][2]
    }
    assert late == {}


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(11, 11 + scaled(1)))
async def test_a_day_of_services_with_troubles_of_every_kind(seed, tmp_path):
    """28 service-weeks; with a budget of 2 two days."""
    world = World(seed, services=200)
    assert judged(world, await told_by(world, tmp_path)) == Faults()


async def test_each_trouble_wakes_somebody_once_and_nothing_else_does(tmp_path):
    """Two hours of 28 services, one with a trouble of each kind beside one with none."""
    world = World(SEED, services=28, seconds=9_000)
    woken = pages(await moves_of(world, tmp_path))
    counts = {trouble.kind: len(own) for trouble, own in pages_by_trouble(world, woken).items()}
    plain = {trouble.kind: 1 for trouble in world.troubles if is_plain(world, trouble)}
    assert stray_pages(world, woken) == ()
    assert {kind: count for kind, count in counts.items() if count != plain.get(kind, count) or count > 1} == {}
