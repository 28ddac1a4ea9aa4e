"""`setup()`: the one file that knows every part of the library, in the order they are put together."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from opentelemetry.sdk.metrics.export import MetricExporter, MetricReader
from opentelemetry.sdk.metrics.view import View

from lapbell import arguments, exporters, seam, semconv
from lapbell.circuits import Circuits
from lapbell.errors import LapbellError
from lapbell.event_loop import Watchdog
from lapbell.gauges import Source
from lapbell.instruments import SdkRecorder
from lapbell.integrations.asgi import Hooks, WebhookMiddleware
from lapbell.integrations.webhooks import Webhooks, provider_of
from lapbell.ledger import Ledger
from lapbell.monitor import get_performance_monitor
from lapbell.monitor.alerts import check_variables
from lapbell.monitor.monitor import DEFAULT_KEEP_LAST
from lapbell.pipeline import SHUTDOWN_S, Pipeline
from lapbell.pools import Pools
from lapbell.process import process
from lapbell.processor import Limits, Rules, TailRule, WebhookProcessor, request_of, sampler
from lapbell.provider_deadlines import deadlines_s
from lapbell.providers import obtain
from lapbell.queues import Poller, RedisLists
from lapbell.reader import PacedReader
from lapbell.resources import resource_of
from lapbell.sdk_variables import sensible
from lapbell.seam import Seam
from lapbell.system import System
from lapbell.tracing import SpanExporter, TracerProvider

__all__ = ["Handle", "setup"]

EXPORT_INTERVAL_MS: Final = 5_000.0
MOST_INTERVAL_MS: Final = 86_400_000.0
_SAMPLERS_BY_RATIO: Final = frozenset({"", "lapbell", "traceidratio", "parentbased_traceidratio"})


class Handle:
    """What `setup()` has put in place.

    Attributes:
        app: the app to serve; the one that was passed, or around it a middleware if it takes none itself.
        hooks: who wants to know what the middleware sees; for integrations.
    """

    def __init__(self, app: Any, pipeline: Pipeline, hooks: Hooks) -> None:  # noqa: ANN401 - any ASGI app
        self.app = app
        self.hooks = hooks
        self._pipeline = pipeline

    def flush(self) -> None:
        """Export what waits and go on, within two seconds even if the collector does not answer.

        Called by itself when the app has shut down.
        """
        self._pipeline.flush()

    def shutdown(self, timeout_s: float = SHUTDOWN_S) -> None:
        """Export what waits and stop, within `timeout_s` even if the collector does not answer.

        Called by itself when the process ends.
        """
        self._pipeline.shutdown(timeout_s)


def setup(
    app: Any = None,  # noqa: ANN401 - any ASGI app
    *,
    provider: str | Mapping[str, str] = "",
    webhooks: Webhooks = None,
    redis: bool = False,
    queues: Sequence[RedisLists] = (),
    targets: tuple[float, float] = (semconv.DEFAULT_TARGET_S, semconv.DEFAULT_REQUIREMENT_S),
    service_name: str | None = None,
    sample_ratio: float | None = None,
    system: bool = True,
    event_loop: bool = True,
    keep_last: int = DEFAULT_KEEP_LAST,
    kept: int | None = None,
    span_exporter: Callable[[], SpanExporter] | None = None,
    metric_exporter: Callable[[], MetricExporter] | None = None,
    readers: Sequence[MetricReader] = (),
    views: Sequence[View] = (),
    environment: Mapping[str, str] = os.environ,
) -> Handle:
    """Watch this process: the webhooks of `app`, its Redis calls, its queues.

    Call it once, where the app is made. Exporters, their endpoints and headers are chosen by the standard `OTEL_*`
    variables.

    Args:
        app: FastAPI, Starlette or any ASGI app; None in a worker.
        provider: who sends the webhooks, or names by patterns of routes: `{"/webhook/stripe": "stripe"}`.
        webhooks: which requests are webhooks: patterns of routes such as `/webhook/*`, or a router. Without it every
            POST is one.
        redis: trace the Redis clients of this process.
        queues: queues whose depth is reported.
        targets: seconds; the target, and the requirement after which the provider gives up.
        service_name: `service.name`, unless `OTEL_SERVICE_NAME` or `OTEL_RESOURCE_ATTRIBUTES` has a say.
        sample_ratio: share of the traces that is exported, 0 to 1, besides the slow and failed ones; metrics stay
            exact. Without it `OTEL_TRACES_SAMPLER_ARG` has a say, else all are exported.
        system: report CPU, memory and disk of the machine.
        event_loop: watch the event loop: its lag, the line that blocks it, and clients that go away; without it the
            latter are noticed when the app asks for them.
        keep_last: webhooks, and Redis operations, that are kept in memory for the monitor's summaries.
        kept: the earlier name of `keep_last`; beats it where it is given.
        span_exporter: makes an exporter of your own instead of the one that the variables name; once per process.
        metric_exporter: the same for metrics.
        readers: metric readers of your own, such as Prometheus'. With readers or views, metrics are recorded through
            the SDK's instruments instead of lapbell's ledger, which costs more per webhook.
        views: of OpenTelemetry's SDK; they hold for lapbell's own export too.
        environment: where the `OTEL_*` variables are read.

    Raises:
        LapbellError: something that is asked for is not installed, or an argument or a variable makes no sense.
    """
    arguments.check(locals())
    environment = sensible(environment)
    ratio = _sample_ratio(environment) if sample_ratio is None else sample_ratio
    interval_s = _interval_s(environment)
    check_variables(environment)
    providers = obtain(sampler(ratio), resource_of(app, service_name, environment), readers, views)

    exporters.quieten()
    build_spans = span_exporter or exporters.span_exporter(environment)
    build_metrics = metric_exporter or exporters.metric_exporter(environment)
    downstream = None
    if build_spans is not None and providers.own_tracing:
        downstream = exporters.SpanBatches(exporters.PrivateSpanExporter(build_spans), environment)
    preferences = exporters.preferences(environment)
    is_kept_here = providers.own_metrics and preferences.are_usual and not (providers.readers or providers.views)
    ledger = Ledger(targets, with_exemplars=_with_exemplars(environment)) if is_kept_here else None
    reader = PacedReader(
        build_metrics if providers.own_metrics else None,
        interval_s,
        preferences,
        ledger,
        lambda: providers.tracer_provider.resource,
    )
    own_seam = Seam(providers.tracer, ledger or SdkRecorder(providers.meter, targets))
    seam.use(own_seam)
    rules = Rules(provider_of(provider, webhooks), Limits(targets, deadlines_s()))
    monitor = get_performance_monitor()
    monitor.watch(queues, targets, keep_last if kept is None else kept, reader.request_export)
    watchdog = Watchdog(reader.request_export, request_of)
    tail = TailRule(rules.limits.requirement_s)
    timeouts_s = {queue.destination: queue.timeout_s for queue in queues if queue.timeout_s is not None}
    processor = WebhookProcessor(
        own_seam, rules, tail, downstream, reader.request_export, [monitor], watchdog.blocks, timeouts_s
    )
    requests = processor.requests
    watchdog.calls(on_beat=requests.watch_clients, on_look=processor.sweep)

    pollers = [Poller(queue, reader.request_export) for queue in queues]
    circuits = process.obtain(Circuits)
    circuits.request_export = reader.request_export
    sources: list[Source] = [*queues, *pollers, monitor.reported, circuits, process.obtain(Pools), requests, watchdog]
    if system:
        sources.append(System())
    if redis:
        _watch_redis(providers.tracer_provider)
    pipeline = Pipeline(providers, processor, reader, [*pollers, monitor, watchdog, circuits], sources)
    pipeline.start()
    hooks = Hooks(requests, watchdog.watch_this_loop if event_loop else _nothing, pipeline.flush)
    return Handle(_watched(app, hooks), pipeline, hooks)


def _nothing() -> None:
    """No event loop is watched."""


def _with_exemplars(environment: Mapping[str, str]) -> bool:
    return environment.get("OTEL_METRICS_EXEMPLAR_FILTER", "").strip().lower() != "always_off"


def _interval_s(environment: Mapping[str, str]) -> float:
    remedy = "write milliseconds, above 0 and at most a day's"
    name = "OTEL_METRIC_EXPORT_INTERVAL"
    return arguments.variable(environment, name, EXPORT_INTERVAL_MS, remedy, most=MOST_INTERVAL_MS) / 1_000


def _sample_ratio(environment: Mapping[str, str]) -> float:
    """The argument of a sampler that takes a ratio; others' arguments are none of ours."""
    if environment.get("OTEL_TRACES_SAMPLER", "").strip() not in _SAMPLERS_BY_RATIO:
        return 1.0
    remedy = "write the share of traces to export, 0 to 1"
    return arguments.variable(environment, "OTEL_TRACES_SAMPLER_ARG", 1.0, remedy, most=1.0, above=False)


def _watch_redis(tracer_provider: TracerProvider) -> None:
    try:
        from lapbell.integrations.redis import instrument_redis  # noqa: PLC0415 - an extra
    except ImportError as missing:
        raise LapbellError("redis=True needs the redis extra: pip install 'lapbell[redis]'") from missing
    instrument_redis(tracer_provider)


def _watched(app: Any, hooks: Hooks) -> Any:  # noqa: ANN401 - any ASGI app
    if app is None:
        return None
    if hasattr(app, "add_middleware"):
        app.add_middleware(WebhookMiddleware, hooks=hooks)
        return app
    return WebhookMiddleware(app, hooks)
