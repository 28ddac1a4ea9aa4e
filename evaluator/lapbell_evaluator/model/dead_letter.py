"""What a receiver refused for ever."""

from dataclasses import dataclass

from lapbell_evaluator.model.alert import Reason, State

__all__ = ["DeadLetter"]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One transition that one receiver will not take as it is.

    Attributes:
        id: of the outbox row.
        receiver: the name of the receiver.
        transition: the transition's id.
        incident_key: of its incident.
        what: the state that it announces.
        reason: why the incident moved.
        at: Unix seconds of the transition.
        attempts: how often delivery was tried.
        sent_at: Unix seconds of the first attempt.
        refused_at: Unix seconds since which it is a dead letter.
        is_doubtful: it was one of a batch of which the receiver rejected some without saying which: it may have taken
            this one.
        status: what the receiver answered: an HTTP status, the name of a gRPC code, …
        error: the same for people.
    """

    id: int
    receiver: str
    transition: str
    incident_key: str
    what: State
    reason: Reason
    at: float
    attempts: int
    sent_at: float | None
    refused_at: float
    is_doubtful: bool
    status: str
    error: str
