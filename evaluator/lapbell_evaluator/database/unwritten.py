"""What is on its way to the database, in order; all of it while the database takes nothing."""

import itertools
import logging
import threading
from collections import Counter, deque
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Final

from lapbell_evaluator.database.writing import Mark, NoticeKey
from lapbell_evaluator.model import Change, Notice, Recipients

__all__ = ["Batch", "Unwritten"]

_FOLDED_FROM: Final = 100
_MOST_TRANSITIONS: Final = 100_000  # some 200 MB
_SETTLES: Final = ("delivered_at", "refused_at", "dropped_at")
_log: Final = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Batch:
    """What one transaction writes.

    Attributes:
        number: rises by one with each batch.
        changes: the changes, in order.
        notices: of the changes; their ids are below zero, for they have no rows yet.
        marks: what is noted of notices, after the changes.
        written: done when it is, or when it never will be.
        is_tried: writing it has begun: it stays as it is, for a commit that nobody heard of may have written it.
    """

    number: int
    changes: list[Change] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    written: Future[None] = field(default_factory=Future)
    is_tried: bool = False

    def change(self) -> Change:
        """Its changes as one."""
        return reduce(Change.followed_by, self.changes, Change())


class Unwritten:
    """Batches that wait, the first of them perhaps under way. Any thread may call it.

    While the database takes nothing, what comes joins the last batch: of an alert, an incident and a silence only the
    last state is kept, of moves the last 100,000; the older ones are missing in history.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._batches: deque[Batch] = deque()
        self._numbers = itertools.count(1)
        self._ids = itertools.count(-1, -1)
        self._handed_out: dict[int, NoticeKey] = {}
        self._settled: set[int] = set()
        self._attempts: Counter[int] = Counter()
        self.dropped_transitions = 0

    def __len__(self) -> int:
        """How many batches wait."""
        return len(self._batches)

    def add(self, change: Change, recipients: Recipients, *, joins: bool) -> Batch:
        """Have a change written, and a notice for each receiver and transition that is news.

        Args:
            change: what to write.
            recipients: who is notified of a transition.
            joins: whether it may be written together with what waits already.
        """
        news = [transition for transition in change.transitions if transition.is_news]
        with self._lock:
            batch = self._last(joins=joins)
            batch.changes.append(change)
            batch.notices.extend(
                Notice(next(self._ids), receiver, transition)
                for transition in news
                for receiver in recipients(transition)
            )
            if len(batch.changes) > _FOLDED_FROM:
                self._fold(batch)
            return batch

    def note(self, mark: Mark, *, joins: bool) -> Batch:
        """Have noted what became of notices; notices without a row are meant by their ids as well.

        Args:
            mark: what to note.
            joins: as in `add`.
        """
        with self._lock:
            own = tuple(number for number in mark.ids if number < 0)
            keys = tuple(self._handed_out[number] for number in own)
            if not mark.values.keys().isdisjoint(_SETTLES):
                self._settled.update(own)
            if "attempts" in mark.values:
                self._attempts.update(own)
            batch = self._last(joins=joins)
            batch.marks.append(replace(mark, ids=tuple(number for number in mark.ids if number >= 0), keys=keys))
            return batch

    def pending(self, receiver: str, limit: int) -> tuple[Notice, ...]:
        """The notices of a receiver that wait here and were neither delivered nor refused, the oldest first.

        What was handed out to the same receiver before is forgotten: it asks for more when it is done with that.
        """
        with self._lock:
            self._handed_out = {number: key for number, key in self._handed_out.items() if key[0] != receiver}
            waiting = tuple(itertools.islice(self._of(receiver), limit))
            self._handed_out |= {notice.id: (receiver, notice.transition.id) for notice in waiting}
            return tuple(replace(notice, attempts=self._attempts[notice.id]) for notice in waiting)

    def first(self) -> Batch | None:
        """What is to be written next; it stays until `remove`."""
        with self._lock:
            if not self._batches:
                return None
            self._batches[0].is_tried = True
            return self._batches[0]

    def remove(self, batch: Batch) -> None:
        """It is written, or never will be."""
        with self._lock:
            self._batches.remove(batch)
            own = {notice.id for notice in batch.notices}
            self._settled -= own
            self._attempts = Counter({key: count for key, count in self._attempts.items() if key not in own})

    def _last(self, *, joins: bool) -> Batch:
        """The batch that what comes now belongs to."""
        if not joins or not self._batches or self._batches[-1].is_tried:
            self._batches.append(Batch(next(self._numbers)))
        return self._batches[-1]

    def _of(self, receiver: str) -> Iterator[Notice]:
        for batch in self._batches:
            for notice in batch.notices:
                if notice.receiver == receiver and notice.id not in self._settled:
                    yield notice

    def _fold(self, batch: Batch) -> None:
        change = batch.change()
        surplus = len(change.transitions) - _MOST_TRANSITIONS
        if surplus > 0:
            self.dropped_transitions += surplus
            _log.error("The database takes nothing: %d old moves of alerts will be missing in history.", surplus)
            gone = {transition.id for transition in change.transitions[:surplus]}
            batch.notices = _without(batch.notices, gone)
            change = replace(change, transitions=change.transitions[surplus:])
        batch.changes = [change]


def _without(notices: Sequence[Notice], transitions: Collection[str]) -> list[Notice]:
    return [notice for notice in notices if notice.transition.id not in transitions]
