"""A translator with a notebook behind it: exports in, samples out, without a network."""

from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from lapbell_evaluator.receiver.limits import Limits
from lapbell_evaluator.receiver.protobuf import decode_metrics
from lapbell_evaluator.receiver.translator import Translated, Translator
from otlp_kit.metrics import metrics_export
from otlp_kit.notebook import Notebook

NOW = 1_000_000.0


class Desk:
    """Takes exports of metrics one after the other."""

    def __init__(self, limits: Limits | None = None, promote: frozenset[str] = frozenset()) -> None:
        self.notebook = Notebook()
        self.translator = Translator(self.notebook, limits or Limits(), promote)

    def take(self, *metrics: Metric, of: Resource | None = None) -> Translated:
        return self.take_bytes(metrics_export(*metrics, of=of).SerializeToString())

    def take_bytes(self, body: bytes) -> Translated:
        translated = self.translator.translate(decode_metrics(body), NOW)
        self.notebook.append(translated.zeros)
        self.notebook.append(translated.batch)
        for sample in translated.histograms:
            self.notebook.append_histogram(sample.ref, sample.time_ms, sample.histogram)
        return translated
