"""What arrives at the evaluator, what does not, and why."""

from collections.abc import Iterator, Mapping
from typing import Final

from lapbell import semconv
from lapbell_evaluator.cli.doctor.evaluator import Evaluator, Sample, grown
from lapbell_evaluator.cli.doctor.finding import Finding, Place
from lapbell_evaluator.config import Settings
from lapbell_evaluator.model import METRIC_NAME
from lapbell_evaluator.model.prometheus_names import SECONDS, label, metric
from lapbell_evaluator.receiver.replies import Signal

__all__ = ["counts", "from_senders", "names", "senders", "series"]

METRICS: Final = Place("arrivals.metrics", "metrics")
TRACES: Final = Place("arrivals.traces", "spans")
SERIES: Final = Place("arrivals.series", "series")
SENDERS: Final = Place("arrivals.senders", "senders")
_TOTAL: Final = "_total"
_ITEMS: Final = metric(semconv.LAPBELL_RECEIVER_ITEMS, _TOTAL)
_SIGNAL: Final = label(semconv.LAPBELL_SIGNAL)
_LAG: Final = metric(semconv.LAPBELL_RECEIVER_LAG, SECONDS)
_OFFSET: Final = metric(semconv.LAPBELL_SENDER_CLOCK_OFFSET, SECONDS)
_JOB: Final = label(semconv.LAPBELL_SENDER_JOB)
_INSTANCE: Final = label(semconv.LAPBELL_SENDER_INSTANCE)
_OWN_PREFIXES: Final = ("lapbell_", "ALERTS")
_OF_APPS: Final = tuple(metric(name) for name in (semconv.EVENT_LOOP_LAG, semconv.EVENT_LOOP_BLOCKED))
_UNREAD: Final = metric(semconv.LAPBELL_SERIES_UNREAD)
_LIMIT_UNREAD: Final = metric(semconv.LAPBELL_SERIES_LIMIT_UNREAD)
_AHEAD_S: Final = 2.0
_OFF_S: Final = 5.0
_LATE_S: Final = 30.0
_FILLING: Final = 0.8
_SHOWN: Final = 3
_SEND: Final = (
    "In the app: lapbell.setup(app), OTEL_EXPORTER_OTLP_ENDPOINT=http://{address}; run `lapbell doctor` there."
)


async def counts(evaluator: Evaluator, settings: Settings) -> tuple[Finding, ...]:
    """Points and spans of the last minute."""
    ever = {sample.labels[_SIGNAL]: sample.value for sample in (await evaluator.metrics()).get(_ITEMS, ())}
    before = {sample.labels[_SIGNAL]: sample.value for sample in await evaluator.query(f"{_ITEMS} offset 1m")}
    points, spans = (
        (grown(ever.get(signal, 0.0), before.get(signal, 0.0)), ever.get(signal, 0.0))
        for signal in (Signal.METRICS.label, Signal.TRACES.label)
    )
    return _points(*points, settings), _spans(*spans, has_points=points[1] > 0)


def _points(lately: float, ever: float, settings: Settings) -> Finding:
    send = _SEND.format(address=settings.listen.otlp_http)
    if not ever:
        return METRICS.warning("none since the evaluator started", send)
    if lately < 1:
        return METRICS.warning(f"none within the last minute; {ever:,.0f} points before", f"Do the senders run? {send}")
    return METRICS.ok(f"{lately:,.0f} points within the last minute, {ever:,.0f} since the start")


def _spans(lately: float, ever: float, *, has_points: bool) -> Finding:
    remedy = "OTEL_TRACES_EXPORTER must not be `none`; OTEL_TRACES_SAMPLER=lapbell. Without spans nobody is blamed."
    if not ever and not has_points:
        return TRACES.skipped("none, as metrics")
    if not ever:
        return TRACES.warning("none since the evaluator started, though metrics come", remedy)
    if lately < 1:
        return TRACES.note(
            f"none within the last minute; {ever:,.0f} before", "They come with requests; few are sampled."
        )
    return TRACES.ok(f"{lately:,.0f} within the last minute, {ever:,.0f} since the start")


async def names(evaluator: Evaluator) -> dict[str, float]:
    """How many series each metric has now."""
    counted = await evaluator.query(f'count by ({METRIC_NAME}) ({{{METRIC_NAME}!=""}})')
    return {sample.labels.get(METRIC_NAME, ""): sample.value for sample in counted}


def from_senders(present: Mapping[str, float]) -> dict[str, float]:
    """Those that the evaluator has not made itself; the library's own metrics of an app are the app's."""
    return {
        name: count
        for name, count in present.items()
        if name.startswith(_OF_APPS) or not name.startswith(_OWN_PREFIXES)
    }


async def series(evaluator: Evaluator, present: Mapping[str, float], settings: Settings) -> tuple[Finding, ...]:
    """How many there are, beside how many may be."""
    metrics = await evaluator.metrics()
    unread, limit = (sum(sample.value for sample in metrics.get(name, ())) for name in (_UNREAD, _LIMIT_UNREAD))
    findings = tuple(_held(present, settings))
    is_filling = sum(present.values()) >= settings.series.limit * _FILLING  # that was told
    if is_filling or not limit or unread < limit * _FILLING:
        return findings
    place = SERIES.wrong if unread >= limit else SERIES.warning
    remedy = "Raise series.limit, or lower series.reserve; beyond it jobs with most lose series to others."
    return (*findings, place(f"of metrics that no rule reads: {unread:,.0f} of at most {limit:,.0f}", remedy))


def _held(present: Mapping[str, float], settings: Settings) -> Iterator[Finding]:
    held, limits = sum(present.values()), settings.series
    message = f"{held:,.0f} of at most {limits.limit:,}"
    remedy = "Raise series.limit, or send fewer labels; beyond it jobs with most lose series to others."
    if held >= limits.limit * _FILLING:
        place = SERIES.wrong if held >= limits.limit else SERIES.warning
        yield place(message, remedy)
    crowded = [(name, count) for name, count in present.items() if count >= limits.limit_per_metric * _FILLING]
    for name, count in sorted(crowded, key=lambda item: -item[1])[:_SHOWN]:
        per_metric = f"{name}: {count:,.0f} of at most {limits.limit_per_metric:,}"
        yield SERIES.warning(per_metric, "Raise series.limit_per_metric, or find the label that grows.")
    if held < limits.limit * _FILLING and not crowded:
        yield SERIES.ok(message)


async def senders(evaluator: Evaluator, present: Mapping[str, float]) -> tuple[Finding, ...]:
    """Who sends, and whether their clocks and ours agree."""
    lag_s = next((sample.value for sample in (await evaluator.metrics()).get(_LAG, ())), 0.0)
    offsets = (await evaluator.metrics()).get(_OFFSET, ())
    return (*await _named(evaluator, present), *map(_clock, offsets), *_clocks(lag_s))


async def _named(evaluator: Evaluator, present: Mapping[str, float]) -> tuple[Finding, ...]:
    if not from_senders(present):
        return (SENDERS.skipped("no metrics of the last 5 minutes"),)
    senders = await evaluator.query(f'count by (job) ({{{METRIC_NAME}!="",job!=""}})')
    jobs = sorted(sample.labels["job"] for sample in senders)
    if not jobs or any(job.startswith("unknown_service") for job in jobs):
        message = f"{', '.join(jobs) or 'metrics'}: a sender has no name"
        return (SENDERS.warning(message, "Set OTEL_SERVICE_NAME in the app, or lapbell.setup(service_name=…)."),)
    return (SENDERS.ok(", ".join(jobs)),)


def _clock(offset: Sample) -> Finding:
    """A sender whose clock is or was off lately."""
    whose = f"the clock of {offset.labels.get(_JOB, '')} {offset.labels.get(_INSTANCE, '')}"
    if abs(offset.value) < _OFF_S:
        return SENDERS.note(f"{whose} was off lately", "It is right again.")
    message = f"{whose} is {offset.value:.0f} s ahead of the evaluator's"
    return SENDERS.warning(
        message, "Set it right (chrony, timesyncd): up to 600 s ahead it is shifted, beyond refused."
    )


def _clocks(lag_s: float) -> Iterator[Finding]:
    """What the age of the newest sample tells, on arrival."""
    if lag_s < -_AHEAD_S:
        remedy = "Set the sender's clock right (chrony, timesyncd): from 5 s on its samples are shifted."
        yield SENDERS.warning(f"the last export was {-lag_s:.0f} s ahead of the evaluator's clock", remedy)
    if lag_s > _LATE_S:
        remedy = "Set the sender's clock right, or look whether a Collector's queue holds exports back."
        yield SENDERS.warning(f"the last export was {lag_s:.0f} s old when it came", remedy)
