"""The app does not depend on whoever listens to it."""

import asyncio
import signal
import statistics
import time

import pytest

from journey import TOKEN, Plan, Provider, evaluator, webhook_app
from peers import redis_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

COUNT = 200
# What two medians of 200 webhooks on a busy machine may differ by.
NOISE_S = 0.005
STOPS_WITHIN_S = 3.0


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP], ids=["dead", "hanging"])
def test_the_app_answers_as_fast_as_before_and_stops_in_time(end):
    with redis_server() as redis, evaluator() as judge, webhook_app(redis.url, judge.otlp_grpc) as app:
        provider = Provider(app.url, TOKEN, at_once=1)
        asyncio.run(provider.send([Plan.of(0.0)] * COUNT))  # warm
        before = asyncio.run(provider.send([Plan.of(0.0)] * COUNT))
        judge.process.popen.send_signal(end)
        after = asyncio.run(provider.send([Plan.of(0.0)] * COUNT))
        began = time.monotonic()
        code = app.process.stop()
        took = time.monotonic() - began
        judge.process.popen.send_signal(signal.SIGCONT)

    medians = [statistics.median(answer.seconds for answer in answers) for answers in (before, after)]
    assert [answer.status for answer in after] == [200] * COUNT
    assert medians[1] <= medians[0] + NOISE_S, medians
    assert took <= STOPS_WITHIN_S
    assert code in {0, -signal.SIGTERM}
