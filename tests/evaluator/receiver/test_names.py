"""OpenTelemetry specification, compatibility/prometheus_and_openmetrics.md, "OTLP Metric points to Prometheus"."""

import pytest

from lapbell_evaluator.receiver.names import Kind, label_name, metric_name


@pytest.mark.parametrize(
    ("name", "unit", "kind", "expected"),
    [
        ("webhook.request.duration", "s", Kind.HISTOGRAM, "webhook_request_duration_seconds"),
        ("webhook.slo.requests", "{request}", Kind.COUNTER, "webhook_slo_requests_total"),
        ("messaging.queue.messages", "{message}", Kind.GAUGE, "messaging_queue_messages"),
        ("system.cpu.utilization", "1", Kind.GAUGE, "system_cpu_utilization_ratio"),
        ("circuit_breaker.status", "1", Kind.UP_DOWN_COUNTER, "circuit_breaker_status"),
        ("db.client.connection.count", "{connection}", Kind.UP_DOWN_COUNTER, "db_client_connection_count"),
        ("system.network.io", "By/s", Kind.GAUGE, "system_network_io_bytes_per_second"),
        ("system.network.io", "By/{packet}", Kind.GAUGE, "system_network_io_bytes"),
        ("already_seconds", "s", Kind.GAUGE, "already_seconds"),
        ("seconds.spent", "s", Kind.GAUGE, "seconds_spent"),
        ("total.requests", "", Kind.COUNTER, "requests_total"),
        ("requests_total", "", Kind.COUNTER, "requests_total"),
        ("a..b--c", "", Kind.GAUGE, "a_b_c"),
        ("2xx.responses", "", Kind.GAUGE, "_2xx_responses"),
        ("temperature", "Cel", Kind.GAUGE, "temperature_celsius"),
        ("speed", "m/s", Kind.GAUGE, "speed_meters_per_second"),
        ("fill", "%", Kind.GAUGE, "fill_percent"),
        ("own.unit", "widget", Kind.GAUGE, "own_unit_widget"),
        ("ключ", "s", Kind.GAUGE, ""),
        ("", "s", Kind.GAUGE, ""),
    ],
)
def test_a_metric_gets_the_name_that_prometheus_gives_it(name, unit, kind, expected):
    assert metric_name(name, unit, kind) == expected


@pytest.mark.parametrize(
    ("name", "unit", "kind", "expected"),
    [
        ("webhook.request.duration", "s", Kind.HISTOGRAM, "webhook.request.duration_seconds"),
        ("requests_total", "", Kind.COUNTER, "requests_total"),
        ("ключ", "s", Kind.GAUGE, "ключ_seconds"),
    ],
)
def test_with_utf8_a_name_keeps_its_characters_and_gets_the_suffixes(name, unit, kind, expected):
    assert metric_name(name, unit, kind, utf8=True) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("http.route", "http_route"),
        ("http.response.status_code", "http_response_status_code"),
        ("2xx", "key_2xx"),
        ("_private", "key_private"),
        ("__reserved", "__reserved"),
        ("a..b", "a_b"),
    ],
)
def test_an_attribute_gets_the_name_that_prometheus_gives_it(name, expected):
    assert label_name(name) == expected


def test_no_attribute_can_take_the_place_of_the_metric_name():
    assert label_name("__name__") != "__name__"
