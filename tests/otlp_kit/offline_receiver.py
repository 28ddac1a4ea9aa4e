"""A translator with a store behind it: exports in, samples out, without a network."""

from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from lapbell_evaluator.receiver.limits import Limits
from lapbell_evaluator.receiver.protobuf import decode_metrics
from lapbell_evaluator.receiver.sender_clocks import SenderClocks
from lapbell_evaluator.receiver.translated import Translated
from lapbell_evaluator.receiver.translator import Translator
from otlp_kit.metrics import metrics_export
from otlp_kit.plain_store import PlainStore

NOW = 1_000_000.0


class OfflineReceiver:
    """Takes exports of metrics one after the other."""

    def __init__(self, limits: Limits | None = None, promote: frozenset[str] = frozenset()) -> None:
        self.store = PlainStore()
        clocks = SenderClocks(corrects=False)  # time stands still here
        self.translator = Translator(self.store, limits or Limits(), promote, clocks=clocks)

    def take(self, *metrics: Metric, of: Resource | None = None) -> Translated:
        return self.take_bytes(metrics_export(*metrics, of=of).SerializeToString())

    def take_bytes(self, body: bytes) -> Translated:
        translated = self.translator.translate(decode_metrics(body), NOW)
        self.store.append(translated.zeros)
        self.store.append(translated.batch)
        for sample in translated.histograms:
            self.store.append_histogram(sample.ref, sample.time_ms, sample.histogram)
        return translated
