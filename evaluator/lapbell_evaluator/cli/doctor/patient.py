"""What the checks are told before they look."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from lapbell_evaluator.config import Settings
from lapbell_evaluator.model import is_loopback

__all__ = ["Address", "Patient", "address_of", "is_http_url"]

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


@dataclass(frozen=True, slots=True)
class Patient:
    """One installation.

    Attributes:
        file: its configuration; None means defaults.
        settings: what the file and the environment say; None if they can't be used.
        trouble: why not, a line for each thing to mend.
        environ: the environment that the command was started in.
        url: of the evaluator's REST gate.
        is_named: somebody named the URL; otherwise it comes from the configuration.
        token: shown to the evaluator where it wants one; empty if there is none.
        version: of this command.
        now: Unix seconds.
    """

    file: Path | None
    settings: Settings | None
    trouble: str
    environ: Mapping[str, str]
    url: str
    is_named: bool
    token: str
    version: str
    now: float
