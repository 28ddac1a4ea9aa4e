"""Which number stands for which labels, for thousands of series that begin together."""

import json
import math
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapbell_evaluator.history.names import SeriesNumbers
from lapbell_evaluator.history.rows import SeriesRow, insert_series
from lapbell_evaluator.history.schema import open_reader, open_writer
from lapbell_evaluator.model import labels

MANY = 4_001
TEXTS = st.text(st.characters(exclude_categories=()))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "history.db"


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """A file of history that holds nothing."""
    path = tmp_path_factory.mktemp("empty") / "history.db"
    open_writer(path).close()
    return path


def series(*numbers):
    return [labels({"__name__": "m", "shard": f"{number}, {number}é"}) for number in numbers]


def lived(path, names):
    """An evaluator's life in which these series are given numbers, and written; their numbers."""
    with closing(open_writer(path)) as writing, closing(SeriesNumbers(open_reader(path))) as numbers:
        return numbers.given(names, lambda rows: insert_series(writing, rows))


def test_series_keep_the_numbers_of_an_earlier_life_and_new_ones_get_the_next(path):
    lived(path, series(*range(MANY)))
    assert lived(path, series(*range(MANY - 1, -1, -1), "new")) == [*range(MANY, 0, -1), MANY + 1]


def test_a_series_that_comes_twice_at_once_has_one_number(path):
    assert lived(path, series(1, 2, 1)) == [1, 2, 1]


def test_series_without_a_number_are_told_without_giving_them_one(path):
    lived(path, series(1))
    with closing(SeriesNumbers(open_reader(path))) as numbers:
        assert numbers.of(series(0, 1, 2)) == [None, 1, None]


def test_what_is_remembered_is_known_without_asking_the_file(path):
    statements: list[str] = []
    lived(path, series(1, 2))
    with closing(open_reader(path)) as reading:
        numbers = SeriesNumbers(reading)
        numbers.remember(series(1)[0], 1)
        reading.set_trace_callback(statements.append)
        known = [numbers.known(own) for own in series(1, 2)]
    assert {"known": known, "asked": statements} == {"known": [1, None], "asked": []}


def test_the_file_is_asked_and_written_a_few_times_for_thousands_of_new_series(path):
    statements: list[str] = []
    with closing(open_writer(path)) as writing, closing(open_reader(path)) as reading:
        numbers = SeriesNumbers(reading)
        writing.set_trace_callback(statements.append)
        reading.set_trace_callback(statements.append)
        numbers.given(series(*range(MANY)), lambda rows: insert_series(writing, rows))
    assert len(statements) == 2 * math.ceil(MANY / 500)


@given(pairs=st.dictionaries(TEXTS, TEXTS, max_size=4))
def test_labels_are_written_as_they_always_were_whatever_they_hold(empty, pairs):
    rows: list[SeriesRow] = []
    own = labels({**pairs, "__name__": "m"})
    with closing(SeriesNumbers(open_reader(empty))) as numbers:
        numbers.given([own], rows.extend)
    text = json.dumps(own, separators=(",", ":"), ensure_ascii=False).encode("utf-8", errors="surrogatepass")
    assert [row[3] for row in rows] == [text]
