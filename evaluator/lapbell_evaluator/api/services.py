"""What the routes of the REST gate work with: `app` builds it once, every router gets it whole."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from lapbell_evaluator.api.access import Access
from lapbell_evaluator.api.answers import Answers
from lapbell_evaluator.api.ports import AlertService, DeadLetters, Exemplars, Links, Readiness, Receivers, Traces
from lapbell_evaluator.evidence import RecentTraces
from lapbell_evaluator.model import Clock, Labels, Reading
from lapbell_evaluator.promql import Querier
from lapbell_evaluator.series import Metadata
from lapbell_evaluator.server import Pace

__all__ = ["Services", "Targets"]


@dataclass(frozen=True, slots=True)
class Targets:
    """How fast a webhook should be answered, in seconds: the target and the requirement."""

    target_s: float
    requirement_s: float


_NOBODY_ELSE: Final = ("lapbell",)


class ReceiverNames:
    """Who is told by the list of receivers; while that is empty, who reads the API is who is told.

    Args:
        receivers: the list; None: there is none.
    """

    def __init__(self, receivers: Receivers | None = None) -> None:
        self._receivers = receivers

    @property
    def names(self) -> tuple[str, ...]:
        """Every receiver."""
        return (() if self._receivers is None else self._receivers.names) or _NOBODY_ELSE

    def of(self, own: Labels) -> tuple[str, ...]:
        """The receivers of an incident with these labels."""
        if self._receivers is None or not self._receivers.names:
            return _NOBODY_ELSE
        return self._receivers.of(own)


@dataclass(frozen=True, slots=True)
class Services:
    """The neighbours of the REST gate.

    Attributes:
        version: of the distribution.
        started_at: Unix seconds.
        access: who may call what.
        clock: the time.
        querier: PromQL.
        answers: writes answers that may be large.
        alerts: alerts, incidents, silences and their history.
        dead_letters: what receivers refused for ever.
        links: in messages, by which people take incidents.
        traces: the webhooks and Redis commands seen last.
        trace_library: finds single traces, in memory and those of incidents.
        exemplars: measurements with their traces.
        metadata: gives type, unit and help by metric.
        readiness: whether answers can be trusted.
        readings: gives the evaluator's own telemetry.
        reload: reads rules, thresholds and receivers again on behalf of a caller; raises EvaluatorError, all stays.
        targets: gives the thresholds that compliance is told for.
        trace_url: where traces are looked at, with `{trace_id}` in it; None if nobody said.
        pace: how slowly a body may come.
        receivers: who is told of what.
    """

    version: str
    started_at: float
    access: Access
    clock: Clock
    querier: Querier
    answers: Answers
    alerts: AlertService
    dead_letters: DeadLetters
    links: Links
    traces: RecentTraces
    trace_library: Traces
    exemplars: Exemplars
    metadata: Callable[[], Mapping[str, Metadata]]
    readiness: Readiness
    readings: Callable[[], Iterable[Reading]]
    reload: Callable[[str], Awaitable[None]]
    targets: Callable[[], Targets]
    trace_url: str | None
    pace: Pace = field(default_factory=Pace)
    receivers: Receivers = field(default_factory=ReceiverNames)
