"""When an incident began and when receivers were notified: where the seconds between breach and message went."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lapbell_evaluator.model.alert import Incident, Reason, State

__all__ = ["DeliveryView", "Timeline"]


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """One transition of an incident on its way to one receiver.

    Attributes:
        transition: its id.
        what: the state that it announces.
        reason: why the incident moved.
        at: Unix seconds of the transition.
        receiver: the name of the receiver.
        attempts: how often delivery was tried.
        sent_at: Unix seconds of the first attempt; None before it, or if an older lapbell made it.
        delivered_at: Unix seconds of the success; None before it.
        error: why the last attempt failed; empty if it did not.
        refused_at: Unix seconds since which it is a dead letter; None if it is none.
        dropped_at: Unix seconds since which the receiver need not be told, for the reason in `error`; None if it is.
    """

    transition: str
    what: State
    reason: Reason
    at: float
    receiver: str
    attempts: int = 0
    sent_at: float | None = None
    delivered_at: float | None = None
    error: str = ""
    refused_at: float | None = None
    dropped_at: float | None = None


@dataclass(frozen=True, slots=True)
class Timeline:
    """The moments of an incident, Unix seconds; None where one is not known or was not yet.

    From `first_bad_sample_at` to `delivered_at` none lies before the one above it, nor from `fired_at` over
    `resolved_at` to the last: a receiver may take the firing notice after the incident was resolved.

    Attributes:
        first_bad_sample_at: the newest sample that the value was made from when the breach was first seen.
        received_at: when that sample arrived.
        evaluated_at: the evaluation that first saw the breach, pending or firing.
        fired_at: when it first fired.
        sent_at: the first attempt to notify any receiver that it fires.
        delivered_at: when the first receiver had taken that.
        recovering_at: when its condition cleared; null while it holds.
        resolved_at: when it was resolved.
        resolved_sent_at: the first attempt to notify any receiver of it.
        resolved_delivered_at: when the first receiver had taken that.
        deliveries: each transition to each receiver, in order; empty if they were not asked for.
    """

    first_bad_sample_at: float | None
    received_at: float | None
    evaluated_at: float | None
    fired_at: float | None
    sent_at: float | None
    delivered_at: float | None
    recovering_at: float | None
    resolved_at: float | None
    resolved_sent_at: float | None
    resolved_delivered_at: float | None
    deliveries: tuple[DeliveryView, ...] = ()

    @classmethod
    def of(cls, incident: Incident, deliveries: Sequence[DeliveryView] = ()) -> "Timeline":
        """What an incident knows of itself, and what the outbox knows of its notices.

        Args:
            incident: the incident.
            deliveries: its own, in order.
        """
        onset = incident.onset
        fired = [delivery for delivery in deliveries if delivery.what is State.FIRING]
        since = incident.resolved_at
        # One that fired again after a resolve by hand has an earlier resolved notice, which is not this one.
        over = [
            delivery
            for delivery in deliveries
            if delivery.what is State.RESOLVED and since is not None and delivery.at >= since
        ]
        return cls(
            first_bad_sample_at=None if onset is None else onset.first_bad_sample_at,
            received_at=None if onset is None else onset.received_at,
            evaluated_at=None if onset is None else onset.evaluated_at,
            fired_at=incident.fired_at,
            sent_at=_first(delivery.sent_at for delivery in fired),
            delivered_at=_first(delivery.delivered_at for delivery in fired),
            recovering_at=incident.recovering_at,
            resolved_at=incident.resolved_at,
            resolved_sent_at=_first(delivery.sent_at for delivery in over),
            resolved_delivered_at=_first(delivery.delivered_at for delivery in over),
            deliveries=tuple(deliveries),
        )


def _first(moments: Iterable[float | None]) -> float | None:
    return min((moment for moment in moments if moment is not None), default=None)
