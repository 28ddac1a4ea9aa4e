"""Series that the store has let go come back when they are sent again."""

import time

import httpx
import pytest

from lapbell_evaluator.series import Limits, Matcher, MatchOp, SeriesStore
from otlp_kit import distribution, gauge, histogram, metrics_export, number, resource, total
from otlp_kit.exponential import exponential, exponential_point
from otlp_kit.reception import open_gates

PROTOBUF = {"content-type": "application/x-protobuf"}
NOW = time.time()


def made(kind, at, start):
    match kind:
        case "gauge":
            return gauge("m", [number(1, at)])
        case "counter":
            return total("m", [number(1, at, start=start)])
        case "histogram":
            return histogram("m", [distribution([1, 1], at, bounds=[1], sum_=2, start=start)], "")
        case _:
            return exponential("m", [exponential_point([1], at, start=start, sum_=1)], "")


def times_of(store, name):
    """Every time in memory of series with this name, in seconds after NOW."""
    with store.select((Matcher("__name__", MatchOp.EQUAL, name),), 0, 1 << 60) as selection:
        times = [held_time for held in selection.histograms.values() for held_time in held.times]
        for frame in selection.frames:
            for column in range(frame.size):
                begin, end = int(frame.first_rows()[column]), int(frame.rows_until(1 << 60)[column])
                times += [int(frame.times(row, row + 1)[0, column]) for row in range(begin, end)]
    return sorted({round(each / 1000 - NOW) for each in times})


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("gauge", "m", [-10]),
        ("counter", "m_total", [-20, -10]),
        ("histogram", "m_count", [-20, -10]),
        ("exponential", "m", [-20, -10]),
    ],
)
async def test_a_series_that_was_let_go_is_kept_again_from_its_next_point_on(kind, name, expected):
    store = SeriesStore(Limits(retention_ms=100_000))
    async with open_gates(sink=store) as gates, httpx.AsyncClient(timeout=60) as client:

        async def send(metric, of=None):
            body = metrics_export(metric, of=of).SerializeToString()
            answer = await client.post(f"{gates.http}/v1/metrics", content=body, headers=PROTOBUF)
            assert answer.status_code == 200
            assert answer.content == b""

        await send(made(kind, NOW - 400, NOW - 500))
        for at in (-200, -60, -40, -25):
            await send(gauge("other", [number(1, NOW + at)]), of=resource(service_name="other"))
        assert times_of(store, name) == []
        await send(made(kind, NOW - 10, NOW - 20))
        assert times_of(store, name) == expected
