"""Real SDK providers in memory around the processor, and what came out of them."""

import contextlib
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import Sampler

import lapbell
from lapbell import seam
from lapbell.instruments import SdkRecorder
from lapbell.observations import RedisOperation, Webhook
from lapbell.processor import Limits, Rules, TailRule, WebhookProcessor
from lapbell.processor.processor import BlocksOf

__all__ = ["Workbench", "workbench"]


@dataclass
class Workbench:
    """What stands for as long as the block runs."""

    tracer_provider: TracerProvider
    meter_provider: MeterProvider
    processor: WebhookProcessor
    exporter: InMemorySpanExporter
    reader: InMemoryMetricReader
    seen: "Seen"
    requested_exports: list[None] = field(default_factory=list)

    @property
    def telemetry(self) -> Any:
        """What `FastAPI(telemetry=...)` takes."""
        return {"tracer_provider": self.tracer_provider, "meter_provider": self.meter_provider}

    @property
    def spans(self) -> list[ReadableSpan]:
        """Exported spans, in the order they ended."""
        return list(self.exporter.get_finished_spans())

    def span(self, name: str) -> ReadableSpan:
        """The only exported span of this name."""
        (span,) = [span for span in self.spans if span.name == name]
        return span

    def collect(self) -> dict[str, list[Any]]:
        """The data points of every metric; exemplars leave once."""
        collected = self.reader.get_metrics_data()
        scopes = (
            [scope for resource in collected.resource_metrics for scope in resource.scope_metrics] if collected else []
        )
        return {metric.name: list(metric.data.data_points) for scope in scopes for metric in scope.metrics}

    def points(self, metric: str) -> list[Any]:
        """The data points of one metric."""
        return self.collect().get(metric, [])


@dataclass
class Seen:
    """An observer that keeps everything."""

    webhooks: list[Webhook] = field(default_factory=list)
    operations: list[RedisOperation] = field(default_factory=list)

    def webhook(self, webhook: Webhook) -> None:
        self.webhooks.append(webhook)

    def redis(self, operation: RedisOperation) -> None:
        self.operations.append(operation)


class OwnIds(IdGenerator):
    """Ids by the system's chance: hypothesis seeds Python's, whose ids then come again in the next test."""

    def generate_span_id(self) -> int:
        return secrets.randbits(64) or 1

    def generate_trace_id(self) -> int:
        return secrets.randbits(128) or 1


@contextlib.contextmanager
def workbench(
    provider_of: Callable[[str, str], str | None] = lambda method, route: "twilio",
    *,
    targets_s: tuple[float, float] = (0.5, 2.0),
    sampler: Sampler | None = None,
    deadlines_s: Mapping[str, float] | None = None,
    blocks_of: BlocksOf = lambda thread, start_ns, end_ns: (),
    timeouts_s: Mapping[str, float] | None = None,
) -> Iterator[Workbench]:
    """Providers of its own for one test; the seam stands on them until the block ends."""
    exporter, reader, seen = InMemorySpanExporter(), InMemoryMetricReader(), Seen()
    tracer_provider = TracerProvider(sampler or lapbell.sampler(1.0), shutdown_on_exit=False, id_generator=OwnIds())
    meter_provider = MeterProvider([reader], shutdown_on_exit=False)
    requested_exports: list[None] = []
    replaced = seam.current()
    recorder = SdkRecorder(meter_provider.get_meter("test"), targets_s)
    own = seam.Seam(tracer_provider.get_tracer("test"), recorder)
    seam.use(own)
    processor = WebhookProcessor(
        own,
        Rules(provider_of, Limits(targets_s, deadlines_s or {})),
        TailRule(targets_s[-1]),
        SimpleSpanProcessor(exporter),
        lambda: requested_exports.append(None),
        [seen],
        blocks_of,
        timeouts_s or {},
    )
    tracer_provider.add_span_processor(processor)
    try:
        yield Workbench(tracer_provider, meter_provider, processor, exporter, reader, seen, requested_exports)
    finally:
        seam.use(replaced)
        tracer_provider.shutdown()
        meter_provider.shutdown()
