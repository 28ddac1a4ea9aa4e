"""What an export comes to, sample by sample."""

import pytest

from lapbell_evaluator.receiver.limits import Limits
from otlp_kit import (
    NO_RECORDED_VALUE,
    Attributes,
    distribution,
    gauge,
    histogram,
    number,
    resource,
    total,
)
from otlp_kit.offline_receiver import NOW, OfflineReceiver

APP = resource(service_namespace="shop", service_name="app", service_instance_id="one")


def test_a_gauge_is_one_sample():
    receiver = OfflineReceiver()
    receiver.take(gauge("queue.depth", [number(7, 999_999.5, priority="high")], "{message}"), of=APP)
    assert receiver.store.samples == [('queue_depth{instance="one",job="shop/app",priority="high"}', 999_999_500, 7.0)]


def test_a_counter_with_a_known_start_was_zero_then():
    receiver = OfflineReceiver()
    for at, value in ((1_100, 3), (1_105, 5)):
        receiver.take(total("orders", [number(value, at, start=1_000)]))
    assert receiver.store.samples == [
        ("orders_total", 1_000_000, 0.0),
        ("orders_total", 1_100_000, 3.0),
        ("orders_total", 1_105_000, 5.0),
    ]


def test_a_counter_that_starts_anew_was_zero_again():
    receiver = OfflineReceiver()
    receiver.take(total("orders", [number(3, 1_100, start=1_000)]))
    receiver.take(total("orders", [number(4, 1_300, start=1_200)]))
    assert receiver.store.samples[2:] == [("orders_total", 1_200_000, 0.0), ("orders_total", 1_300_000, 4.0)]


@pytest.mark.parametrize("start", [0, 1_100])
def test_a_counter_whose_start_is_unknown_has_no_zero(start):
    receiver = OfflineReceiver()
    receiver.take(total("orders", [number(3, 1_100, start=start)]))
    assert receiver.store.samples == [("orders_total", 1_100_000, 3.0)]


def test_the_zero_of_a_counter_that_just_started_is_not_replaced_by_its_first_point():
    """The store lets a sample replace the one that it follows within a second."""
    receiver = OfflineReceiver()
    receiver.take(total("orders", [number(3, 1_000.1, start=1_000)]))
    assert receiver.store.samples == [("orders_total", 999_099, 0.0), ("orders_total", 1_000_100, 3.0)]


def test_a_sum_that_may_fall_has_neither_suffix_nor_zero():
    receiver = OfflineReceiver()
    receiver.take(total("pool.size", [number(-2, 1_100, start=1_000)], "{connection}", monotonic=False))
    assert receiver.store.samples == [("pool_size", 1_100_000, -2.0)]


def test_a_histogram_is_cumulated_buckets_a_sum_and_a_count():
    receiver = OfflineReceiver()
    point = distribution([1, 2, 3], 1_100, bounds=[0.5, 2], sum_=9.5, http_route="/w")
    receiver.take(histogram("webhook.request.duration", [point]))
    assert receiver.store.samples == [
        ('webhook_request_duration_seconds_bucket{http_route="/w",le="0.5"}', 1_100_000, 1.0),
        ('webhook_request_duration_seconds_bucket{http_route="/w",le="2"}', 1_100_000, 3.0),
        ('webhook_request_duration_seconds_bucket{http_route="/w",le="+Inf"}', 1_100_000, 6.0),
        ('webhook_request_duration_seconds_sum{http_route="/w"}', 1_100_000, 9.5),
        ('webhook_request_duration_seconds_count{http_route="/w"}', 1_100_000, 6.0),
    ]


def test_a_histogram_with_a_known_start_was_zero_in_every_series():
    receiver = OfflineReceiver()
    receiver.take(histogram("h", [distribution([1, 1], 1_100, bounds=[1], sum_=3, start=1_000)]))
    assert [(time, value) for _, time, value in receiver.store.samples] == [
        (1_000_000, 0.0),
        (1_000_000, 0.0),
        (1_000_000, 0.0),
        (1_000_000, 0.0),
        (1_100_000, 1.0),
        (1_100_000, 2.0),
        (1_100_000, 3.0),
        (1_100_000, 2.0),
    ]


def test_a_histogram_without_a_sum_has_no_sum_series():
    receiver = OfflineReceiver()
    receiver.take(histogram("h", [distribution([1, 1], 1_100, bounds=[1], sum_=None)]))
    assert receiver.store.of("h_seconds_sum") == []
    assert receiver.store.of("h_seconds_count") == [("h_seconds_count", 1_100_000, 2.0)]


def test_a_histogram_without_buckets_has_the_infinite_one():
    receiver = OfflineReceiver()
    point = distribution([], 1_100, bounds=[], sum_=4)
    point.count = 2
    receiver.take(histogram("h", [point]))
    assert receiver.store.samples == [
        ('h_seconds_bucket{le="+Inf"}', 1_100_000, 2.0),
        ("h_seconds_sum", 1_100_000, 4.0),
        ("h_seconds_count", 1_100_000, 2.0),
    ]


def test_points_of_one_histogram_may_differ_in_their_bounds():
    receiver = OfflineReceiver()
    narrow = distribution([1, 0], 1_100, bounds=[1], sum_=1, route="a")
    wide = distribution([1, 0, 0], 1_100, bounds=[1, 2], sum_=1, route="b")
    receiver.take(histogram("h", [narrow, wide]))
    assert [name for name, _, _ in receiver.store.of("h_seconds_bucket")] == [
        'h_seconds_bucket{le="1",route="a"}',
        'h_seconds_bucket{le="+Inf",route="a"}',
        'h_seconds_bucket{le="1",route="b"}',
        'h_seconds_bucket{le="2",route="b"}',
        'h_seconds_bucket{le="+Inf",route="b"}',
    ]


def test_no_recorded_value_ends_every_series_of_a_point():
    receiver = OfflineReceiver()
    ended = distribution([0, 0], 1_100, bounds=[1], sum_=None, flags=NO_RECORDED_VALUE)
    receiver.take(gauge("g", [number(0, 1_100, flags=NO_RECORDED_VALUE)]), histogram("h", [ended]))
    assert [(name.partition("{")[0], value) for name, _, value in receiver.store.samples] == [
        ("g", "stale"),
        ("h_seconds_bucket", "stale"),
        ("h_seconds_bucket", "stale"),
        ("h_seconds_sum", "stale"),
        ("h_seconds_count", "stale"),
    ]


def test_the_order_of_attributes_does_not_make_another_series():
    receiver = OfflineReceiver()
    receiver.take(gauge("g", [number(1, 1_100, a="1", b="2"), number(2, 1_101, b="2", a="1")]))
    assert {name for name, _, _ in receiver.store.samples} == {'g{a="1",b="2"}'}


def test_values_of_attributes_that_become_one_label_are_joined_in_the_order_of_their_keys():
    receiver = OfflineReceiver()
    receiver.take(gauge("g", [number(1, 1_100, **Attributes({"a.b": "dot", "a-b": "dash", "a_b": "under"}))]))
    assert receiver.store.samples[0][0] == 'g{a_b="dash;dot;under"}'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (7, "7"),
        (0.5, "0.5"),
        (2.0, "2"),
        (b"\x01\x02", "AQI="),
        ([1, "a", None], '[1,"a",null]'),
        ({"k": [True]}, '{"k":[true]}'),
    ],
)
def test_a_value_that_is_no_text_becomes_text(value, text):
    receiver = OfflineReceiver()
    receiver.take(gauge("g", [number(1, 1_100, of=value)]))
    assert dict(next(iter(receiver.store.numbers)))["of"] == text


def test_what_a_resource_says_beyond_who_it_is_stands_in_target_info():
    receiver = OfflineReceiver()
    sender = resource(service_namespace="shop", service_name="app", service_instance_id="one", host_name="h1")
    receiver.take(gauge("g", [number(1, 1_100), number(1, 1_200)]), of=sender)
    assert receiver.store.of("target_info") == [
        ('target_info{host_name="h1",instance="one",job="shop/app"}', 1_200_000, 1.0)
    ]


def test_a_promoted_resource_attribute_is_a_label_of_every_series():
    receiver = OfflineReceiver(promote=frozenset({"deployment.environment"}))
    receiver.take(gauge("g", [number(1, 1_100)]), of=resource(service_name="app", deployment_environment="live"))
    assert receiver.store.of("g") == [('g{deployment_environment="live",job="app"}', 1_100_000, 1.0)]


@pytest.mark.parametrize(
    ("point", "limits", "reason"),
    [
        (number(1, 0), Limits(), "points without a time"),
        (number(1, NOW + 601), Limits(), "points from the future"),
        (number(1, 1_100, a="1", b="2"), Limits(label_count=2), "points with too many labels"),
        (number(1, 1_100, a="long"), Limits(label_value_chars=3), "points with a label that is too long"),
    ],
)
def test_a_point_that_breaks_a_rule_is_rejected_alone(point, limits, reason):
    receiver = OfflineReceiver(limits)
    translated = receiver.take(gauge("g", [point]))
    assert translated.rejected == {reason: 1}
    assert receiver.store.samples == []


def test_a_metric_whose_name_has_no_usable_character_is_rejected():
    translated = OfflineReceiver().take(gauge("…", [number(1, 1_100)]))
    assert translated.rejected == {"metrics whose name has no usable character": 1}


def test_a_point_without_a_value_is_rejected():
    point = number(1, 1_100)
    point.ClearField("as_int")
    assert OfflineReceiver().take(gauge("g", [point])).rejected == {"points without a value": 1}


def test_the_names_that_came_are_those_that_rules_read():
    translated = OfflineReceiver().take(
        gauge("g", [number(1, 1_100)]), histogram("h", [distribution([1], 1_100, bounds=[], sum_=1)])
    )
    assert translated.metrics == {"g", "h_seconds_bucket", "h_seconds_sum", "h_seconds_count"}
