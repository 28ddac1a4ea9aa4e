"""What an app has measured when it is told to stop still leaves."""

import asyncio

import pytest

from journey import ROUTE, TOKEN, Plan, Provider, webhook_app
from lapbell import semconv
from peers import Sink, collector, otlp_sink, redis_server

pytestmark = pytest.mark.slow

COUNT = 50


def webhooks_in_spans(sink: Sink) -> int:
    return len([span for span in sink.spans if span.name == f"POST {ROUTE}"])


def webhooks_in_metrics(sink: Sink) -> int:
    totals = [metric for metric in sink.metrics if metric.name == semconv.WEBHOOK_REQUEST_DURATION]
    return max((sum(point.count for point in metric.histogram.data_points) for metric in totals), default=0)


def test_webhooks_answered_just_before_a_sigterm_are_in_traces_and_metrics():
    with redis_server() as redis, otlp_sink() as evaluator, collector({"LAPBELL_EVALUATOR": evaluator.url}) as way:
        with webhook_app(redis.url, way.grpc) as app:
            asyncio.run(Provider(app.url, TOKEN, at_once=1).send([Plan.of(0.0)] * COUNT))
        evaluator.wait_until(lambda sink: (webhooks_in_spans(sink), webhooks_in_metrics(sink)) == (COUNT, COUNT))
