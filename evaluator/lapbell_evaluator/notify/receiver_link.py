"""The link by which people take an incident, as one receiver's messages have it."""

from collections.abc import Callable
from dataclasses import dataclass

from lapbell_evaluator.model import Incident

__all__ = ["ReceiverLink", "no_link"]


@dataclass(frozen=True, slots=True)
class ReceiverLink:
    """Makes links for one receiver; two that make the same are equal.

    Attributes:
        url: gives the link for an incident in a message to a receiver, or None.
        receiver: its name.
    """

    url: Callable[[Incident, str], str | None]
    receiver: str

    def __call__(self, incident: Incident) -> str | None:
        """The link; None if nobody need, or can, take the incident."""
        return self.url(incident, self.receiver)


def no_link(_: Incident) -> None:
    """Messages have none."""
