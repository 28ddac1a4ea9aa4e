"""What came and was not taken, by reason."""

from typing import Final

from lapbell import semconv
from lapbell_evaluator.cli.doctor.evaluator import Evaluator, Sample, grown
from lapbell_evaluator.cli.doctor.finding import Finding, Place
from lapbell_evaluator.model.prometheus_names import label, metric

__all__ = ["PLACE", "refusals"]

PLACE: Final = Place("arrivals.refused", "refusals")
_NOT_TAKEN: Final = tuple(
    metric(name, "_total")
    for name in (semconv.LAPBELL_RECEIVER_REJECTED_ITEMS, semconv.LAPBELL_RECEIVER_REFUSED_EXPORTS)
)
_SIGNAL: Final = label(semconv.LAPBELL_SIGNAL)
_REASON: Final = label(semconv.LAPBELL_REASON)
_REMEDIES: Final = (  # a word of the reason, and what to do; the first that is in it
    (
        "unauthenticated",
        "In the app: OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20<token of auth.ingest_token_file>",
    ),
    ("forbidden", "Send the token of auth.ingest_token_file: a reader's may not send."),
    ("too_large", "Raise ingest.body_bytes, or let the Collector send smaller batches (send_batch_max_size)."),
    ("busy", "Fewer or smaller exports at once; senders try again by themselves."),
    ("unavailable", "See the evaluator's log: the disk is full, or history can't be written."),
    ("wrong_type", "Send protobuf or JSON: OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf."),
    ("undecodable", "Send OTLP 1.x; something between changes the bodies."),
    (
        "beyond series.limit",
        "Raise series.limit (of one metric: series.limit_per_metric), or send fewer labels; the log says who did.",
    ),
    ("future", "Set the sender's clock right: chrony or timesyncd."),
    ("minutes ahead", "Set the sender's clock right: chrony or timesyncd."),
    ("older than", "Set the sender's clock right; what a queue held back for minutes is lost."),
    ("a newer process sends", "Give each process a service.instance.id of its own (lapbell.setup() does)."),
)
_OTHERWISE: Final = "See `lapbell runbook lapbell-rejecting`."


async def refusals(evaluator: Evaluator) -> tuple[Finding, ...]:
    """Exports, points and spans that were not taken since the start, and whether that goes on."""
    metrics = await evaluator.metrics()
    findings = []
    for name in _NOT_TAKEN:
        before = {_key(sample): sample.value for sample in await evaluator.query(f"{name} offset 5m")}
        findings += [
            _finding(sample, before.get(_key(sample), 0.0)) for sample in metrics.get(name, ()) if sample.value
        ]
    return tuple(findings) or (PLACE.ok("everything that came was taken"),)


def _finding(sample: Sample, before: float) -> Finding:
    signal, reason = _key(sample)
    refused = f"{sample.value:,.0f} of {signal}: {reason.replace('_', ' ')}"
    remedy = next((remedy for word, remedy in _REMEDIES if word in reason), _OTHERWISE)
    if grown(sample.value, before):
        return PLACE.wrong(f"not taken, some within 5 minutes: {refused}", remedy)
    return PLACE.note(f"not taken, none within 5 minutes: {refused}", remedy)


def _key(sample: Sample) -> tuple[str, str]:
    return sample.labels.get(_SIGNAL, ""), sample.labels.get(_REASON, "")
