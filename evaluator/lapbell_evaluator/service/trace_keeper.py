"""The traces of incidents are written down, after the alert and never in its way.

Memory forgets a trace within minutes. From the moment at which an incident fires until its evidence no longer grows,
the keeper looks each second for the traces that the evidence names, and for one of how things were before; it writes
them soon, because a killed evaluator forgets, and again when they have grown. What cannot be written is tried again for
a minute, and then lost: alerts do not wait for it.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from lapbell import semconv
from lapbell_evaluator.alerts import AlertStore
from lapbell_evaluator.evidence import RecentTraces, subject_of
from lapbell_evaluator.model import (
    Clock,
    EvaluatorError,
    Incident,
    IncidentTrace,
    Reading,
    ReadingKind,
    State,
    Trace,
    TraceRole,
    Transition,
)
from lapbell_evaluator.service.sought_traces import SoughtTraces

__all__ = ["TraceKeeper"]

_MOST_INCIDENTS: Final = 200
_GROWS_S: Final = 65.0
_PATIENCE_S: Final = 60.0
_REWRITTEN_AFTER_S: Final = 5.0
_LOOK_EVERY_S: Final = 1.0
_BASELINE_S: Final = 660.0
_MAY_BE_BAD_S: Final = 60.0
_KEPT_HELP: Final = "Traces that were written down with an incident."
_LOST_HELP: Final = "Traces of incidents that were not written down: there was no room, or the database took nothing."
_log: Final = logging.getLogger(__name__)


class TraceDatabase(Protocol):
    """Keeps traces with incidents."""

    async def put(self, incident_id: str, kept: Sequence[IncidentTrace], stay: Sequence[str]) -> None:
        """Have these traces with an incident, and of those that are there only `stay`; raises EvaluatorError."""
        ...

    async def of_incident(self, incident_id: str) -> tuple[tuple[str, TraceRole], ...]:
        """The ids of the traces that are there, the oldest first; raises EvaluatorError."""
        ...


class TraceKeeper:
    """Looks for the traces of incidents that begin, and has them written.

    Args:
        alerts: the incidents, with their evidence as it grows.
        traces: those in memory.
        database: where they are kept.
        clock: the time.
    """

    def __init__(self, alerts: AlertStore, traces: RecentTraces, database: TraceDatabase, clock: Clock) -> None:
        self._alerts = alerts
        self._traces = traces
        self._database = database
        self._clock = clock
        self._sought: dict[str, SoughtTraces] = {}
        self._began = asyncio.Event()
        self._kept = 0
        self._lost = 0
        self._is_failing = False
        self._is_refused = False

    def moved(self, transition: Transition) -> None:
        """An incident has moved: those that fire are looked after."""
        incident = transition.incident
        if transition.state is not State.FIRING or transition.previous is State.FIRING or incident.id in self._sought:
            return
        sought = SoughtTraces(incident, self._clock.now())
        if len(self._sought) >= _MOST_INCIDENTS:
            self._lost += len(sought.named())
            return
        self._sought[incident.id] = sought
        self._began.set()

    async def run(self) -> None:
        """Look each second while there is something to look for, until cancelled."""
        while True:
            await self._began.wait()
            await self.tick()
            await asyncio.sleep(_LOOK_EVERY_S)

    async def tick(self) -> None:
        """Look once, and write what was found; what the database does not take now waits for the next time."""
        now = self._clock.now()
        self._is_refused = False
        for sought in tuple(self._sought.values()):
            try:
                await self._tend(sought, now)
            except Exception:  # noqa: BLE001 - whatever a trace is made of, alerts go on; it is logged whole
                _log.exception("The traces of incident %s are not kept.", sought.incident.id)
                self._give_up(sought)
        if not self._sought:
            self._began.clear()

    def readings(self) -> Iterable[Reading]:
        """What became of the traces of incidents."""
        yield Reading(semconv.LAPBELL_TRACES_KEPT, ReadingKind.COUNTER, "{trace}", self._kept, _KEPT_HELP)
        yield Reading(semconv.LAPBELL_TRACES_LOST, ReadingKind.COUNTER, "{trace}", self._lost, _LOST_HELP)

    async def _tend(self, sought: SoughtTraces, now: float) -> None:
        await asyncio.to_thread(self._look, sought)  # traces are under a lock that an export may hold
        age_s = now - sought.began_at
        is_due = age_s > _GROWS_S or now - sought.tried_at >= _REWRITTEN_AFTER_S
        if sought.unwritten() and is_due and not self._is_refused:
            await self._write(sought, now)
        if age_s > _GROWS_S + (_PATIENCE_S if sought.unwritten() else 0.0):
            self._give_up(sought)

    def _give_up(self, sought: SoughtTraces) -> None:
        """Look no more; what is not written by now is lost."""
        self._lost += sought.unwritten()
        del self._sought[sought.incident.id]

    def _look(self, sought: SoughtTraces) -> None:
        current = self._alerts.incidents.get(sought.incident.key)
        if current is not None and current.id == sought.incident.id:
            sought.follow(current)
        named = sought.named()
        for trace_id in named:
            if (trace := self._traces.trace(trace_id)) is not None:
                sought.seen(trace)
        if sought.normal is None and not sought.has_earlier_normal():
            sought.normal = self._normal(sought.incident, named)

    def _normal(self, incident: Incident, named: Sequence[str]) -> Trace | None:
        """About the median of ten minutes that end a minute before the breach; else of those until the breach."""
        job, name = subject_of(dict(incident.labels))
        breached_at = incident.opened_at
        for end in (breached_at - _MAY_BE_BAD_S, breached_at):
            trace = self._traces.typical(job, name, breached_at - _BASELINE_S, end)
            if trace is not None and trace.trace_id not in named:
                return trace
        return None

    async def _write(self, sought: SoughtTraces, now: float) -> None:
        sought.tried_at = now
        try:
            if sought.earlier is None:
                sought.earlier = await self._database.of_incident(sought.incident.id)
                sought.normal = None if sought.has_earlier_normal() else sought.normal
            kept = await asyncio.to_thread(sought.kept, now)
            await self._database.put(sought.incident.id, kept, sought.stay())
        except EvaluatorError as error:
            if not self._is_failing:
                _log.warning("The traces of incident %s are not written yet: %s", sought.incident.id, error)
            self._is_failing = self._is_refused = True
        else:
            self._is_failing = False
            self._kept += sought.wrote()
