"""Neighbours: signatures, circuit breakers, the machine, the user's own tests and providers."""

import base64
import hashlib
import hmac
import time

import pybreaker
import pytest
import stripe
from twilio.request_validator import RequestValidator

import lapbell
from lapbell.circuits import Circuits
from lapbell.process import process
from lapbell.system import System
from lapkit import python, workbench

BODY, SECRET = b'{"id": "evt_1", "object": "event", "api_version": null}', "shared"


@pytest.fixture
def bench():
    with workbench() as standing:
        yield standing


def phases(bench) -> list[str]:
    return [span.name for span in bench.spans]


def test_github_signatures(bench):
    github = lapbell.signatures.GitHub(SECRET)
    right = "sha256=" + hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest()
    answers = [github.is_valid(BODY, signature) for signature in (right, right[:-1] + "x", "", None, "snowman \u2603")]
    assert answers == [True, False, False, False, False]
    assert phases(bench) == ["webhook.signature_validation"] * 5


def test_github_s_own_example():
    # https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert lapbell.signatures.GitHub("It's a Secret to Everybody").is_valid(b"Hello, World!", signature)


def test_shopify_signatures(bench):
    shopify = lapbell.signatures.Shopify(SECRET)
    right = base64.b64encode(hmac.new(SECRET.encode(), BODY, hashlib.sha256).digest()).decode()
    assert [shopify.is_valid(BODY, signature) for signature in (right, "AAAA", None)] == [True, False, False]
    assert phases(bench) == ["webhook.signature_validation"] * 3


def test_twilio_signatures(bench):
    url, form = "https://example.test/webhook", {"Body": "hello", "From": "whatsapp:+1"}
    right = RequestValidator(SECRET).compute_signature(url, form)
    twilio = lapbell.signatures.Twilio(SECRET)
    assert [twilio.is_valid(url, form, signature) for signature in (right, "wrong", None)] == [True, False, False]
    assert phases(bench) == ["webhook.signature_validation"] * 3


def test_stripe_signatures(bench):
    now = int(time.time())
    signed = hmac.new(SECRET.encode(), f"{now}.".encode() + BODY, hashlib.sha256).hexdigest()
    checks = lapbell.signatures.Stripe(SECRET)
    event = checks.construct_event(BODY, f"t={now},v1={signed}")
    with pytest.raises(stripe.SignatureVerificationError):
        checks.construct_event(BODY, f"t={now},v1={'0' * 64}")
    assert event.id == "evt_1"
    assert phases(bench) == ["webhook.signature_validation"] * 2


def test_secrets_are_not_shown():
    assert SECRET not in repr((lapbell.signatures.GitHub(SECRET), lapbell.signatures.Shopify(SECRET)))


def test_a_breaker_of_pybreaker_is_watched(bench):
    breaker = pybreaker.CircuitBreaker(fail_max=1, reset_timeout=60, name="redis cache")
    requested: list[None] = []
    circuits = process.obtain(Circuits)
    before, circuits.request_export = circuits.trips, lambda: requested.append(None)
    lapbell.watch_breaker(breaker)

    @breaker
    def fails() -> None:
        raise ConnectionError

    with pytest.raises(pybreaker.CircuitBreakerError):
        fails()
    breaker.half_open()
    breaker.close()
    moves = {
        (point.attributes["circuit_breaker.from"], point.attributes["circuit_breaker.to"]): point.value
        for point in bench.points("circuit_breaker.transitions")
    }
    assert moves == {("closed", "open"): 1, ("open", "half_open"): 1, ("half_open", "closed"): 1}
    assert circuits.states["redis cache"] == "closed"
    assert circuits.trips - before == 1
    assert len(requested) == 1


def test_a_circuit_is_in_one_state():
    own = Circuits()
    own.report("redis", "OPEN")
    own.report("redis", "melted")
    states = {
        (observation.attributes or {})["circuit_breaker.state"]: observation.value
        for observation in own.observe("circuit_breaker.status")
    }
    assert states == {"closed": 0, "open": 1, "half_open": 0}


def systems(circuits: Circuits) -> dict[str, object]:
    """What each circuit says that it guards."""
    return {
        str((observation.attributes or {})["circuit_breaker.name"]): (observation.attributes or {}).get(
            "db.system.name"
        )
        for observation in circuits.observe("circuit_breaker.status")
    }


def test_a_circuit_knows_whether_it_guards_redis_by_what_it_is_told_or_by_its_name():
    own = Circuits()
    own.report("billing", "open")
    own.report("catalogue", "open", "redis")
    own.report("catalogue", "closed")
    own.report("Redis cache", "open")
    assert systems(own) == {"billing": None, "catalogue": "redis", "Redis cache": "redis"}


def test_a_process_that_ends_says_that_its_circuits_are_in_no_state_any_more():
    own = Circuits()
    own.report("redis", "open")
    own.stop()
    ended = [observation.value for observation in own.observe("circuit_breaker.status")]
    own.start()
    again = [observation.value for observation in own.observe("circuit_breaker.status")]
    assert {"ended": ended, "again": again} == {"ended": [0, 0, 0], "again": [0, 1, 0]}


def test_the_machine_is_between_idle_and_full():
    system = System()
    first = {gauge: list(system.observe(gauge)) for gauge in system.gauges}
    until = time.perf_counter() + 0.05
    while time.perf_counter() < until:
        pass
    second = {gauge: list(system.observe(gauge)) for gauge in system.gauges}
    values = [observation.value for observations in second.values() for observation in observations]
    modes = [observation.value for observation in second["system.cpu.utilization"]]
    assert first["system.cpu.utilization"] == []
    assert len(values) == 9
    assert all(0 <= value <= 1 for value in values)
    assert sum(modes) == pytest.approx(1)


CAPTURE = """
import lapbell
from fastapi import FastAPI
from fastapi.testclient import TestClient
from lapbell.testing import HandClock, capture

clock, app = HandClock(), FastAPI()
lapbell.setup(app, provider="twilio")

@app.post("/webhook/{name}")
def webhook(name: str) -> dict[str, str]:
    with lapbell.phase("cache_lookup"):
        clock.advance(1.5)
    clock.advance(1.0)
    return {}

with capture(clock) as seen:
    TestClient(app).post("/webhook/whatsapp")
TestClient(app).post("/webhook/whatsapp")
(only,) = seen.webhooks
print(only.route, only.duration_s, {phase: time_s for phase, time_s in only.phases_s.items() if time_s})
"""


def test_users_tests_capture_webhooks_and_move_the_clock():
    printed = python(CAPTURE, OTEL_TRACES_EXPORTER="none", OTEL_METRICS_EXPORTER="none")
    assert printed == "/webhook/{name} 2.5 {'other': 1.0, 'cache_lookup': 1.5}\n"


def test_capturing_without_setup_says_what_to_do():
    printed = python("""
from lapbell.testing import capture
try:
    with capture():
        pass
except Exception as error:
    print(error)
""")
    assert "calls lapbell.setup()" in printed


OWN_PROVIDERS = """
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
import lapbell
reader = InMemoryMetricReader()
trace.set_tracer_provider(TracerProvider({sampler}))
metrics.set_meter_provider(MeterProvider([reader]))
handle = lapbell.setup(None)
tracer = trace.get_tracer("test")
for _ in range(10):
    attributes = {{"http.request.method": "POST"}}
    with tracer.start_as_current_span("POST /w", kind=trace.SpanKind.SERVER, attributes=attributes):
        pass
scopes = reader.get_metrics_data().resource_metrics[0].scope_metrics
(metric,) = [m for scope in scopes for m in scope.metrics if m.name == "webhook.request.duration"]
print(sum(point.count for point in metric.data.data_points), 0.5 in metric.data.data_points[0].explicit_bounds)
"""


@pytest.mark.parametrize("sampler", ["", "lapbell.sampler(0.0)"])
def test_providers_of_the_user_s_own_are_used(sampler):
    assert python(OWN_PROVIDERS.format(sampler=sampler)) == "10 True\n"


@pytest.mark.parametrize(
    ("call", "env", "message"),
    [
        ("targets=(2, 1)", {}, "pass the target and the requirement"),
        ("", {"OTEL_TRACES_EXPORTER": "zipkin"}, "lapbell knows otlp, console and none"),
        ("", {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, "lapbell knows grpc and http/protobuf"),
        ("", {"OTEL_METRIC_EXPORT_INTERVAL": "soon"}, "write milliseconds"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_remedy(call, env, message):
    script = f"import lapbell\ntry:\n    lapbell.setup(None, {call})\nexcept lapbell.LapbellError as e:\n    print(e)"
    assert message in python(script, **env)


def test_every_public_name_is_there():
    assert [name for name in lapbell.__all__ if not hasattr(lapbell, name)] == []


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'absent'"):
        _ = lapbell.absent
