"""Which number of history stands for which labels."""

import hashlib
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from typing import Final

import msgspec

from lapbell_evaluator.history.errors import DamagedError
from lapbell_evaluator.history.rows import SeriesRow
from lapbell_evaluator.model import METRIC_NAME, Labels

__all__ = ["SeriesNumbers", "labels_of_text"]

_ASKED_AT_ONCE: Final = 500
_WANTED: Final = "(?, ?, ?)"


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

    def given(self, series: Sequence[Labels], announce: Callable[[list[SeriesRow]], None]) -> list[int]:
        """The numbers of series; who has none is given one.

        Args:
            series: who they are.
            announce: has the rows of new series written; called before any thread learns their numbers.
        """
        with self._lock:
            new = self._without_number(series)
            if new:
                first = self._next
                announce([_row(number, labels, text) for number, (labels, text) in enumerate(new.items(), first)])
                self._next += len(new)
                self._by_labels.update(zip(new, range(first, self._next), strict=True))
            return [self._by_labels[labels] for labels in series]

    def of(self, series: Sequence[Labels]) -> list[int | None]:
        """The numbers of series, None for those that have none."""
        with self._lock:
            self._without_number(series)
            return [self._by_labels.get(labels) for labels in series]

    def known(self, labels: Labels) -> int | None:
        """The number of a series that was given, asked for or remembered in this life; the file is not asked."""
        return self._by_labels.get(labels)

    def all(self) -> list[SeriesRow]:
        """Every series that is known, as a row to be written; asks for no lock, because writing waits for it."""
        rows = list(self._by_labels.items())  # one step for the interpreter: nobody changes it meanwhile
        return [_row(number, labels, _text(labels)) for labels, number in rows]

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

    def _without_number(self, series: Sequence[Labels]) -> dict[Labels, bytes]:
        """Those of the series that have no number, each once, with their texts; what the file knows is remembered."""
        unknown = {labels: _text(labels) for labels in series if labels not in self._by_labels}
        if not unknown:
            return unknown
        asked = list(unknown.items())
        for begin in range(0, len(asked), _ASKED_AT_ONCE):
            for labels, number in self._read(asked[begin : begin + _ASKED_AT_ONCE]):
                self._by_labels[labels] = number
                unknown.pop(labels, None)
        return unknown

    def _read(self, asked: list[tuple[Labels, bytes]]) -> list[tuple[Labels, int]]:
        """Those of the series that stand in the file, with their numbers.

        The answer is one row: for each row SQLite lets go of the interpreter and has to wait for it again.
        """
        query = (
            f"WITH wanted (place, hash, labels) AS (VALUES {', '.join([_WANTED] * len(asked))})"  # noqa: S608 - only question marks are put in
            " SELECT group_concat(place || ' ' || id) FROM wanted CROSS JOIN series"
            " ON series.hash = wanted.hash AND series.labels = wanted.labels"
        )
        values = [value for place, (_, text) in enumerate(asked) for value in (place, _hash(text), text)]
        try:
            (answer,) = self._connection.execute(query, values).fetchone()
        except sqlite3.DatabaseError:  # a damaged file: who stands where it is damaged gets a number anew
            middle = len(asked) // 2
            return [*self._read(asked[:middle]), *self._read(asked[middle:])] if middle else []
        pairs = [pair.split() for pair in answer.split(",")] if answer else []
        return [(asked[int(place)][0], int(number)) for place, number in pairs]

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


def _row(number: int, labels: Labels, text: bytes) -> SeriesRow:
    return number, _hash(text), dict(labels).get(METRIC_NAME, ""), text


def _text(labels: Labels) -> bytes:
    """JSON, to the byte as it always was: the hash in the file is made of it."""
    try:
        return msgspec.json.encode(labels)
    except UnicodeEncodeError:  # half a surrogate pair, which a label of JSON may hold
        text = json.dumps(labels, separators=(",", ":"), ensure_ascii=False)
        return text.encode("utf-8", errors="surrogatepass")


def _hash(text: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little", signed=True)
