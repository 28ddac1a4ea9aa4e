"""A world's exports through the shipped rules, the real engine and the real alert life, on a hand-moved clock."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from alertlife.timeline import Timeline, timeline
from lapbell_evaluator.config import Thresholds
from lapbell_evaluator.evidence import EvidenceCollector, RecentTraces
from lapbell_evaluator.model import Transition
from lapbell_evaluator.promql import Engine
from lapbell_evaluator.rules import shipped
from lapbell_evaluator.series import ExemplarRing, Limits, SeriesStore
from weeks_kit.incidents import NamedIncident, incidents_of
from weeks_kit.surroundings import Surroundings
from weeks_kit.webhooks import Webhooks
from weeks_kit.world import START_S, STEP_S, World

__all__ = ["Exports", "moves_of", "told_by", "world_timeline"]

RETENTION_MS: Final = 2_400_000
_EVALUATED_AFTER_S: Final = 2.0


class Exports:
    """What all services of a world send, step by step."""

    def __init__(self, world: World, store: SeriesStore) -> None:
        self._store = store
        self._webhooks, self._surroundings = Webhooks(world, store), Surroundings(world, store)

    def send(self, step: int) -> float:
        """Put a step's samples into the store; the next step's may follow. Unix seconds of the evaluation after it."""
        for batch in (*self._webhooks.batches(step), self._surroundings.batch(step)):
            result = self._store.append(batch)
            if result.over_limit or result.gone.size:
                raise ValueError(f"The store left out {result.over_limit + result.gone.size} samples of step {step}.")
        return START_S + step * STEP_S + _EVALUATED_AFTER_S


@asynccontextmanager
async def world_timeline(world: World, folder: Path) -> AsyncIterator[tuple[Timeline, Exports]]:
    """An evaluator with the shipped rules as users have them, and what feeds it."""
    rules = [group for group in shipped(Thresholds()) if group.name != "lapbell"]  # which is about the evaluator itself
    store = SeriesStore(
        Limits(series=1_000 * world.services, series_per_metric=80 * world.services, retention_ms=RETENTION_MS)
    )
    async with timeline(
        folder,
        rules,
        start=float(START_S),
        interval_s=float(STEP_S),
        store=store,
        reopen_within_s=None,
        is_recorded=False,
        evidence_collector=EvidenceCollector(Engine(store), RecentTraces(), ExemplarRing()),
    ) as line:
        yield line, Exports(world, store)


async def moves_of(world: World, folder: Path) -> tuple[Transition, ...]:
    """Everything that happened to the incidents of a world."""
    async with world_timeline(world, folder) as (line, exports):
        for step in range(world.steps):
            await line.at(exports.send(step))
        return tuple(line.told)


async def told_by(world: World, folder: Path) -> tuple[NamedIncident, ...]:
    """The incidents of a world."""
    return tuple(incidents_of(await moves_of(world, folder)))
