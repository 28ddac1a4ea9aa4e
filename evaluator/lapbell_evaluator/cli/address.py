"""Where something listens, and where a URL leads."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from lapbell_evaluator.model import is_loopback

__all__ = ["Address", "address_of", "is_http_url"]

_EVERYWHERE: Final = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - compared with, not listened on
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Address:
    """Where something listens."""

    host: str
    port: int

    @classmethod
    def of_listen(cls, listen: str) -> "Address":
        """What `listen.…` names; a gate that listens everywhere is looked at on this machine."""
        host, _, port = listen.rpartition(":")
        host = host.strip("[]")
        return cls("127.0.0.1" if host in _EVERYWHERE else host, int(port))

    @property
    def is_here(self) -> bool:
        """Whether it is on this machine."""
        return is_loopback(self.host)

    def is_same(self, other: "Address") -> bool:
        """Whether both name one place; loopback has several names."""
        return self.port == other.port and (self.host == other.host or (self.is_here and other.is_here))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def address_of(url: str) -> Address:
    """Where a URL leads.

    Raises:
        ValueError: it names no host, or a port that is none.
    """
    parts = urlsplit(url if "//" in url else f"//{url}")
    if not parts.hostname:
        raise ValueError(f"{url!r} names no host")
    return Address(parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme, 4317))


def is_http_url(url: str) -> bool:
    """Whether it can be asked over HTTP."""
    try:
        return urlsplit(url).scheme in _DEFAULT_PORTS and address_of(url).port > 0
    except ValueError:
        return False
