"""What arrives while a query is evaluated: all of it is seen, or nothing."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pytest

from lapbell_evaluator.model import Batch, labels
from lapbell_evaluator.promql import Engine
from lapbell_evaluator.series import Limits, Matcher, Selection, SeriesStore

ERRORS, ALL = labels({"__name__": "errors"}), labels({"__name__": "requests"})
SHARE = "errors / requests"


class Arriving:
    """A store to which an export comes after each of the next selections, as long as nobody keeps it unchanged.

    Args:
        times: how many exports come.
    """

    def __init__(self, times: int = 1) -> None:
        self.store = SeriesStore(Limits(retention_ms=600_000))
        self._left = times
        self._is_held = False
        self._count = 0
        self.arrive()

    @property
    def version(self) -> int:
        return self.store.version

    @contextmanager
    def unchanged(self) -> Iterator[int]:
        with self.store.unchanged() as version:
            self._is_held = True
            yield version
            self._is_held = False

    @contextmanager
    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, spend) -> Iterator[Selection]:
        with self.store.select(matchers, start_ms, end_ms, spend) as selection:
            yield selection
        if self._left and not self._is_held:
            self._left -= 1
            self.arrive()

    def matching(self, matchers, start_ms, end_ms, spend):
        return self.store.matching(matchers, start_ms, end_ms, spend)

    def arrive(self) -> None:
        """Ten times as many requests, of which a tenth are errors, in one export a second later."""
        self._count += 1
        refs = np.array([self.store.intern(ERRORS), self.store.intern(ALL)])
        values = np.array([1.0, 10.0]) * 10**self._count
        self.store.append(Batch(refs, np.full(2, 1_000 * self._count), values))


@pytest.fixture
def storage():
    return Arriving()


@pytest.fixture
def engine(storage):
    made = Engine(storage)
    yield made
    made.close()


async def test_a_share_is_one_of_the_same_requests_although_an_export_came_between_its_parts(engine):
    answer = await engine.query(SHARE, 60.0)
    assert [sample.value for sample in answer.samples] == [0.1]


async def test_a_rules_share_is_one_of_the_same_requests_although_an_earlier_rule_saw_less(engine):
    with engine.cycle():
        await engine.query("requests + 0", 60.0)
        answer = await engine.query("errors / (requests + 0)", 60.0)
    assert [sample.value for sample in answer.samples] == [0.1]


async def test_figures_that_are_asked_together_are_of_the_same_requests(engine):
    errors, requests = await engine.query_all(["errors", "requests"], 60.0)
    assert errors.samples[0].value / requests.samples[0].value == 0.1


async def test_what_rules_record_makes_no_query_begin_anew(storage):
    before = storage.store.version
    ref = storage.store.intern(labels({"__name__": "recorded"}))
    storage.store.append(Batch(np.array([ref]), np.array([1_000]), np.array([1.0])), is_recorded=True)
    assert storage.store.version == before
