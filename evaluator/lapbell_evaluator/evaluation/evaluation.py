"""The rules at work: groups evaluated when they are due, alerts moved, everything written before anybody is told.

This is the surface that the app wires and the gates read; one cycle itself stands in `cycle`.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress

from lapbell_evaluator.alerts import Book, Hand, Plan
from lapbell_evaluator.database import Database
from lapbell_evaluator.evaluation.compiled import CompiledGroup, compile_group
from lapbell_evaluator.evaluation.cycle import Cycle
from lapbell_evaluator.evaluation.needs import Querier, Witness
from lapbell_evaluator.evaluation.reading import Reading
from lapbell_evaluator.evaluation.schedule import Due, Schedule
from lapbell_evaluator.model import AlertSummary, Clock, IncidentView, RuleGroup, State, Transition

__all__ = ["Evaluation"]

Subscriber = Callable[[Transition], None]


class Evaluation:
    """Evaluates rule groups and runs the life of their alerts.

    Args:
        groups: the rules.
        querier: answers their expressions.
        database: already open; what it restored is where the alerts go on.
        clock: the time of evaluations.
        witness: says who is to blame when an incident fires; None if nobody can.
        receivers: names of those who are told every transition, by the outbox.
        interval_s: for groups that name none.
        warm_since: Unix seconds since which the series have no gap; None means from now on if the database had an
            earlier life, and ever if not.
    """

    def __init__(
        self,
        groups: Sequence[RuleGroup],
        querier: Querier,
        database: Database,
        clock: Clock,
        *,
        witness: Witness | None = None,
        receivers: Sequence[str] = (),
        interval_s: float = 5.0,
        warm_since: float | None = None,
    ) -> None: ...

    async def run(self) -> None:
        """Evaluate groups when they are due, until cancelled."""

    async def tick(self) -> float:
        """Evaluate every group that is due now, and say when the next one is (Unix seconds)."""

    def touch(self, metrics: Collection[str] | None = None) -> None:
        """Data of these metrics (Prometheus names) arrived: groups that read them are evaluated early."""

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call `subscriber` with every transition once it is written; returns what ends that."""

    def incidents(
        self, states: Collection[State] = (State.PENDING, State.FIRING, State.HELD)
    ) -> tuple[IncidentView, ...]:
        """The incidents that are not over, the highest severity first, then the oldest."""

    async def resolved(self, limit: int = 100) -> tuple[IncidentView, ...]:
        """The incidents that were resolved last, the newest first."""

    def summary(self) -> AlertSummary:
        """Counts of the incidents that are not over."""

    async def history(self, key: str | None = None, limit: int = 100) -> tuple[Transition, ...]:
        """The last transitions, the newest first; of one incident key, if it is given."""

    async def resolve(self, key: str, by: str, why: str) -> IncidentView:
        """Resolve an incident by hand.

        Raises:
            UnknownIncidentError: no incident of that key fires.
        """

    async def acknowledge(self, key: str, by: str, why: str) -> IncidentView:
        """Take an incident.

        Raises:
            UnknownIncidentError: no incident of that key is open.
        """

    async def reload(self, groups: Sequence[RuleGroup]) -> None:
        """Change the rules at once; alerts of rules that stay keep their state, those of removed rules are resolved."""
