"""The evaluator's own numbers reach an OTLP endpoint."""

from lapbell_evaluator.model import Reading, ReadingKind, SystemClock
from lapbell_evaluator.notify import Destination, OwnMetrics
from peers import otlp_sink

READINGS = (
    Reading("lapbell.a", ReadingKind.COUNTER, "{x}", 3.0, "A counter.", (("lapbell.reason", "one"),)),
    Reading("lapbell.a", ReadingKind.COUNTER, "{x}", 4.0, "A counter.", (("lapbell.reason", "two"),)),
    Reading("lapbell.b", ReadingKind.GAUGE, "s", 0.5, "A gauge."),
)


async def test_readings_arrive_as_sums_and_gauges():
    with otlp_sink() as sink:
        own = OwnMetrics(Destination(sink.url, "http/protobuf"), SystemClock(), lambda: READINGS)
        await own.send()
        await own.close()
        sent = {metric.name: metric for metric in sink.metrics}
    counted = {point.attributes[0].value.string_value: point.as_double for point in sent["lapbell.a"].sum.data_points}
    assert counted == {"one": 3.0, "two": 4.0}
    assert sent["lapbell.a"].sum.is_monotonic is True
    assert sent["lapbell.b"].gauge.data_points[0].as_double == 0.5
