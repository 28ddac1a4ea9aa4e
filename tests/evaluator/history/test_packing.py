"""What is packed comes back bit by bit, and what was changed on disk is noticed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapbell_evaluator.history.columns import Columns, ordered
from lapbell_evaluator.history.errors import DamagedError
from lapbell_evaluator.history.histograms import HistogramRow, pack_histograms, unpack_histograms
from lapbell_evaluator.history.packing import (
    pack_chunk,
    pack_page,
    pack_tail,
    unpack_chunk,
    unpack_page,
    unpack_tail,
)
from lapbell_evaluator.model import Histogram
from lapbell_evaluator.series import stale_marker

TIMES = st.integers(-(2**45), 2**45)
VALUES = st.one_of(
    st.floats(), st.integers(-(2**53) + 1, 2**53 - 1).map(float), st.sampled_from([0.0, -0.0, float(stale_marker()[0])])
)


def bits(array):
    return array.view(np.uint64).tolist()


def columns(rows):
    return Columns(
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.int64),
        np.array([row[2] for row in rows], np.float64),
    )


def plain(rows):
    return rows.series.tolist(), rows.times_ms.tolist(), bits(rows.values)


@given(st.lists(st.tuples(TIMES, VALUES), min_size=1, max_size=60, unique_by=lambda row: row[0]))
def test_a_chunk_gives_back_every_time_and_every_bit(rows):
    rows.sort(key=lambda row: row[0])
    times = np.array([time for time, _ in rows], np.int64)
    values = np.array([value for _, value in rows], np.float64)
    found_times, found_values = unpack_chunk(pack_chunk(times, values))
    assert found_times.tolist() == times.tolist()
    assert bits(found_values) == bits(values)


@given(st.lists(st.tuples(st.integers(1, 9), TIMES, VALUES), max_size=60))
def test_pages_and_tail_entries_give_back_every_row(rows):
    page = ordered(columns(rows))
    assert plain(unpack_page(pack_page(page))) == plain(page)
    assert plain(unpack_tail(pack_tail(columns(rows)))) == plain(columns(rows))


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 5), st.floats(allow_nan=False)), max_size=30))
def test_of_several_rows_at_one_time_the_last_one_written_stays(rows):
    expected = {(series, time): value for series, time, value in rows}
    found = ordered(columns(rows))
    assert list(zip(found.series.tolist(), found.times_ms.tolist(), found.values.tolist(), strict=True)) == [
        (*key, expected[key]) for key in sorted(expected)
    ]


@pytest.mark.parametrize(
    ("data", "unpack"),
    [
        (pack_chunk(np.arange(100), np.arange(100.0)), unpack_chunk),
        (pack_page(columns([(1, 2, 3.0)] * 9)), unpack_page),
        (pack_tail(columns([(1, 2, 3.0)] * 9)), unpack_tail),
        (pack_histograms([HistogramRow.of(1, 2, Histogram(0, 1, 2.0))]), unpack_histograms),
    ],
)
def test_a_changed_byte_anywhere_is_noticed(data, unpack):
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 0x40
        try:
            assert str(unpack(bytes(changed))) == str(unpack(data))
        except DamagedError:
            continue


def test_a_histogram_comes_back_whole():
    sent = Histogram(3, 7, float(stale_marker()[0]), 0.5, 2, np.array([1.0, 4.0]), -3, np.array([2.0]), 5)
    row = HistogramRow.of(9, 1_000, sent)
    (found,) = unpack_histograms(pack_histograms([row]))
    assert found == row
    assert bits(np.array([found.histogram().sum])) == bits(stale_marker())
