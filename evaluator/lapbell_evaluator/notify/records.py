"""A transition as an OTLP log record."""

import math
from typing import Final

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import NonRecordingSpan, SpanContext, set_span_in_context

from lapbell import semconv
from lapbell_evaluator.model import (
    ALERT_NAME,
    AlertFigures,
    Evidence,
    Incident,
    Muted,
    Onset,
    State,
    Transition,
    cause_of,
    incident_key,
    storm_of,
)

__all__ = ["record"]

_SCOPE: Final = InstrumentationScope("lapbell_evaluator.notify")
_SEVERITIES: Final = {
    "critical": SeverityNumber.ERROR,
    "page": SeverityNumber.ERROR,
    "error": SeverityNumber.ERROR,
    "warning": SeverityNumber.WARN,
}
Attribute = str | float | bool | list[str]


def record(transition: Transition, resource: Resource, observed_at: float, muted: Muted) -> ReadableLogRecord:
    """The record of one transition.

    Its event name is `lapbell.alert.<state>`; the alert's labels are attributes under their own names, what else is
    known stands under `lapbell.alert.…`; its body is the summary; its trace is the first example's.

    Args:
        transition: what happened.
        resource: the evaluator.
        observed_at: Unix seconds.
        muted: why people should not be notified; the record is sent all the same, with the reason.
    """
    incident = transition.incident
    event = f"{semconv.LAPBELL_ALERT_EVENT_PREFIX}{transition.state}"
    annotations = dict(incident.annotations)
    attributes: dict[str, Attribute] = {
        **dict(incident.labels),
        semconv.LAPBELL_ALERT_PAGE: transition.is_page,
        **_own(transition),
        **_numbers(incident, transition),
        **_figures(incident.figures),
        **_onset(incident.onset),
        **_evidence(incident.evidence),
        **_muted(muted),
        **{f"{semconv.LAPBELL_ALERT_ANNOTATION_PREFIX}{name}": text for name, text in annotations.items()},
        semconv.EVENT_NAME: event,
    }
    log_record = LogRecord(
        timestamp=_nanoseconds(transition.at),
        observed_timestamp=_nanoseconds(observed_at),
        context=_context(incident.evidence),
        severity_text=incident.severity,
        severity_number=_severity(transition),
        body=annotations.get("summary") or dict(incident.labels).get(ALERT_NAME, event),
        attributes=attributes,
        event_name=event,
    )
    return ReadableLogRecord(log_record, resource, _SCOPE)


def _own(transition: Transition) -> dict[str, Attribute]:
    own = {
        semconv.LAPBELL_ALERT_INCIDENT_KEY: transition.incident.key,
        semconv.LAPBELL_ALERT_INCIDENT_ID: transition.incident.id,
        semconv.LAPBELL_ALERT_TRANSITION_ID: transition.id,
        semconv.LAPBELL_ALERT_STATE: str(transition.state),
        semconv.LAPBELL_ALERT_PREVIOUS_STATE: str(transition.previous),
        semconv.LAPBELL_ALERT_REASON: str(transition.reason),
        semconv.LAPBELL_ALERT_ACTOR: transition.actor,
        semconv.LAPBELL_ALERT_WHY: transition.why,
        semconv.LAPBELL_ALERT_STORM_ID: storm_of(transition.incident),
        semconv.LAPBELL_ALERT_PROBLEM_ID: transition.incident.problem,
        semconv.LAPBELL_ALERT_CAUSED_BY: transition.incident.caused_by,
    }
    return {name: value for name, value in own.items() if value}


def _numbers(incident: Incident, transition: Transition) -> dict[str, Attribute]:
    numbers: dict[str, Attribute] = {}
    if not math.isnan(incident.value):
        numbers[semconv.LAPBELL_ALERT_VALUE] = incident.value
    if incident.threshold is not None:
        numbers[semconv.LAPBELL_ALERT_THRESHOLD] = incident.threshold
    if transition.state in (State.RECOVERING, State.RESOLVED) and incident.fired_at is not None:
        cleared_at = transition.at if incident.recovering_at is None else incident.recovering_at
        numbers[semconv.LAPBELL_ALERT_DURATION] = cleared_at - incident.fired_at
    return numbers


def _figures(figures: AlertFigures | None) -> dict[str, Attribute]:
    if figures is None:
        return {}
    numbers = {
        semconv.LAPBELL_ALERT_PEAK: figures.peak,
        semconv.LAPBELL_ALERT_MINUTE_AGO: figures.minute_ago,
        semconv.LAPBELL_ALERT_FIVE_MINUTES_AGO: figures.five_minutes_ago,
        semconv.LAPBELL_ALERT_BAD: figures.bad,
        semconv.LAPBELL_ALERT_TOTAL: figures.total,
    }
    return {name: number for name, number in numbers.items() if number is not None}


def _onset(onset: Onset | None) -> dict[str, Attribute]:
    if onset is None:
        return {}
    moments = {
        semconv.LAPBELL_ALERT_FIRST_BAD_SAMPLE_TIME: onset.first_bad_sample_at,
        semconv.LAPBELL_ALERT_RECEIVED_TIME: onset.received_at,
        semconv.LAPBELL_ALERT_EVALUATED_TIME: onset.evaluated_at,
    }
    return {name: moment for name, moment in moments.items() if moment is not None}


def _evidence(evidence: Evidence | None) -> dict[str, Attribute]:
    if evidence is None:
        return {}
    cause = evidence.errors.causes[0] if evidence.errors is not None and evidence.errors.causes else None
    attributes: dict[str, Attribute | None] = {
        semconv.LAPBELL_ALERT_CAUSE: cause_of(evidence),
        semconv.LAPBELL_ALERT_PHASE: evidence.phase,
        semconv.LAPBELL_ALERT_PHASE_SHARE: evidence.phase_share,
        semconv.ERROR_TYPE: None if cause is None else cause.error_type,
        semconv.LAPBELL_ALERT_TRACE_IDS: list(evidence.trace_ids) or None,
    }
    return {name: value for name, value in attributes.items() if value is not None}


def _muted(muted: Muted) -> dict[str, Attribute]:
    keys_by_attribute = {
        semconv.LAPBELL_ALERT_SILENCED_BY: list(muted.silenced_by),
        semconv.LAPBELL_ALERT_MAINTAINED_BY: list(muted.maintained_by),
        semconv.LAPBELL_ALERT_INHIBITED_BY: [incident_key(inhibiting) for inhibiting in muted.inhibited_by],
    }
    return {name: keys for name, keys in keys_by_attribute.items() if keys}


def _context(evidence: Evidence | None) -> Context:
    """The first example's trace as the record's own; no span of it is meant."""
    if evidence is None or not evidence.trace_ids:
        return Context()
    span = NonRecordingSpan(SpanContext(int(evidence.trace_ids[0], 16), 0, is_remote=True))
    return set_span_in_context(span, Context())


def _severity(transition: Transition) -> SeverityNumber:
    if transition.state is not State.FIRING:
        return SeverityNumber.INFO
    return _SEVERITIES.get(transition.incident.severity.lower(), SeverityNumber.INFO)


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
