"""Clocks of senders that are off: shifted to ours, never taken for lateness, and at nobody else's cost."""

import time

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from budget import scaled
from lapbell_evaluator.evidence import Span, SpanEvent
from lapbell_evaluator.model import labels
from lapbell_evaluator.receiver.limits import Limits as ReceiverLimits
from lapbell_evaluator.receiver.protobuf import decode_metrics
from lapbell_evaluator.receiver.sender_clocks import SenderClock, SenderClocks
from lapbell_evaluator.receiver.translated import Translated
from lapbell_evaluator.receiver.translator import Translator
from lapbell_evaluator.series import Limits, Matcher, MatchOp, SeriesStore
from otlp_kit import exemplar, gauge, metrics_export, number, resource, seen, total
from otlp_kit.reception import open_gates

NOW = 1_000_000.0
FAR = "points of senders whose clocks are more than ten minutes ahead"


class Receiver:
    """A store behind a translator, at a time that is moved by hand."""

    def __init__(self) -> None:
        self.store = SeriesStore(Limits(coalesce_ms=0))
        self.clocks = SenderClocks()
        self.translator = Translator(self.store, ReceiverLimits(), clocks=self.clocks)

    def send(self, now: float, *metrics: Metric, job: str = "shop") -> Translated:
        body = metrics_export(*metrics, of=resource(service_name=job, service_instance_id="1")).SerializeToString()
        translated = self.translator.translate(decode_metrics(body), now)
        self.store.append(translated.zeros)
        self.store.append(translated.batch)
        return translated

    def times(self, name: str, job: str = "shop") -> list[float]:
        """When the samples in memory are, in seconds after NOW."""
        named = (Matcher("__name__", MatchOp.EQUAL, name), Matcher("job", MatchOp.EQUAL, job))
        with self.store.select(named, 0, 1 << 60) as selection:
            (frame,) = selection.frames
            begin, end = int(frame.first_rows()[0]), int(frame.rows_until(1 << 60)[0])
            return [round(float(at) / 1000 - NOW, 3) for at in frame.times(begin, end)[:, 0]]


def shifts(*exports: tuple[float, float]) -> list[float]:
    """What the exports of one clock are shifted by: each came at a time, with newest points of another."""
    clock = SenderClock("shop", "1")
    return [clock.hear(round(1000 * (NOW + newest)), round(1000 * (NOW + came))) / 1000 for came, newest in exports]


def test_a_sender_two_minutes_ahead_loses_nothing_and_stands_where_it_arrived():
    receiver = Receiver()
    rejected = [receiver.send(NOW + at, gauge("m", [number(1, NOW + at + 120)])).rejected for at in range(0, 60, 5)]
    assert {"rejected": rejected, "times": receiver.times("m")} == {
        "rejected": [{}] * 12,
        "times": [float(at) for at in range(0, 60, 5)],
    }


def test_a_fast_clock_costs_no_other_sender_its_late_samples():
    receiver = Receiver()
    receiver.send(NOW, gauge("m", [number(1, NOW + 590)]), job="fast")
    late = receiver.send(NOW, gauge("m", [number(1, NOW - 290)]), job="late")
    assert {"rejected": late.rejected, "times": receiver.times("m", "late")} == {"rejected": {}, "times": [-290.0]}


def test_within_five_seconds_times_stay_as_they_were_sent():
    receiver = Receiver()
    for at, off in ((0, 4.9), (5, -4.9), (10, 2.0)):
        receiver.send(NOW + at, gauge("m", [number(1, NOW + at + off)]))
    assert receiver.times("m") == [0.1, 4.9, 12.0]


def test_delays_on_the_way_do_not_change_the_shift_of_a_sender_that_is_ahead():
    exports = [
        (at + delay, at + 120.0) for at, delay in zip(range(0, 60, 5), (0.1, 3, 0.2, 8, 1, 0.1) * 2, strict=True)
    ]
    assert shifts(*exports) == [119.9] * 12


def test_a_clock_that_is_set_right_is_not_shifted_any_more_at_once():
    ahead = [(at, at + 120.0) for at in range(0, 30, 5)]
    right = [(at, at - 0.2) for at in range(30, 60, 5)]
    assert shifts(*ahead, *right) == [120.0] * 6 + [0.0] * 6


def test_one_export_from_another_day_does_not_cost_the_next_ones():
    day_s = 86_400.0
    assert shifts((0, day_s), (5, 4.5), (10, 9.0), (15, 14.8)) == [0.0, 0.0, 0.0, 0.0]


def test_a_queue_that_drains_is_history_and_not_a_clock():
    """A Collector that was cut off for five minutes sends all it has within twenty seconds."""
    outage = [(300.0 + at / 15, float(at)) for at in range(0, 300, 5)]
    assert set(shifts(*outage)) == {0.0}


def test_a_sender_that_is_late_by_the_same_for_a_minute_is_behind():
    exports = [(at + jitter, at - 120.0) for at, jitter in zip(range(0, 100, 10), (0.3, 0.1) * 5, strict=True)]
    assert shifts(*exports) == [0.0] * 6 + [-120.1] * 4


def test_who_is_behind_stays_shifted_while_an_export_is_delayed_and_not_when_its_clock_is_set_right():
    behind = [(at, at - 120.0) for at in range(0, 100, 10)]
    delayed = [(140.0, -20.0), (141.0, 20.0)]
    right = [(150.0, 149.9), (160.0, 159.9), (170.0, 169.9)]
    assert shifts(*behind, *delayed, *right)[-5:] == [-120.0, -120.0, 0.0, 0.0, 0.0]


def test_a_sender_eleven_minutes_ahead_is_rejected_by_name_and_others_of_the_export_are_not():
    receiver = Receiver()
    both = metrics_export(gauge("m", [number(1, NOW + 660)]), of=resource(service_name="fast", service_instance_id="7"))
    both.MergeFrom(metrics_export(gauge("m", [number(1, NOW)]), of=resource(service_name="shop")))
    translated = receiver.translator.translate(decode_metrics(both.SerializeToString()), NOW)
    assert {
        "rejected": translated.rejected,
        "remarks": translated.remarks,
        "taken": translated.batch.times_ms.tolist(),
    } == {
        "rejected": {FAR: 1},
        "remarks": ("the clock of 'fast', instance '7' is 660 s ahead",),
        "taken": [round(1000 * NOW)],
    }


def test_one_metric_with_times_of_its_own_shifts_nothing():
    receiver = Receiver()
    usual = [gauge(name, [number(1, NOW)]) for name in ("a", "b")]
    translated = receiver.send(NOW, gauge("forecast", [number(1, NOW + 300)]), *usual)
    assert {"rejected": translated.rejected, "times": receiver.times("a")} == {
        "rejected": {"points from the future": 1},
        "times": [0.0],
    }


def test_a_shift_that_moves_does_not_begin_counters_anew():
    receiver = Receiver()
    began = NOW - 1_000 + 120
    for at, off in ((0, 120.0), (5, 121.0), (10, 122.0)):
        receiver.send(NOW + at, total("m", [number(at, NOW + at + off, start=began)]))
    assert receiver.times("m_total") == [-1000.0, 0.0, 5.0, 10.0]


def test_exemplars_and_spans_are_shifted_like_the_metrics_of_their_sender():
    receiver = Receiver()
    point = seen(number(1, NOW + 120), exemplar(0.3, NOW + 119, trace=1, span=1))
    translated = receiver.send(NOW, gauge("m", [point]))
    at_ns = round((NOW + 119) * 1e9)
    event = SpanEvent("exception", at_ns)
    span = Span("a" * 32, "b" * 16, "", "GET", 2, at_ns, at_ns + 5, True, "shop", "1", (), (event,))
    other = Span("a" * 32, "b" * 16, "", "GET", 2, at_ns, at_ns + 5, True, "shop", "2", (), (event,))
    shifted, untouched = receiver.clocks.shifted([span, other], NOW)
    want_ns = at_ns - 120_000_000_000
    assert {
        "exemplars": [one.time_ms for _, one in translated.exemplars],
        "span": (shifted.start_ns, shifted.end_ns, shifted.events[0].time_ns),
        "other": untouched,
    } == {
        "exemplars": [round(1000 * (NOW - 1))],
        "span": (want_ns, want_ns + 5, want_ns),
        "other": other,
    }


def test_offsets_are_told_while_they_last_and_as_nothing_once_the_clock_is_right():
    receiver = Receiver()
    named = labels({"lapbell.sender.job": "shop", "lapbell.sender.instance": "1"})

    def told(now: float) -> list[float]:
        return [reading.value for reading in receiver.clocks.readings(now) if reading.attributes == named]

    receiver.send(NOW, gauge("m", [number(1, NOW + 120)]))
    off = told(NOW)
    receiver.send(NOW + 5, gauge("m", [number(1, NOW + 5)]))
    right = told(NOW + 5)
    for at in range(10, 700, 5):
        receiver.send(NOW + at, gauge("m", [number(1, NOW + at)]))
    assert {"off": off, "right": right, "later": told(NOW + 700)} == {"off": [120.0], "right": [0.0], "later": []}


@settings(max_examples=scaled(100), deadline=None)
@given(
    st.floats(6, 599),
    st.lists(st.tuples(st.floats(1, 60), st.floats(0, 30)), min_size=2, max_size=60),
)
def test_samples_of_a_sender_that_is_ahead_keep_their_order_and_are_not_from_the_future(offset_s, exports):
    """Whatever the delays are: no sample is more than five seconds from the future, none stands before the last."""
    clock, sent, last = SenderClock("shop", "1"), 0.0, -np.inf
    wrong = []
    arrivals = 0.0
    for pause_s, delay_s in exports:
        sent += pause_s
        arrivals = max(arrivals, sent + delay_s)  # one connection: exports do not overtake each other
        newest = NOW + sent + offset_s
        came = NOW + arrivals
        at = newest - clock.hear(round(newest * 1000), round(came * 1000)) / 1000
        if not last < at <= came + 5:
            wrong.append((came, at, last))
        last = at
    assert wrong == []


@pytest.mark.parametrize("ahead_s", [120.0, 700.0])
async def test_over_http_the_sender_hears_of_it_only_where_it_is_rejected(ahead_s):
    async with open_gates(sink=SeriesStore()) as gates, httpx.AsyncClient(timeout=60) as client:
        at = time.time() + ahead_s
        body = metrics_export(gauge("m", [number(1, at)]), of=resource(service_name="shop")).SerializeToString()
        headers = {"content-type": "application/x-protobuf"}
        answer = await client.post(f"{gates.http}/v1/metrics", content=body, headers=headers)
    assert (b"the clock of 'shop'" in answer.content) == (ahead_s > 600)
