"""Which machine an alert is about."""

from dataclasses import dataclass

__all__ = ["HostEvidence"]


@dataclass(frozen=True, slots=True)
class HostEvidence:
    """The machine, or the container, that an alert is about; empty where a sender does not say.

    Attributes:
        name: `host.name`.
        id: `host.id`.
        container: `container.id`.
        services: the senders on it.
    """

    name: str = ""
    id: str = ""
    container: str = ""
    services: tuple[str, ...] = ()
