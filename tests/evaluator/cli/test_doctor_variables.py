"""The variables of an app that contradict each other, and those that do not."""

import pytest

from lapbell_evaluator.cli.doctor.app_variables import variables
from lapbell_evaluator.cli.doctor.finding import Verdict
from lapbell_evaluator.cli.doctor.installation import Installation
from lapbell_evaluator.cli.doctor.otlp_target import otlp_target
from lapbell_evaluator.config import Settings
from lapbell_evaluator.receiver.replies import Signal

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


def installation(environ: dict[str, str]) -> Installation:
    return Installation(None, Settings(), "", environ, "http://127.0.0.1:8740", False, "", "0.1.0", 0.0)


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {ENDPOINT: "http://collector:4318", "OTEL_SERVICE_NAME": "bot"},
        {ENDPOINT: "http://collector:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
        {ENDPOINT: "collector:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_INSECURE": "true"},
        {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"},
        {"OTEL_TRACES_SAMPLER": "lapbell", "OTEL_TRACES_SAMPLER_ARG": "0.1"},
        {"OTEL_METRIC_EXPORT_INTERVAL": "5000", "LAPBELL_TARGETS": "0.5,2"},
        {"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": "localhost,.internal"},
        {ENDPOINT: "http://otel.internal:4318", "HTTP_PROXY": "http://proxy:3128", "NO_PROXY": "localhost,.internal"},
        {"OTEL_SDK_DISABLED": "false"},
    ],
    ids=lambda environ: " ".join(environ) or "none",
)
def test_what_fits_together_is_fine(environ):
    assert [finding.verdict for finding in variables(installation(environ))] == [Verdict.OK]


@pytest.mark.parametrize(
    ("environ", "verdict", "told", "remedy"),
    [
        ({"OTEL_SDK_DISABLED": "true"}, "wrong", "send nothing", "unset OTEL_SDK_DISABLED"),
        ({"OTEL_TRACES_EXPORTER": "none"}, "warning", "no traces leave", "unset OTEL_TRACES_EXPORTER"),
        ({"OTEL_METRICS_EXPORTER": "prometheus"}, "wrong", "refuses it", "OTEL_METRICS_EXPORTER=otlp"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, "wrong", "refuses it", "http/protobuf, or grpc"),
        ({ENDPOINT: "http://collector:4317"}, "wrong", "is the port of grpc", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"),
        (
            {ENDPOINT: "http://collector:4318", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "wrong",
            "is the port of http/protobuf",
            "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
        ),
        ({ENDPOINT: "collector:4318"}, "wrong", "has no http://", f"{ENDPOINT}=http://collector:4318"),
        (
            {ENDPOINT: "collector:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "warning",
            "by TLS",
            "OTEL_EXPORTER_OTLP_INSECURE=true",
        ),
        ({ENDPOINT: "http://collector:4318/v1/traces"}, "wrong", "/v1/traces/v1/", "Leave out the path"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318"}, "warning", "without /v1/traces", "/v1/traces"),
        ({"OTEL_TRACES_SAMPLER": "traceidratio"}, "warning", "count sampled traces", "OTEL_TRACES_SAMPLER=lapbell"),
        ({"OTEL_TRACES_SAMPLER_ARG": "ten"}, "wrong", "is no number", "a share from 0 to 1"),
        ({"OTEL_TRACES_SAMPLER_ARG": "10"}, "warning", "is not between 0 and 1", "a share from 0 to 1"),
        ({"OTEL_METRIC_EXPORT_INTERVAL": "5"}, "warning", "is not between", "OTEL_METRIC_EXPORT_INTERVAL=5000"),
        ({"OTEL_METRIC_EXPORT_INTERVAL": "60000"}, "warning", "is not between", "OTEL_METRIC_EXPORT_INTERVAL=5000"),
        ({"LAPBELL_TARGETS": "2"}, "wrong", "refuses it", "LAPBELL_TARGETS=0.5,2"),
        ({"OTEL_METRICS_EXEMPLAR_FILTER": "always_off"}, "warning", "can't name the traces", "unset"),
        ({"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "redis, lapbell"}, "warning", "turns lapbell off", "lapbell.setup"),
        ({"http_proxy": "http://proxy:3128"}, "warning", "exports to localhost go through it", "NO_PROXY"),
    ],
    ids=lambda value: " ".join(f"{name}={text}" for name, text in value.items()) if isinstance(value, dict) else "",
)
def test_what_contradicts_is_told_with_its_remedy(environ, verdict, told, remedy):
    found = [(each.verdict, told in each.found, remedy in each.remedy) for each in variables(installation(environ))]
    assert set(found) == {(verdict, True, True)}


def test_the_endpoint_of_a_signal_is_used_as_it_is_and_the_common_one_is_added_to():
    environ = {ENDPOINT: "http://collector:4318/", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://jaeger:4318/v1/traces"}
    targets = [otlp_target(signal, environ) for signal in (Signal.METRICS, Signal.TRACES)]
    assert [target.url for target in targets] == ["http://collector:4318/v1/metrics", "http://jaeger:4318/v1/traces"]


def test_headers_are_read_as_the_exporters_read_them():
    target = otlp_target(Signal.METRICS, {"OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Bearer%20abc,x-tenant=one"})
    assert target.headers == {"authorization": "Bearer abc", "x-tenant": "one"}
