"""Which number of history stands for which labels."""

import hashlib
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from lapbell_evaluator.history.errors import DamagedError
from lapbell_evaluator.model import METRIC_NAME, Labels

__all__ = ["NewSeries", "SeriesNumbers", "labels_of_text"]


@dataclass(frozen=True, slots=True)
class NewSeries:
    """A row of `series` to be written."""

    id: int
    hash: int
    name: str
    labels: bytes


class SeriesNumbers:
    """Gives numbers; what was numbered in an earlier life keeps its number.

    Args:
        connection: reads; used by the callers' threads one at a time.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._by_labels: dict[Labels, int] = {}
        (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM series").fetchone()
        self._next = last + 1

    def number(self, labels: Labels, announce: Callable[[NewSeries], None]) -> int:
        """The number of a series.

        Args:
            labels: who it is.
            announce: has the row of a new series written; called before any thread learns the number.
        """
        with self._lock:
            number = self._find(labels)
            if number is not None:
                return number
            new = _row(labels, self._next)
            announce(new)
            self._next += 1
            self._by_labels[labels] = new.id
            return new.id

    def number_of(self, labels: Labels) -> int | None:
        """The number of a series, None if it has none."""
        with self._lock:
            return self._find(labels)

    def all(self) -> list[NewSeries]:
        """Every series that is known, as a row to be written; asks for no lock, because writing waits for it."""
        rows = list(self._by_labels.items())  # one step for the interpreter: nobody changes it meanwhile
        return [_row(labels, number) for labels, number in rows]

    @contextmanager
    def apart(self, opened: Callable[[], sqlite3.Connection]) -> Iterator[None]:
        """Nobody is given a number meanwhile; afterwards the connection that `opened` opens is asked."""
        with self._lock:
            self._connection.close()
            try:
                yield
            finally:
                self._connection = opened()

    def remember(self, labels: Labels, number: int) -> None:
        """Take over a number that was read from the file."""
        with self._lock:
            self._by_labels[labels] = number

    def _find(self, labels: Labels) -> int | None:
        number = self._by_labels.get(labels)
        if number is None:
            text = _text(labels)
            query = "SELECT id FROM series WHERE hash = ? AND labels = ?"
            with suppress(sqlite3.DatabaseError):  # a damaged file: the series gets a number anew
                row = self._connection.execute(query, (_hash(text), text)).fetchone()
                if row is not None:
                    number = self._by_labels[labels] = int(row[0])
        return number

    def let_go(self, live: AbstractSet[int], delete: Callable[[list[int]], None]) -> int:
        """Delete series that have nothing on disk and are not known; then forget those that are not alive.

        What was known until now is spared until the next time: somebody may be about to write it.

        Args:
            live: numbers of the series in memory.
            delete: deletes the rows of these numbers.
        """
        query = "SELECT id FROM series WHERE NOT EXISTS (SELECT 1 FROM chunks WHERE chunks.series = series.id)"
        with self._lock:
            spared = set(self._by_labels.values())
            unused = [number for (number,) in self._connection.execute(query) if number not in spared]
            if unused:
                delete(unused)
            self._by_labels = {labels: number for labels, number in self._by_labels.items() if number in live}
        return len(unused)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def labels_of_text(text: object, expected_hash: int) -> Labels:
    """Labels as `series` keeps them.

    Raises:
        DamagedError: they are not those that the hash was made of.
    """
    if not isinstance(text, bytes) or _hash(text) != expected_hash:
        raise DamagedError("Labels are not those that were written.")
    return tuple((name, value) for name, value in json.loads(text))


def _row(labels: Labels, number: int) -> NewSeries:
    text = _text(labels)
    return NewSeries(number, _hash(text), dict(labels).get(METRIC_NAME, ""), text)


def _text(labels: Labels) -> bytes:
    return json.dumps(labels, separators=(",", ":"), ensure_ascii=False).encode("utf-8", errors="surrogatepass")


def _hash(text: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little", signed=True)
