"""Answers are written as JSON beside the loop, in pieces, and say what the whole would say."""

import asyncio
import json
import math
import threading
from collections.abc import Iterator
from decimal import Decimal

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send

from budget import scaled
from lapbell_evaluator.api.answers import Answers, array, as_json, body_with, obj
from lapbell_evaluator.api.prometheus_json import instant, number, ranges, success
from lapbell_evaluator.api.schemas import Body
from lapbell_evaluator.model import QueryResult, RangeResult, RangeSeries, Sample

VALUES = st.none() | st.integers(-(2**53), 2**53) | st.text(max_size=5)


class Item(Body):
    name: str
    share: float | None


class Page(Body):
    """A body with a long list in the middle."""

    title: str
    items: list[Item]
    next: int | None


@settings(deadline=None, max_examples=scaled(100))
@given(st.dictionaries(st.text(max_size=5), st.lists(VALUES, max_size=5), max_size=5))
def test_pieces_of_json_are_the_json_of_the_whole(lists):
    pieces = obj({name: array(map(as_json, items)) for name, items in lists.items()})
    assert json.loads(b"".join(pieces)) == lists


@given(
    st.lists(
        st.builds(Item, name=st.text(max_size=5), share=st.none() | st.floats(allow_nan=False, allow_infinity=False))
    )
)
def test_a_body_with_a_long_list_is_written_as_pydantic_writes_it(items):
    whole = Page(title="t", items=items, next=None)
    pieces = body_with(Page(title="t", items=[], next=None), items=items)
    assert b"".join(pieces).decode() == whole.model_dump_json()


@given(st.floats())
def test_numbers_are_written_as_go_writes_them(value):
    assert number(value) == by_rule(value)


def by_rule(value: float) -> str:
    """Shortest digits; an exponent below 1e-6 and from 1e21 on, as Go's `FormatFloat` with 'f' is chosen by it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if value != 0 and not 1e-6 <= abs(value) < 1e21:
        return repr(value)
    return format(Decimal(repr(value)), "f").removesuffix(".0")


def test_an_instant_answer_without_samples_has_an_empty_list():
    assert b"".join(success(instant(QueryResult(()), 1.0))) == (
        b'{"status":"success","data":{"resultType":"vector","result":[]}}'
    )


def test_warnings_and_infos_stand_behind_the_data():
    result = QueryResult((Sample((("a", "é"),), 1.0, 0.5),), ("slow",), ("odd",))
    assert json.loads(b"".join(success(instant(result, 1.0), result.warnings, result.infos))) == {
        "status": "success",
        "data": {"resultType": "vector", "result": [{"metric": {"a": "é"}, "value": [1.0, "0.5"]}]},
        "warnings": ["slow"],
        "infos": ["odd"],
    }


async def asked(write) -> tuple[int, bytes]:
    """Status and body of an answer, as a client gets them."""
    answers = Answers()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        response = await answers.written(write)
        await response(scope, receive, send)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x", timeout=60) as client:
        answer = await client.get("/")
    answers.close()
    assert answer.headers["content-length"] == str(len(answer.content))
    return answer.status_code, answer.content


async def test_a_long_answer_comes_whole():
    points = tuple((float(at), at / 7) for at in range(10_000))
    result = RangeResult(tuple(RangeSeries((("n", str(n)),), points) for n in range(5)))
    status, content = await asked(lambda: success(ranges(result)))
    values = [[at, number(value)] for at, value in points]
    expected = {
        "resultType": "matrix",
        "result": [{"metric": {"n": str(n)}, "values": values} for n in range(5)],
    }
    assert {"status": status, "body": json.loads(content)} == {
        "status": 200,
        "body": {"status": "success", "data": expected},
    }


async def test_an_answer_is_written_beside_the_loop():
    threads: list[threading.Thread] = []

    def write() -> Iterator[bytes]:
        threads.append(threading.current_thread())
        yield b"1"

    await asked(write)
    assert threading.current_thread() not in threads


async def test_an_answer_that_nobody_waits_for_is_not_written_further():
    answers, begun = Answers(), threading.Event()

    def endless() -> Iterator[bytes]:
        while True:
            begun.set()
            yield bytes(100_000)

    asking = asyncio.create_task(answers.written(endless))
    await asyncio.to_thread(begun.wait)
    asking.cancel()
    await asyncio.wait((asking,))
    await asyncio.to_thread(answers.close)
    assert asking.cancelled()
