"""How a batch gets into the rings: judged as a whole, then written ring by ring."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from lapbell_evaluator.series.column_states import ColumnStates
from lapbell_evaluator.series.frame import BEFORE, Bools, Floats, Ints, is_stale
from lapbell_evaluator.series.ring import Ring, Span

__all__ = ["Appended", "Incoming", "Rules", "append"]


@dataclass(frozen=True, slots=True)
class Appended:
    """Counts of samples by what became of them."""

    accepted: int = 0
    duplicates: int = 0
    out_of_window: int = 0

    def __add__(self, other: "Appended") -> "Appended":
        return Appended(
            self.accepted + other.accepted,
            self.duplicates + other.duplicates,
            self.out_of_window + other.out_of_window,
        )


@dataclass(frozen=True, slots=True)
class Incoming:
    """Samples, at most one per series; those of one ring lie together.

    Attributes:
        homes: int64[n], the number of each sample's ring.
        columns: int64[n], its column there.
        times: int64[n], milliseconds.
        values: float64[n].
    """

    homes: Ints
    columns: Ints
    times: Ints
    values: Floats

    def only(self, chosen: Bools) -> "Incoming":
        """Some of them."""
        return Incoming(self.homes[chosen], self.columns[chosen], self.times[chosen], self.values[chosen])


@dataclass(frozen=True, slots=True)
class Rules:
    """How samples are treated.

    Attributes:
        horizon: milliseconds; samples before it are not wanted any more and may go.
        oldest: milliseconds; late samples before it are refused.
        coalesce_ms: a sample within so many milliseconds of the beginning of the last one takes its place.
    """

    horizon: int
    oldest: int
    coalesce_ms: int


def append(incoming: Incoming, states: ColumnStates, ring_of: Callable[[int], Ring], rules: Rules) -> Appended:
    """Keep samples; late ones go one by one into their places."""
    places = _places(incoming, ring_of)
    is_next = incoming.times > states.last_time[places]
    if bool(is_next.all()):
        _append_next(incoming, places, states, ring_of, rules)
        return Appended(accepted=len(places))
    done = Appended()
    if bool(is_next.any()):
        _append_next(incoming.only(is_next), places[is_next], states, ring_of, rules)
        done = Appended(accepted=int(is_next.sum()))
    is_repeated = incoming.times == states.last_time[places]
    is_repeated &= ~is_next  # what was just appended is now the last one, too
    done += Appended(duplicates=int(is_repeated.sum()))
    for at in np.flatnonzero(~is_next & ~is_repeated).tolist():
        done += _insert(incoming, at, ring_of, rules)
    return done


def _starts(homes: Ints) -> list[int]:
    """Where the samples of each ring begin."""
    return [0, *(np.flatnonzero(homes[1:] != homes[:-1]) + 1).tolist()]


def _places(incoming: Incoming, ring_of: Callable[[int], Ring]) -> Ints:
    starts = _starts(incoming.homes)
    bases = [ring_of(number).base for number in incoming.homes[starts].tolist()]
    lengths = [end - begin for begin, end in zip(starts, [*starts[1:], len(incoming.homes)], strict=True)]
    places: Ints = np.repeat(bases, lengths) + incoming.columns
    return places


def _append_next(
    incoming: Incoming, places: Ints, states: ColumnStates, ring_of: Callable[[int], Ring], rules: Rules
) -> None:
    homes, columns, times, values = incoming.homes, incoming.columns, incoming.times, incoming.values
    starts = _starts(homes)
    parts = [slice(begin, end) for begin, end in zip(starts, [*starts[1:], len(homes)], strict=True)]
    rings = [ring_of(number) for number in homes[starts].tolist()]
    for ring, part in zip(rings, parts, strict=True):
        if ring.top == ring.rows and bool((states.end[places[part]] == ring.top).any()):
            ring.slide(rules.horizon)
    rows = states.end[places]
    is_new = rows == states.start[places]
    if bool(is_new.any()):
        for ring, part in zip(rings, parts, strict=True):
            new = is_new[part]
            if bool(new.any()):
                row = ring.birth(columns[part][new], times[part][new])
                rows[part][new] = row  # `rows[part]` is a view: this writes into `rows`
                states.start[places[part][new]] = row
    rows -= _noted(places, times, values, states, rules.coalesce_ms)
    for ring, part, span in zip(rings, parts, _spans(rows, times, starts), strict=True):
        ring.write((rows[part], columns[part]), times[part], values[part], span)
    states.end[places] = rows + 1


def _spans(rows: Ints, times: Ints, starts: list[int]) -> Iterator[Span]:
    return zip(
        np.minimum.reduceat(rows, starts).tolist(),
        np.maximum.reduceat(rows, starts).tolist(),
        np.minimum.reduceat(times, starts).tolist(),
        np.maximum.reduceat(times, starts).tolist(),
        strict=True,
    )


def _noted(places: Ints, times: Ints, values: Floats, states: ColumnStates, coalesce_ms: int) -> Bools:
    """Write down what the samples change, and say which of them take the place of the last one of their series."""
    last_time = states.last_time[places]
    stale = is_stale(values)
    fell = (values < states.last_value[places]) & (last_time != BEFORE)
    if bool(fell.any()):
        states.last_reset[places[fell]] = times[fell]
    opened = states.opened[places]
    replaces: Bools = times - opened < coalesce_ms
    if bool(replaces.any()):
        replaces &= (last_time != states.last_stale[places]) & (last_time != BEFORE) & ~stale
        states.opened[places] = np.where(replaces, opened, times)
    else:
        states.opened[places] = times
    if bool(stale.any()):
        states.last_stale[places[stale]] = times[stale]
    states.last_time[places] = times
    states.last_value[places] = values
    return replaces


def _insert(incoming: Incoming, at: int, ring_of: Callable[[int], Ring], rules: Rules) -> Appended:
    time, column = int(incoming.times[at]), int(incoming.columns[at])
    ring = ring_of(int(incoming.homes[at]))
    if time < rules.oldest:
        start, end = int(ring.start[column]), int(ring.end[column])
        is_known = bool((ring.times[start:end, column] == time).any())
        return Appended(duplicates=1) if is_known else Appended(out_of_window=1)
    is_inserted = ring.insert(column, time, incoming.values[at : at + 1], rules.horizon)
    return Appended(accepted=1) if is_inserted else Appended(duplicates=1)
