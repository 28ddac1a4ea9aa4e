"""What makes no sense is told at set-up, with what makes sense; OpenTelemetry's own variables never end the app."""

import inspect
import json
import math
import os
from collections.abc import Mapping
from typing import Any

import pytest
from fastapi import FastAPI
from opentelemetry.sdk.trace.export import ConsoleSpanExporter

import lapbell
from lapbell.monitor import PerformanceMonitor
from lapbell.sdk_variables import sensible
from lapkit import python, workbench


class Unspeakable:
    """What cannot even be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no")


NO_NUMBERS: tuple[Any, ...] = (math.inf, -math.inf, math.nan, -1, "1", True, [])
MONSTERS: dict[str, Any] = {
    "larger than a float": 10**400,
    "longer than Python shows": 10**5_000,
    "mute": Unspeakable(),
    "mute in a list": [Unspeakable()],
    "mute by name": {"*": Unspeakable()},
    "text": "x" * 1_000_000,
}
ARGUMENTS = tuple(inspect.signature(lapbell.setup).parameters)
MEANT = {("provider", str), ("webhooks", str), ("service_name", str), ("environment", dict)}


def started_app() -> FastAPI:
    app = FastAPI()
    app.middleware_stack = app.build_middleware_stack()  # as with the first message that the server sends it
    return app


class Wsgi:
    wsgi_app = None

    def __call__(self) -> None: ...


NO_KEYS: tuple[Any, ...] = (None, {}, [], {5: "a"}, {"a": 5})
QUEUE = lapbell.queues.RedisLists({"high": "q:high"})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"app": "main:app"}, "pass the app itself"),
        ({"app": FastAPI}, r"is the class FastAPI: pass the app itself, such as FastAPI\(\)"),
        ({"app": Wsgi()}, "asgiref.wsgi.WsgiToAsgi"),
        ({"app": started_app()}, r"has started already: call lapbell.setup\(app\) where the app is made"),
        ({"provider": 5}, 'pass a name such as "twilio"'),
        ({"provider": {5: "twilio"}}, 'pass a name such as "twilio"'),
        ({"provider": {"/webhook/*": None}}, 'pass a name such as "twilio"'),
        ({"webhooks": 5}, r'\["/webhook/\*"\], or a router'),
        ({"webhooks": [5]}, r'\["/webhook/\*"\], or a router'),
        ({"redis": "no"}, "redis is 'no': pass True or False"),
        ({"system": None}, "system is None: pass True or False"),
        ({"event_loop": math.nan}, "event_loop is nan: pass True or False"),
        ({"queues": 5}, "pass a list of lapbell.queues.RedisLists"),
        ({"queues": [5]}, "pass a list of lapbell.queues.RedisLists"),
        ({"queues": {"a": 1}}, "pass a list of lapbell.queues.RedisLists"),
        ({"queues": [QUEUE, QUEUE]}, "give each queue a destination of its own"),
        ({"targets": ()}, r"such as \(0.5, 2.0\)"),
        ({"targets": (1,)}, r"such as \(0.5, 2.0\)"),
        ({"targets": "ab"}, r"such as \(0.5, 2.0\)"),
        ({"targets": (2.0, 0.5)}, r"such as \(0.5, 2.0\)"),
        *(({"targets": (0.5, wrong)}, r"such as \(0.5, 2.0\)") for wrong in NO_NUMBERS),
        *(({"targets": (wrong, 2.0)}, r"such as \(0.5, 2.0\)") for wrong in NO_NUMBERS),
        ({"service_name": 5}, "pass the name of your service"),
        ({"service_name": " "}, "pass the name of your service"),
        *(({"sample_ratio": wrong}, "pass the share of traces to export, 0 to 1") for wrong in (*NO_NUMBERS, 1.01)),
        *(({"keep_last": wrong}, "pass how many webhooks to keep") for wrong in (*NO_NUMBERS, 1.5, None, 10**9)),
        *(({"kept": wrong}, "pass how many webhooks to keep") for wrong in (*NO_NUMBERS, 1.5)),
        ({"span_exporter": ConsoleSpanExporter()}, r"such as lambda: ConsoleSpanExporter\(\.\.\.\)"),
        ({"metric_exporter": 5}, "pass what makes it"),
        ({"readers": 5}, "pass a list of metric readers"),
        ({"readers": [5]}, "pass a list of metric readers"),
        ({"views": [5]}, "pass a list of opentelemetry.sdk.metrics.view.View"),
        ({"environment": [5]}, "such as os.environ"),
    ],
)
def test_an_argument_that_makes_no_sense_is_told(arguments, message):
    with pytest.raises(lapbell.LapbellError, match=message):
        lapbell.setup(**arguments)


@pytest.mark.parametrize(
    ("argument", "monster"),
    [
        pytest.param(argument, monster, id=f"{argument}-{name}")
        for argument in ARGUMENTS
        for name, monster in MONSTERS.items()
        if (argument, type(monster)) not in MEANT
    ],
)
def test_what_can_hardly_be_shown_is_told_in_short(argument, monster):
    with pytest.raises(lapbell.LapbellError) as refused:
        lapbell.setup(**{argument: monster})
    assert len(str(refused.value)) < 1_000


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        *(
            ("OTEL_METRIC_EXPORT_INTERVAL", value, "write milliseconds, above 0")
            for value in ("inf", "nan", "-1", "5s")
        ),
        *(("OTEL_TRACES_SAMPLER_ARG", value, "0 to 1") for value in ("inf", "nan", "-0.1", "7", "all")),
        ("OTEL_TRACES_EXPORTER", "zipkin", "lapbell knows otlp, console and none"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "lapbell knows grpc and http/protobuf"),
        ("LAPBELL_URL", "localhost:9464", "write the URL of the evaluator's REST, such as http://127.0.0.1:"),
        ("LAPBELL_URL", "file:///etc/passwd", "write the URL of the evaluator's REST"),
        ("LAPBELL_URL", "http://host:99999", "write the URL of the evaluator's REST"),
        ("LAPBELL_TOKEN", "a\nb", "^LAPBELL_TOKEN can't be sent in a header: write letters"),
    ],
)
def test_a_variable_that_makes_no_sense_is_told(variable, value, message):
    with pytest.raises(lapbell.LapbellError, match=message):
        lapbell.setup(environment={variable: value})


def test_the_argument_of_a_sampler_that_takes_no_ratio_is_none_of_ours():
    printed = python(
        "import lapbell; lapbell.setup().shutdown(); print('well')",
        OTEL_TRACES_SAMPLER="jaeger_remote",
        OTEL_TRACES_SAMPLER_ARG="endpoint=http://localhost:14250",
        OTEL_TRACES_EXPORTER="none",
        OTEL_METRICS_EXPORTER="none",
    )
    assert printed == "well\n"


@pytest.mark.parametrize("targets", ["nan,2", "0.5,inf", "2,0.5", "-1,2", "0.5", "a,b"])
def test_targets_in_a_variable_are_told_by_its_name(targets):
    refused = """
import os
from lapbell import LapbellError
from lapbell.zero_code import LapbellInstrumentor
try:
    LapbellInstrumentor().instrument()
except LapbellError as error:
    print(error)
"""
    printed = python(refused, LAPBELL_TARGETS=targets)
    assert printed.startswith(f"LAPBELL_TARGETS is {targets!r}: write two numbers of seconds, such as 0.5,2")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        *(({"keys": wrong}, r'such as {"high": "q:high", "low": "q:low"}') for wrong in NO_KEYS),
        ({"keys": {"high": "q", "low": "q"}}, "two priorities can't share one list"),
        *(({"limit": wrong}, "pass how many messages it should hold at most") for wrong in (*NO_NUMBERS, 0, 1.5)),
        *(({"timeout_s": wrong}, "pass seconds above 0") for wrong in (*NO_NUMBERS, 0)),
        ({"destination": 5}, 'pass the name of the queue, such as "tasks"'),
        ({"destination": ""}, 'pass the name of the queue, such as "tasks"'),
        ({"in_flight": 5}, "pass the key of a list"),
        ({"dead": ""}, "pass the key of a list"),
        ({"newest_first": "yes"}, "pass True or False"),
        ({"url": "localhost:6379"}, "^url is no address of Redis: .* such as redis://127.0.0.1"),
        ({"url": "http://:hunter2@localhost"}, "^(?!.*hunter2)"),
        ({"url": "redis://localhost:99999"}, "^url is no address of Redis"),
    ],
)
def test_an_argument_of_a_queue_that_makes_no_sense_is_told(arguments, message):
    with pytest.raises(lapbell.LapbellError, match=message):
        lapbell.queues.RedisLists(**{"keys": {"high": "q:high"}} | arguments)


@pytest.mark.parametrize("ratio", [*NO_NUMBERS[:4], "all", [], "nan"])
def test_a_ratio_that_makes_no_sense_is_told(ratio):
    with pytest.raises(lapbell.LapbellError, match="pass the share of traces to export, 0 to 1"):
        lapbell.sampler(ratio)


WITHOUT_EXPORT = {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"}
NONSENSE: dict[str, Any] = {
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "-1",
    "OTEL_SPAN_EVENT_COUNT_LIMIT": "abc",
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "inf",
    "OTEL_BSP_MAX_QUEUE_SIZE": "-1",
    "OTEL_BSP_SCHEDULE_DELAY": "0",
    "OTEL_METRICS_EXEMPLAR_FILTER": "foo",
    "OTEL_EXPORTER_OTLP_TIMEOUT": "nan",
    "OTEL_EXPORTER_OTLP_METRICS_COMPRESSION": "foo",
    "OTEL_PROPAGATORS": "foo",
    "OTEL_PYTHON_TRACER_PROVIDER": "foo",
}


def test_nonsense_in_variables_of_the_sdk_is_told_and_the_app_goes_on():
    script = """
import json, logging
lines = []
class Lines(logging.Handler):
    def emit(self, record):
        lines.append(record.getMessage())
logging.getLogger("lapbell").addHandler(Lines())
import lapbell
lapbell.setup(span_exporter=lambda: None).shutdown()
print(json.dumps(sorted(line.split()[1].rstrip(":") for line in lines)))
"""
    assert json.loads(python(script, **NONSENSE)) == sorted(NONSENSE)


def test_what_the_variables_of_the_sdk_hold_else_stays():
    held = {
        "OTEL_BSP_MAX_QUEUE_SIZE": "512 ",
        "OTEL_SPAN_LINK_COUNT_LIMIT": "unset",
        "OTEL_PROPAGATORS": "baggage, none",
    }
    blank = {"OTEL_METRICS_EXEMPLAR_FILTER": " "}
    assert sensible({**held, **blank, "PATH": "a"}) == {**held, "OTEL_BSP_MAX_QUEUE_SIZE": "512", "PATH": "a"}


def test_an_endpoint_without_a_scheme_is_told_with_the_remedy(caplog):
    sensible({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "localhost:4318"})
    assert "write a URL with its scheme, such as http://localhost:4318; until then nothing arrives" in caplog.text


def test_a_batch_larger_than_the_queue_is_cut_to_it():
    sizes: dict[str, Any] = {
        "OTEL_BSP_MAX_QUEUE_SIZE": "10",
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "20",
        "OTEL_METRICS_EXPORTER": "none",
    }
    printed = python("import lapbell; lapbell.setup(span_exporter=lambda: None).shutdown(); print('well')", **sizes)
    assert printed == "well\n"


MEASUREMENTS: Mapping[str, Any] = {
    "no number": lapbell.WebhookTimingBreakdown(total_time=math.nan),
    "no end": lapbell.WebhookTimingBreakdown(total_time=math.inf),
    "a text": lapbell.WebhookTimingBreakdown(total_time="1"),  # type: ignore[arg-type]  # what users may pass
}


@pytest.mark.parametrize("measurement", MEASUREMENTS)
def test_a_measurement_that_is_no_time_is_left_out_and_does_not_end_the_app(measurement):
    monitor = PerformanceMonitor(os.environ)
    with workbench() as bench:
        monitor.record_webhook_timing_breakdown(MEASUREMENTS[measurement])
        monitor.record_webhook_timing_breakdown(lapbell.WebhookTimingBreakdown(total_time=0.5))
        assert [point.sum for point in bench.points("webhook.request.duration")] == [0.5]
