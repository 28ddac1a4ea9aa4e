"""What one change means for problems: who is explained, whose cause has ended, and who is woken once for all of it.

A problem is the incidents that one cause explains, and those that began together and blame the same before their cause
was known. An incident that begins joins it, as a cause or as a symptom, and is no page unless its severity is higher
than any that was paged for. What had paged by itself before its cause was known stays a problem of its own.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from lapbell_evaluator.alerts.problem_moves import explained
from lapbell_evaluator.alerts.problems import Problems, begins
from lapbell_evaluator.model import Change, Incident, Reason, State, Transition, rank_of

__all__ = ["judged"]

_STANDS: Final = (State.FIRING, State.HELD)
_CLEARED: Final = (State.RECOVERING, State.RESOLVED, State.INACTIVE)
_OVER: Final = (State.RESOLVED, State.INACTIVE)


def judged(problems: Problems, change: Change, now: float) -> Change:
    """The change with causes and problems in its incidents and transitions, and what follows for other incidents.

    Args:
        problems: of the incidents that are not over; what it knows changes when the change is applied, not before.
        change: with its evidence.
        now: Unix seconds.
    """
    if not change.incidents:
        return change
    judging = _Judging(problems, change, now)
    judging.follow_causes()
    for incident in sorted(change.incidents, key=_age):
        if incident.state is State.FIRING:
            judging.explain(incident.id)
    problems.foresee(judging.fresh)
    return judging.result()


class _Judging:
    """The incidents as they are after the change, as far as it is judged.

    Attributes:
        fresh: those of the change, as it was planned.
    """

    def __init__(self, problems: Problems, change: Change, now: float) -> None:
        self._before = problems
        self.fresh = Problems(problems.explanations, change.incidents)
        self._change = change
        self._now = now
        self._begun = {
            transition.incident.id: transition.incident.problem_id
            for transition in change.transitions
            if _is_new(transition)
        }
        self._moved = {transition.incident.id for transition in change.transitions}
        self._incidents = {incident.id: incident for incident in change.incidents}
        self._linked: defaultdict[str, list[str]] = defaultdict(list)  # ids by the key of their cause
        self._explained: list[str] = []

    def follow_causes(self) -> None:
        """Note when the condition of a cause has cleared, and when it returned."""
        for incident in self._change.incidents:
            before = self._before.get(incident.id)
            if before is None:
                continue
            if before.state in _STANDS and incident.state in _CLEARED:
                self._set_cause_ended_at(incident.key, self._now)
            elif before.state is State.RECOVERING and incident.state is State.FIRING:
                self._set_cause_ended_at(incident.key, None)

    def explain(self, incident_id: str) -> None:
        """Look for the cause of an incident that fires, for what it explains, and for what blames the same."""
        incident, places = self._incidents[incident_id], self.fresh.places(incident_id)
        if incident.caused_by is None:
            causes = self._firing(*(known.causes_of(incident, places) for known in (self._before, self.fresh)))
            roots = map(self._root, sorted(causes, key=_causes_first))
            cause = next((root for root in roots if root.id != incident_id), None)
            if cause is not None:
                self._link(cause, incident)
        effects = self._firing(*(known.effects_of(incident, places) for known in (self._before, self.fresh)))
        for symptom in effects:
            cause = self._root(self._incidents[incident_id])
            if symptom.caused_by is None and symptom.id != cause.id:
                self._link(cause, symptom)
        incident = self._incidents[incident_id]
        if self._is_alone(incident):
            alike = self._firing(*(known.alike(incident, places) for known in (self._before, self.fresh)))
            oldest = min(alike, key=_age, default=None)
            if oldest is not None:
                self._put_together(oldest, incident)

    def result(self) -> Change:
        """The change as it was judged."""
        known = {incident.id for incident in self._change.incidents}
        told = [self._as_judged(transition) for transition in self._change.transitions]
        for key in self._explained:
            told.append(explained(self._incidents[key], self._now))
            self._incidents[key] = told[-1].incident
        others = (incident for key, incident in self._incidents.items() if key not in known)
        own = (self._incidents[incident.id] for incident in self._change.incidents)
        return replace(self._change, incidents=(*others, *own), transitions=self._woken_once(told))

    def _link(self, cause: Incident, symptom: Incident) -> None:
        """One explains the other, and whatever that explained so far."""
        for follower in self._explained_by(symptom.key):
            self._set_cause(follower, cause)
        self._set_cause(symptom, cause)
        if symptom.id not in self._moved and symptom.id not in self._explained:
            self._explained.append(symptom.id)
        self._put_together(cause, self._incidents[symptom.id])

    def _set_cause(self, incident: Incident, cause: Incident) -> None:
        self._incidents[incident.id] = replace(incident, caused_by=cause.key, cause_ended_at=None)
        self._linked[cause.key].append(incident.id)

    def _put_together(self, one: Incident, other: Incident) -> None:
        """Make two incidents one problem, unless both were told as problems of their own before."""
        if self._is_alone(one) or self._is_alone(other):
            problem = one.problem if self._is_alone(other) else other.problem
            for incident in (one, other):
                self._incidents[incident.id] = replace(incident, problem_id=problem)

    def _is_alone(self, incident: Incident) -> bool:
        """Whether it became a problem of its own in this change, and nothing joined it so far."""
        return incident.id in self._begun and incident.problem_id == self._begun[incident.id]

    def _set_cause_ended_at(self, key: str, at: float | None) -> None:
        for symptom in self._explained_by(key):
            if at is None or symptom.cause_ended_at is None:
                self._incidents[symptom.id] = replace(symptom, cause_ended_at=at)

    def _explained_by(self, key: str) -> list[Incident]:
        """Those of which the incident of this key is the cause, as they are now."""
        linked = (self._incidents[each] for each in self._linked.get(key, ()))
        every = (*self._before.explained_by(key), *self.fresh.explained_by(key), *linked)
        current = {incident.id: self._current(incident) for incident in every}
        return [incident for incident in current.values() if incident.caused_by == key]

    def _root(self, incident: Incident) -> Incident:
        """The cause of an incident while that fires; else the incident itself."""
        if incident.caused_by is None:
            return incident
        known = self.fresh.of_key(incident.caused_by) or self._before.of_key(incident.caused_by)
        cause = None if known is None else self._current(known)
        return incident if cause is None or cause.state is not State.FIRING else cause

    def _current(self, incident: Incident) -> Incident:
        return self._incidents.get(incident.id, incident)

    def _firing(self, *of: Iterable[Incident]) -> list[Incident]:
        """Those that fire after the change, each once, as they are now."""
        current = {incident.id: self._current(incident) for incidents in of for incident in incidents}
        return [incident for incident in current.values() if incident.state is State.FIRING]

    def _as_judged(self, transition: Transition) -> Transition:
        """With what is known of its cause; who outlasted one cause and has another is no page."""
        now, then = self._incidents[transition.incident.id], transition.incident
        of_problem = (now.problem_id, now.caused_by, now.cause_ended_at)
        if of_problem == (then.problem_id, then.caused_by, then.cause_ended_at):
            return transition
        problem_id, caused_by, ended_at = of_problem
        incident = replace(then, problem_id=problem_id, caused_by=caused_by, cause_ended_at=ended_at)
        if transition.reason is Reason.OUTLASTED and caused_by is not None:
            return replace(transition, incident=incident, reason=Reason.EXPLAINED, is_page=False)
        return replace(transition, incident=incident)

    def _woken_once(self, told: list[Transition]) -> tuple[Transition, ...]:
        """The same, with one page for each severity that a problem rises to."""
        pages: defaultdict[str, list[int]] = defaultdict(list)
        for number, transition in enumerate(told):
            problem = transition.incident.problem_id
            if transition.is_page and problem is not None and transition.previous is not State.HELD:
                pages[problem].append(number)
        for problem, numbers in pages.items():
            highest = self._paged_rank(problem)
            for number in sorted(numbers, key=lambda number: _worst_first(told[number])):
                rank = rank_of(told[number].incident.severity)
                if highest is not None and rank <= highest:
                    told[number] = replace(told[number], is_page=False, joins=True)
                highest = rank if highest is None else max(rank, highest)
        return tuple(told)

    def _paged_rank(self, problem: str) -> int | None:
        """The rank of the highest severity that its other incidents were paged for; None if none was."""
        before = (each for each in self._before.members(problem) if each.id not in self._begun)
        current = ((each, self._current(each)) for each in before)
        paged = (each.paged_severity for each, now in current if now.problem == problem and now.state not in _OVER)
        return max((rank_of(severity) for severity in paged if severity is not None), default=None)


def _is_new(transition: Transition) -> bool:
    """Whether its incident is a problem of its own from this transition on."""
    return begins(transition) or transition.reason is Reason.OUTLASTED


def _age(incident: Incident) -> tuple[float, str]:
    return (incident.opened_at if incident.fired_at is None else incident.fired_at, incident.id)


def _causes_first(incident: Incident) -> tuple[bool, tuple[float, str]]:
    return (incident.caused_by is not None, _age(incident))


def _worst_first(transition: Transition) -> tuple[int, bool]:
    return (-rank_of(transition.incident.severity), transition.incident.caused_by is not None)
