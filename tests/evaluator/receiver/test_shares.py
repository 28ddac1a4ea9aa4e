"""A job whose series were cut: nothing of it is kept by halves, and it has them again as soon as there is room."""

import numpy as np
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from evaluator_kit import evaluator, firing
from lapbell import semconv
from lapbell_evaluator.model import SystemClock, labels
from lapbell_evaluator.receiver.limits import Limits as ReceiverLimits
from lapbell_evaluator.receiver.protobuf import decode_metrics
from lapbell_evaluator.receiver.translator import Translator
from lapbell_evaluator.series import Limits, Matcher, MatchOp, SeriesStore, is_stale
from otlp_kit import Attributes, distribution, gauge, histogram, metrics_export, number, resource, total
from otlp_kit.metrics import DELTA

NOW = 1_000_000.0
BOUNDS = (1.0, 2.0, 3.0)
BEYOND = "points of new series beyond series.limit, series.limit_per_metric or the share of their job"


class Exports:
    """A store behind a translator, as `Ingest` puts them together."""

    def __init__(self, limits: Limits) -> None:
        self.store = SeriesStore(limits)
        self.translator = Translator(self.store, ReceiverLimits())

    def send(self, job: str, *metrics: Metric, now: float = NOW) -> dict[str, int]:
        """What was rejected of an export."""
        export = decode_metrics(metrics_export(*metrics, of=resource(service_name=job)).SerializeToString())
        translated = self.translator.translate(export, now)
        for batch in (translated.zeros, translated.batch):
            gone = self.store.append(batch).gone
            if len(gone):
                self.store.append(self.translator.renewed(batch, gone))
        return translated.rejected

    def open_series(self, name: str) -> int:
        """How many series of a name have a last sample that is no stale marker."""
        with self.store.select((Matcher("__name__", MatchOp.EQUAL, name),), 0, 1 << 60) as selection:
            count = 0
            for frame in selection.frames:
                ends = frame.rows_until(1 << 60)
                last = np.ascontiguousarray(frame.values_at(np.maximum(ends - 1, 0)))
                count += int(((ends > frame.first_rows()) & ~is_stale(last)).sum())
            return count


def latencies(routes: int, at: float, bounds: tuple[float, ...] = BOUNDS) -> Metric:
    counts = [1] * (len(bounds) + 1)
    points = [distribution(counts, at, bounds=bounds, sum_=6, start=at - 50, route=str(n)) for n in range(routes)]
    return histogram("latency", points, "")


def test_a_histogram_that_lost_some_of_its_buckets_ends_as_a_whole():
    exports = Exports(Limits(series_per_metric=40, coalesce_ms=0))
    exports.send("noisy", latencies(10, NOW))  # 40 buckets
    exports.send("small", latencies(1, NOW, (1.0,)))  # needs two of them
    rejected = exports.send("noisy", latencies(10, NOW + 5), now=NOW + 5)
    rejected_again = exports.send("noisy", latencies(10, NOW + 10), now=NOW + 10)
    whole = {name: exports.open_series(f"latency_{name}") for name in ("bucket", "sum", "count")}
    assert {"first": rejected, "then": rejected_again, "series": whole} == {
        "first": {},
        "then": {BEYOND: 1},
        "series": {"bucket": 36 + 2, "sum": 9 + 1, "count": 9 + 1},
    }


def test_what_was_cut_is_kept_again_once_there_is_room():
    exports = Exports(Limits(series=10, coalesce_ms=0, ended_ms=60_000))
    names = [f"m{n}" for n in range(12)]
    for at in (NOW, NOW + 5):
        exports.send("noisy", *(gauge(name, [number(1, at)]) for name in names[:10]))
        exports.send("small", *(gauge(name, [number(1, at)]) for name in names[:5]))
    crowded = len(exports.send("noisy", *(gauge(name, [number(1, NOW + 10)]) for name in names), now=NOW + 10))
    later = NOW + 100  # small has ended
    for at in (later, later + 5):
        exports.send("noisy", *(gauge(name, [number(1, at)]) for name in names[:10]), now=later)
    held = sum(exports.store.ref_of(labels({"__name__": name, "job": "noisy"})) is not None for name in names)
    assert {"crowded": crowded > 0, "later": held} == {"crowded": True, "later": 10}


def test_an_idle_delta_that_was_cut_is_not_repeated_for_ever():
    exports = Exports(Limits(series=4))
    exports.send("noisy", *(total(f"m{n}", [number(1, NOW)], temporality=DELTA) for n in range(4)))
    exports.send("small", *(total(f"m{n}", [number(1, NOW)], temporality=DELTA) for n in range(2)))
    exports.send("noisy", *(total(f"m{n}", [number(1, NOW + 5)], temporality=DELTA) for n in range(4)))
    export = decode_metrics(
        metrics_export(
            total("m0", [number(1, NOW + 90)], temporality=DELTA), of=resource(service_name="noisy")
        ).SerializeToString()
    )
    batch = exports.translator.translate(export, NOW + 90).batch
    assert (batch.refs == 0).sum() == 0


async def test_thousands_of_names_of_one_service_do_not_keep_the_queue_of_another_from_alerting(tmp_path):
    deep: Attributes = {
        semconv.MESSAGING_SYSTEM: "redis",
        semconv.MESSAGING_DESTINATION_NAME: "tasks",
        semconv.MESSAGING_QUEUE_MESSAGE_STATE: "ready",
    }
    limits = {"limit": 2_000, "limit_per_metric": 1_000}
    async with evaluator(tmp_path, series=limits, rules={"interval": 1}) as (client, addresses):
        now = SystemClock().now()

        async def send(job: str, *metrics: Metric) -> bytes:
            body = metrics_export(*metrics, of=resource(service_name=job)).SerializeToString()
            url = f"http://{addresses.otlp_http}/v1/metrics"
            answer = await client.post(url, content=body, headers={"Content-Type": "application/x-protobuf"})
            assert answer.status_code == 200, answer.text
            return answer.content

        answer = await send("noisy", *(gauge(f"noise{n}", [number(1, now)]) for n in range(5_000)))
        await send("shop", gauge(semconv.MESSAGING_QUEUE_MESSAGES, [number(900, now, **deep)], "{message}"))
        key = await firing(client, "TaskQueueDepth")
        metrics = (await client.get("/metrics")).text
    refused = 'lapbell_series_refused_total{lapbell_reason="series.reserve"}'
    assert {"alert": bool(key), "told": BEYOND.encode() in answer, "counted": refused in metrics} == {
        "alert": True,
        "told": True,
        "counted": True,
    }
