"""The blame agrees with causes that were put in: random troubles through the real store, traces and engine."""

import random
from collections import Counter

import pytest

from blame_kit import Service, Trouble, random_trouble
from blame_kit.troubles import NOON
from budget import scaled
from lapbell_evaluator.evidence import EvidenceCollector, RecentTraces
from lapbell_evaluator.model import Alert, Evidence, State, labels
from lapbell_evaluator.promql import Engine
from lapbell_evaluator.series import ExemplarRing, SeriesStore

SEED = 20_261_129
LEAST_AGREEMENT = 0.95


async def evidence_of(trouble: Trouble) -> Evidence:
    """What the evaluator says of a trouble half a minute after the rule was first seen to breach."""
    store, traces = SeriesStore(), RecentTraces()
    service = Service(store, traces)
    trouble.happens(service)
    own = labels({**trouble.alert, "job": service.job})
    alert = Alert("g", "r", own, "key", own, State.FIRING, active_at=NOON - 30, proven_at=NOON, value=1)
    engine = Engine(store)
    try:
        return await EvidenceCollector(engine, traces, ExemplarRing()).collect(alert, NOON)
    finally:
        engine.close()


@pytest.mark.timeout(600)
async def test_the_blame_agrees_with_the_causes_of_random_troubles():
    """A hundred of them; `LAPBELL_BUDGET=5` makes the five hundred that ARCHITECTURE.md speaks of."""
    rounds = scaled(100)
    agreed, missed = 0, Counter[str]()
    for number in range(rounds):
        trouble = random_trouble(random.Random(SEED + number))
        evidence = await evidence_of(trouble)
        if trouble.blames(evidence):
            agreed += 1
        else:
            missed[f"seed {SEED + number}: {trouble.name}: {evidence}"] += 1
    print(f"the blame agrees in {agreed} of {rounds} random troubles ({agreed / rounds:.1%})", *missed, sep="\n")
    assert agreed / rounds >= LEAST_AGREEMENT, "\n".join(missed)
