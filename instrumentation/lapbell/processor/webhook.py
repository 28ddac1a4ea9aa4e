"""What the SERVER span of a request says about the webhook, and the values that are recorded for it."""

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, TypeAlias

from opentelemetry.trace import SpanContext, StatusCode

from lapbell import semconv
from lapbell.event_types import EventTypes
from lapbell.instruments import Attributes
from lapbell.observations import Webhook
from lapbell.process import process
from lapbell.processor.open_trace import OpenTrace, phases_ns
from lapbell.processor.rules import Limits, Rules
from lapbell.seam import Seam
from lapbell.tracing import ReadableSpan, attributes_of

__all__ = ["Part", "Statistics", "webhook_of"]

Part: TypeAlias = tuple[ReadableSpan, str | None]
Exemplar: TypeAlias = Callable[[ReadableSpan], SpanContext | None]

_CLIENT_ERROR: Final = 400
_SERVER_ERROR: Final = 500


def webhook_of(
    root: ReadableSpan, trace: OpenTrace, end_ns: int, parts: Sequence[Part], rules: Rules, *, abandoned: bool = False
) -> Webhook | None:
    """The webhook behind a finished SERVER span, None if the request was none.

    Args:
        root: the SERVER span.
        trace: what the spans under it have in common: provider and outcome.
        end_ns: when the last chunk of the response left, Unix nanoseconds.
        parts: the spans under it, each with its phase.
        rules: which requests are webhooks.
        abandoned: whether the client went away before the last chunk; that beats whatever else came of it.
    """
    attributes = attributes_of(root)
    method = str(attributes.get(semconv.HTTP_REQUEST_METHOD) or attributes.get(semconv.HTTP_METHOD) or "")
    route = str(attributes.get(semconv.HTTP_ROUTE, ""))
    provider = trace.provider or rules.provider_of(method, route)
    if provider is None:
        return None
    status = attributes.get(semconv.HTTP_RESPONSE_STATUS_CODE) or attributes.get(semconv.HTTP_STATUS_CODE)
    failed = not abandoned and (root.status.status_code is StatusCode.ERROR or (status or 0) >= _SERVER_ERROR)
    outcome = semconv.OUTCOME_ERROR if failed else trace.outcome or _outcome(status)
    return Webhook(
        provider=provider,
        route=route,
        status_code=status,
        outcome=semconv.OUTCOME_ABANDONED if abandoned else outcome,
        duration_s=(end_ns - (root.start_time or 0)) / 1e9,
        phases_s={phase: time_ns / 1e9 for phase, time_ns in phases_ns(root, end_ns, parts).items()},
        ended_at=end_ns / 1e9,
        trace_id=f"{root.context.trace_id:032x}" if root.context else "",
        error_type=str(attributes.get(semconv.ERROR_TYPE) or (status or semconv.ERROR_TYPE_OTHER)) if failed else "",
        event_type=process.obtain(EventTypes).bounded(
            trace.event_type or str(attributes.get(semconv.WEBHOOK_EVENT_TYPE, ""))
        ),
    )


def _outcome(status: int | None) -> str:
    return semconv.OUTCOME_REJECTED if (status or 0) >= _CLIENT_ERROR else semconv.OUTCOME_ACCEPTED


def _result(webhook: Webhook, time_s: float) -> str:
    """A webhook whose client went away has met nothing, however early that was."""
    is_met = webhook.duration_s <= time_s and webhook.outcome != semconv.OUTCOME_ABANDONED
    return semconv.SLO_MET if is_met else semconv.SLO_MISSED


@functools.lru_cache(maxsize=4_096)
def _named(provider: str, route: str) -> Attributes:
    """The attributes that tell webhooks apart; they are the same in every request, so they are made once."""
    named = {semconv.WEBHOOK_PROVIDER: provider, semconv.HTTP_ROUTE: route}
    return {name: value for name, value in named.items() if value}


@functools.lru_cache(maxsize=4_096)
def _of_phase(provider: str, route: str, phase: str, result: str = "") -> Attributes:
    attributes = {**_named(provider, route), semconv.WEBHOOK_PHASE_NAME: phase}
    return attributes | {semconv.WEBHOOK_SLO_RESULT: result} if result else attributes


@functools.lru_cache(maxsize=4_096)
def _of_target(provider: str, route: str, threshold: str, result: str) -> Attributes:
    return {
        **_named(provider, route),
        semconv.WEBHOOK_SLO_THRESHOLD: threshold,
        semconv.WEBHOOK_SLO_RESULT: result,
    }


class Statistics:
    """Records the metrics of webhooks.

    Args:
        seam: where.
        limits: when a webhook is late.
    """

    def __init__(self, seam: Seam, limits: Limits) -> None:
        self._seam = seam
        self._thresholds = functools.lru_cache(maxsize=256)(limits.thresholds)
        self._requirement_s = limits.requirement_s

    def record(
        self,
        webhook: Webhook,
        root: ReadableSpan,
        parts: Sequence[Part],
        exemplar: Exemplar,
        missed: Collection[str] = (),
    ) -> None:
        """Record everything about one webhook.

        Args:
            webhook: what was measured.
            root: its SERVER span.
            parts: the spans under it, each with its phase.
            exemplar: where a span is found, None if it is not exported.
            missed: thresholds of the SLO counter that it was counted for while it ran.
        """
        whole = exemplar(root)
        self._request(webhook, whole, missed)
        self._self_times(webhook, self._phases(webhook, parts, exemplar), whole)

    def record_untraced(self, webhook: Webhook) -> None:
        """Record everything about a webhook that somebody else has timed, without exemplars."""
        self._request(webhook, None)
        for phase, time_s in webhook.phases_s.items():
            if phase != semconv.PHASE_OTHER:
                attributes = _of_phase(webhook.provider, webhook.route, phase)
                self._seam.record(semconv.WEBHOOK_PHASE_DURATION, time_s, attributes, None)
        self._self_times(webhook, {}, None)

    def missed(self, provider: str, route: str, threshold: str) -> None:
        """Count a webhook that has passed a threshold and still runs."""
        self._seam.count(semconv.WEBHOOK_SLO_REQUESTS, 1, _of_target(provider, route, threshold, semconv.SLO_MISSED))

    def _self_times(
        self, webhook: Webhook, longest: Mapping[str, SpanContext | None], whole: SpanContext | None
    ) -> None:
        result = _result(webhook, self._requirement_s)
        for phase, time_s in webhook.phases_s.items():
            attributes = _of_phase(webhook.provider, webhook.route, phase, result)
            self._seam.record(semconv.WEBHOOK_PHASE_SELF_DURATION, time_s, attributes, longest.get(phase, whole))

    def _request(self, webhook: Webhook, exemplar: SpanContext | None, missed: Collection[str] = ()) -> None:
        attributes: dict[str, str | int | float | bool] = {
            **_named(webhook.provider, webhook.route),
            semconv.WEBHOOK_OUTCOME: webhook.outcome,
        }
        if webhook.status_code is not None:
            attributes[semconv.HTTP_RESPONSE_STATUS_CODE] = webhook.status_code
        if webhook.error_type:
            attributes[semconv.ERROR_TYPE] = webhook.error_type
        if webhook.event_type:
            attributes[semconv.WEBHOOK_EVENT_TYPE] = webhook.event_type
        self._seam.record(semconv.WEBHOOK_REQUEST_DURATION, webhook.duration_s, attributes, exemplar)
        for time_s, threshold in self._thresholds(webhook.provider):
            if threshold not in missed:
                counted = _of_target(webhook.provider, webhook.route, threshold, _result(webhook, time_s))
                self._seam.count(semconv.WEBHOOK_SLO_REQUESTS, 1, counted)

    def _phases(self, webhook: Webhook, parts: Sequence[Part], exemplar: Exemplar) -> dict[str, SpanContext | None]:
        """Record the inclusive times of the phases that have ended; answers where the longest span of each is found.

        A span directly inside one of the same phase is a part of that run of the phase, not another run.
        """
        longest: dict[str, tuple[int, SpanContext | None]] = {}
        phase_of = {span.context.span_id: phase for span, phase in parts if span.context}
        for span, phase in parts:
            if phase is None or span.end_time is None:
                continue
            if span.parent is not None and phase_of.get(span.parent.span_id) == phase:
                continue
            time_ns, context = span.end_time - (span.start_time or 0), exemplar(span)
            attributes = _of_phase(webhook.provider, webhook.route, phase)
            self._seam.record(semconv.WEBHOOK_PHASE_DURATION, time_ns / 1e9, attributes, context)
            if phase not in longest or time_ns > longest[phase][0]:
                longest[phase] = (time_ns, context)
        return {phase: context for phase, (_, context) in longest.items()}
