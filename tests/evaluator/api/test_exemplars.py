"""From a slow point of a chart to its trace: `query_exemplars` of a whole evaluator, beside the real Prometheus."""

import asyncio

import httpx
import pytest
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from evaluator_kit import evaluator, get
from lapbell_evaluator.model import SystemClock
from otlp_kit import Attributes, distribution, exemplar, histogram, metrics_export, number, resource, seen, total
from otlp_kit.exponential import exponential, exponential_point
from peers import prometheus

EXEMPLARS = "/api/v1/query_exemplars"
WORK_S = {"fast": 0.02, "slow": 1.7}
P95 = "histogram_quantile(0.95, sum by (le) (rate(checkout_duration_seconds_bucket[5m])))"
CHECKOUT = {"__name__": "checkout_duration_seconds_bucket", "job": "shop", "instance": "one", "pay": "card"}


def work(otlp_http):
    """Orders under spans, measured and exported by the SDK; the trace and span of each, by name."""
    made = Resource.create({"service.name": "shop", "service.instance.id": "one"})
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(f"http://{otlp_http}/v1/metrics"), 60_000)
    as_native = View(instrument_name="native", aggregation=ExponentialBucketHistogramAggregation())
    meters = MeterProvider([reader], made, views=[as_native, View(instrument_name="orders", attribute_keys={"pay"})])
    meter, tracer = meters.get_meter("shop"), TracerProvider(resource=made).get_tracer("shop")
    durations = meter.create_histogram("checkout.duration", "s", explicit_bucket_boundaries_advisory=[0.5, 2.0])
    native, orders = meter.create_histogram("native", "s"), meter.create_counter("orders")
    spans = {}
    for name, seconds in WORK_S.items():
        with tracer.start_as_current_span(name) as span:
            durations.record(seconds, {"pay": "card"})
            native.record(seconds)
            if name == "slow":
                orders.add(1, {"pay": "card", "user": name})
        context = span.get_span_context()
        spans[name] = {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}
    meters.shutdown()
    return spans


def without_times(answer):
    return [
        (of["seriesLabels"], [(each["labels"], each["value"]) for each in of["exemplars"]]) for of in answer["data"]
    ]


async def test_what_the_sdk_measured_under_a_span_leads_to_its_trace(tmp_path):
    began = SystemClock().now()
    async with evaluator(tmp_path) as (client, addresses):
        spans = await asyncio.to_thread(work, addresses.otlp_http)
        answer = await get(client, EXEMPLARS, query=P95, start=str(began - 1), end=str(SystemClock().now() + 1))
        series = (await get(client, "/api/v1/series", **{"match[]": "checkout_duration_seconds_bucket"}))["data"]
        native = await get(client, EXEMPLARS, query="rate(native_seconds[1m])")
        orders = await get(client, EXEMPLARS, query='orders_total{pay="card"} / 2')
        before = await get(client, EXEMPLARS, query=P95, end=str(began - 1))
    times = [each["timestamp"] for of in answer["data"] for each in of["exemplars"]]
    assert without_times(answer) == [
        ({**CHECKOUT, "le": "0.5"}, [(spans["fast"], "0.02")]),
        ({**CHECKOUT, "le": "2"}, [(spans["slow"], "1.7")]),
    ]
    assert all(each["seriesLabels"] in series for each in answer["data"])
    assert all(began - 0.001 <= time <= SystemClock().now() for time in times)
    assert {each["value"]: each["labels"] for of in native["data"] for each in of["exemplars"]} == {
        "0.02": spans["fast"],
        "1.7": spans["slow"],
    }
    assert [labels for _, of in without_times(orders) for labels, _ in of] == [{**spans["slow"], "user": "slow"}]
    assert before["data"] == []


async def test_every_selector_of_an_expression_has_its_exemplars(tmp_path):
    async with evaluator(tmp_path) as (client, addresses):
        await asyncio.to_thread(work, addresses.otlp_http)
        query = f"{P95} / on () sum(sum_over_time(orders_total[5m:1m] offset 1h)) + {{__name__=~'nat.*'}}"
        asked = await client.post(EXEMPLARS, data={"query": query})
        names = [each["seriesLabels"]["__name__"] for each in asked.json()["data"]]
        nothing = await get(client, EXEMPLARS, query="1 + 1")
    assert names == [
        "checkout_duration_seconds_bucket",
        "checkout_duration_seconds_bucket",
        "native_seconds",
        "orders_total",
    ]
    assert nothing == {"status": "success", "data": []}


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"query": "rate(up[5m"},
        {"query": 'up{job=~"("}'},
        {"query": "up", "start": "noon"},
        {"query": "up", "end": "-"},
        {"query": "up", "start": "10", "end": "9"},
    ],
)
async def test_wrong_questions_are_refused_as_prometheus_does(tmp_path, params):
    async with evaluator(tmp_path) as (client, _):
        answer = await client.get(EXEMPLARS, params=params)
    assert answer.status_code == 400
    assert answer.json()["status"] == "error"
    assert answer.json()["errorType"] == "bad_data"


def exports(now):
    """Two exports, of which the second repeats some exemplars of the first."""
    first, second = (
        (
            exemplar(0.2, now - 20, 1, 2, **{"user.id": "u1", "empty": ""}),
            exemplar(0.5, now - 19, 3, 4),
        ),
        (exemplar(0.75, now - 18, 5, 6, tries=3, note="x" * 100), exemplar(7, now - 17, 7)),
    )
    metrics = []
    for at, chosen in ((now - 10, (*first, second[0])), (now - 5, (first[0], *second))):
        spread = distribution(
            [1, 1, 1], at, bounds=[0.5, 2.0], sum_=9, start=now - 60, **Attributes({"http.route": "/w"})
        )
        many = exponential_point([3], at, start=now - 60, sum_=9.0)
        metrics.append(
            [
                histogram("webhook.request.duration", [seen(spread, *chosen)]),
                exponential("native", [seen(many, *sorted(chosen, key=lambda each: each.time_unix_nano))]),
                total("orders", [seen(number(3, at, start=now - 60, pay="card"), chosen[-1])]),
                total("in.flight", [seen(number(3, at), chosen[-1])], monotonic=False),
            ]
        )
    of = resource(service_namespace="shop", service_name="app", service_instance_id="one", region="eu")
    return [metrics_export(*each, of=of).SerializeToString() for each in metrics]


PEER = """
otlp: {promote_resource_attributes: [region]}
storage: {tsdb: {out_of_order_time_window: 10m}}
"""
PEER_FLAGS = ("--enable-feature=exemplar-storage", "--web.enable-otlp-receiver")
PROTOBUF = {"Content-Type": "application/x-protobuf"}
EVERYTHING = '{__name__=~".+"}'
QUESTIONS = [
    "histogram_quantile(0.95, sum by (le) (rate(webhook_request_duration_seconds_bucket[5m])))",
    "native_seconds",
    'orders_total{pay=~"c.*"} / ignoring (pay) in_flight',
    '{__name__=~".+", le!="0.5"}',
    "sum(webhook_request_duration_seconds_count) + absent_metric",
]


async def test_the_same_exports_have_the_same_exemplars_as_in_prometheus(tmp_path):
    now = float(int(SystemClock().now()))
    stretches = [{}, {"start": str(now - 19), "end": str(now - 18)}, {"end": str(now - 18.001)}]
    answers = []
    with prometheus(PEER, *PEER_FLAGS) as peer:
        async with (
            evaluator(tmp_path, ingest={"promote": ["region"]}) as (client, addresses),
            httpx.AsyncClient(base_url=peer.url, trust_env=False, timeout=60) as theirs,
        ):
            for body in exports(now):
                for url in (f"http://{addresses.otlp_http}/v1/metrics", f"{peer.url}/api/v1/otlp/v1/metrics"):
                    (await client.post(url, content=body, headers=PROTOBUF)).raise_for_status()
            for question in QUESTIONS:
                for stretch in stretches:
                    params = {"query": question, **stretch}
                    answers.append([await get(each, EXEMPLARS, **params) for each in (client, theirs)])
    mine, theirs = zip(*answers, strict=True)
    assert mine == theirs
    assert [len(each["data"]) for each in mine] == [3, 2, 1, 1, 1, 1, 2, 2, 0, 5, 4, 1, 0, 0, 0]


async def test_a_prometheus_hands_its_exemplars_on_by_remote_write(tmp_path):
    """It hands on only what is newer than its own start."""
    async with evaluator(tmp_path) as (client, addresses):
        write = f"http://{addresses.rest}/api/v1/write"
        forward = f"{{url: '{write}', send_exemplars: true, send_native_histograms: true}}"
        with prometheus(f"remote_write: [{forward}]{PEER}", *PEER_FLAGS) as peer:
            async with httpx.AsyncClient(base_url=peer.url, trust_env=False, timeout=60) as theirs, asyncio.timeout(30):
                after_its_start = exports(float(int(SystemClock().now())) + 12)[0]
                answer = await theirs.post("/api/v1/otlp/v1/metrics", content=after_its_start, headers=PROTOBUF)
                answer.raise_for_status()
                wanted = await get(theirs, EXEMPLARS, query=EVERYTHING)
                while (found := await get(client, EXEMPLARS, query=EVERYTHING)) != wanted:
                    pass
    assert len(found["data"]) == 5
