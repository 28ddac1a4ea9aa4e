"""How samples get into the rings: judged all at once, then written ring by ring.

Whether a sample is new, late or repeated, whether its counter fell, whether it replaces the last one of its series: all
of that is a comparison with what `ColumnStates` holds of its column. The states of all rings lie in the same arrays, so
that one comparison judges a whole batch, whatever metrics it holds, and only the writing goes ring by ring.

Array axes: n is the samples of one pass, at most one per series; those of one ring lie together (`Layout.parts`).
Invariant: `states.end[place]` is the row below the last sample of a column, and times rise from row to row.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from lapbell_evaluator.series.arrays import Bools, Floats, Ints
from lapbell_evaluator.series.column_states import ColumnStates
from lapbell_evaluator.series.frame import BEFORE, is_stale
from lapbell_evaluator.series.ring import Ring, Span

__all__ = ["AppendRules", "Appended", "Layout", "append", "layout_of"]


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


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Where the samples of a batch go, at most one per series; those of one ring lie together.

    Attributes:
        columns: int64[n], the column of each sample in its ring.
        places: int64[n], the place of its state.
        rings: in the order of their samples.
        starts: where the samples of each ring begin.
        parts: the samples of each ring.
    """

    columns: Ints
    places: Ints
    rings: tuple[Ring, ...]
    starts: tuple[int, ...]
    parts: tuple[slice, ...]

    def only(self, chosen: Bools) -> "Layout":
        """The layout of some of the samples."""
        counts = [int(chosen[part].sum()) for part in self.parts]
        filled = [(ring, count) for ring, count in zip(self.rings, counts, strict=True) if count]
        return _laid_out(self.columns[chosen], self.places[chosen], filled)


@dataclass(frozen=True, slots=True)
class AppendRules:
    """How samples are treated.

    Attributes:
        horizon: milliseconds; samples before it are not wanted any more and may go.
        oldest: milliseconds; late samples before it are refused.
        coalesce_ms: a sample within so many milliseconds of the beginning of the last one takes its place.
    """

    horizon: int
    oldest: int
    coalesce_ms: int


def layout_of(shards: Ints, columns: Ints, ring_of: Callable[[int], Ring]) -> Layout:
    """The layout of samples by the number of their ring and their column in it, int64[n] each.

    Equal numbers of rings lie together.
    """
    starts = [0, *(np.flatnonzero(shards[1:] != shards[:-1]) + 1).tolist()]
    counts = [end - begin for begin, end in zip(starts, [*starts[1:], len(shards)], strict=True)]
    rings = [ring_of(number) for number in shards[starts].tolist()]
    places = np.repeat([ring.base for ring in rings], counts) + columns
    return _laid_out(columns, places, list(zip(rings, counts, strict=True)))


def _laid_out(columns: Ints, places: Ints, rings: list[tuple[Ring, int]]) -> Layout:
    parts, begin = [], 0
    for _, count in rings:
        parts.append(slice(begin, begin + count))
        begin += count
    starts = tuple(part.start for part in parts)
    return Layout(columns, places, tuple(ring for ring, _ in rings), starts, tuple(parts))


def append(layout: Layout, times: Ints, values: Floats, states: ColumnStates, rules: AppendRules) -> Appended:
    """Append samples, `times` int64[n] and `values` float64[n]; late ones are inserted one by one, which is rare."""
    last_times = states.last_time[layout.places]
    is_next = times > last_times
    if bool(is_next.all()):
        _append_next(layout, times, values, states, rules)
        return Appended(accepted=len(times))
    is_repeated = times == last_times
    outcome = Appended(duplicates=int(is_repeated.sum()))
    if bool(is_next.any()):
        _append_next(layout.only(is_next), times[is_next], values[is_next], states, rules)
        outcome += Appended(accepted=int(is_next.sum()))
    is_late = ~is_next & ~is_repeated
    for ring, part in zip(layout.rings, layout.parts, strict=True):
        for at in (np.flatnonzero(is_late[part]) + part.start).tolist():
            outcome += _insert(ring, int(layout.columns[at]), int(times[at]), values[at : at + 1], rules)
    return outcome


def _append_next(layout: Layout, times: Ints, values: Floats, states: ColumnStates, rules: AppendRules) -> None:
    places, columns = layout.places, layout.columns
    for ring, part in zip(layout.rings, layout.parts, strict=True):
        if ring.top == ring.rows and bool((states.end[places[part]] == ring.top).any()):
            ring.slide(rules.horizon)
    rows = states.end[places]  # int64[n], where each sample goes unless it replaces the last one
    is_new = rows == states.start[places]
    if bool(is_new.any()):
        _begin(layout, times, rows, is_new, states)
    rows -= _replacing(places, times, values, states, rules.coalesce_ms)
    spans = _spans(rows, times, layout.starts)
    for ring, part, span in zip(layout.rings, layout.parts, spans, strict=True):
        ring.write((rows[part], columns[part]), times[part], values[part], span)
    rows += 1
    states.end[places] = rows


def _begin(layout: Layout, times: Ints, rows: Ints, is_new: Bools, states: ColumnStates) -> None:
    """Give series without a sample their first row, level with the newest of their ring; `rows` is changed in place."""
    for ring, part in zip(layout.rings, layout.parts, strict=True):
        new = np.flatnonzero(is_new[part]) + part.start
        if len(new):
            row = ring.birth(layout.columns[new], times[new])
            rows[new] = row
            states.start[layout.places[new]] = row


def _spans(rows: Ints, times: Ints, starts: tuple[int, ...]) -> Iterator[Span]:
    """The corners of each ring's samples, so that writing needs no look at the single ones."""
    return zip(
        np.minimum.reduceat(rows, starts).tolist(),
        np.maximum.reduceat(rows, starts).tolist(),
        np.minimum.reduceat(times, starts).tolist(),
        np.maximum.reduceat(times, starts).tolist(),
        strict=True,
    )


def _replacing(places: Ints, times: Ints, values: Floats, states: ColumnStates, coalesce_ms: int) -> Bools:
    """bool[n]: which samples take the place of the last one of their series; the states are brought up to date.

    A sample replaces the last one if that one's row was begun less than `coalesce_ms` ago: a window then holds one
    sample per second and series at most, however often an exporter sends. Stale markers neither replace nor are
    replaced, because a range function must see the gap.
    """
    last_time = states.last_time[places]
    stale = is_stale(values)
    fell = ~(values >= states.last_value[places])  # NaN is neither more nor less
    if bool(fell.any()):
        fell &= last_time != BEFORE
        states.last_reset[places[fell]] = times[fell]
    opened = states.opened[places]  # int64[n], when the row that might be replaced was begun
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


def _insert(ring: Ring, column: int, time: int, value: Floats, rules: AppendRules) -> Appended:
    if time < rules.oldest - ring.longer_ms:
        start, end = int(ring.start[column]), int(ring.end[column])
        is_repeated = bool((ring.times[start:end, column] == time).any())
        return Appended(duplicates=1) if is_repeated else Appended(out_of_window=1)
    is_inserted = ring.insert(column, time, value, rules.horizon)
    return Appended(accepted=1) if is_inserted else Appended(duplicates=1)
