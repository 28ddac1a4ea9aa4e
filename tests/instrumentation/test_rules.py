"""Which requests are webhooks, and whose; and what zero code takes back."""

import pytest
from fastapi import APIRouter

from lapbell.integrations.webhooks import provider_of
from lapkit import python

router = APIRouter(prefix="/webhook")
NAMED = {"/webhook/stripe": "stripe", "/webhook/*": "twilio"}


@router.get("/{name}")
def verify(name: str) -> None:
    """A webhook that is no POST."""


@pytest.mark.parametrize(
    ("provider", "webhooks", "method", "route", "expected"),
    [
        ("twilio", None, "POST", "/any/{thing}", "twilio"),
        ("twilio", None, "GET", "/any/{thing}", None),
        ("twilio", None, "POST", "", "twilio"),
        ("", None, "POST", "/w", ""),
        ("twilio", "/webhook/*", "GET", "/webhook/{name}", "twilio"),
        ("twilio", "/webhook/*", "POST", "/other", None),
        ("twilio", ["/a", "/b/*"], "POST", "/b/c", "twilio"),
        ("twilio", ["/a", "/b/*"], "POST", "/b", None),
        ("meta", router, "GET", "/webhook/{name}", "meta"),
        ("meta", router, "GET", "/api/webhook/{name}", "meta"),
        ("meta", router, "POST", "/other", None),
        (NAMED, None, "POST", "/webhook/stripe", "stripe"),
        (NAMED, None, "POST", "/webhook/sms", "twilio"),
        (NAMED, None, "POST", "/other", ""),
    ],
)
def test_webhooks_and_their_providers(provider, webhooks, method, route, expected):
    assert provider_of(provider, webhooks)(method, route) == expected


UNINSTRUMENT = """
import redis, redis.asyncio
from fastapi import FastAPI
from starlette.applications import Starlette
from lapbell.zero_code import LapbellInstrumentor

def what_could_change():
    return (
        redis.Redis.execute_command, redis.client.Pipeline.execute, redis.asyncio.Redis.execute_command,
        redis.RedisCluster.execute_command, Starlette.build_middleware_stack, FastAPI.build_middleware_stack,
    )

before = what_could_change()
LapbellInstrumentor().instrument()
during = what_could_change()
LapbellInstrumentor().uninstrument()
after = what_could_change()  # a wrapper is equal to what it wraps
print([[one is other for one, other in zip(before, now)] for now in (during, after)])
"""


def test_uninstrumenting_leaves_nothing_behind():
    printed = python(UNINSTRUMENT, OTEL_TRACES_EXPORTER="none", OTEL_METRICS_EXPORTER="none")
    assert printed == f"{[[False] * 6, [True] * 6]}\n"


@pytest.mark.parametrize(
    ("text", "answer"), [("0.3,5", "(0.3, 5.0)"), ("fast", "write two numbers of seconds"), ("1", "write two numbers")]
)
def test_targets_come_from_a_variable(text, answer):
    script = """
import lapbell
from lapbell.zero_code import LapbellInstrumentor
try:
    LapbellInstrumentor().instrument()
    thresholds = lapbell.get_performance_monitor().thresholds
    print((thresholds["webhook_500ms_target"], thresholds["webhook_2s_requirement"]))
except lapbell.LapbellError as error:
    print(error)
"""
    assert answer in python(script, LAPBELL_TARGETS=text, OTEL_TRACES_EXPORTER="none", OTEL_METRICS_EXPORTER="none")
