"""Who may do what: roles, and the secrets that stand for them."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import ip_address
from typing import Final

__all__ = ["Role", "Tokens", "is_loopback", "is_own_machine"]

_PROXY_HEADERS: Final = frozenset(
    {
        "cf-connecting-ip",
        "forwarded",
        "true-client-ip",
        "via",
        "x-client-ip",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-real-ip",
    }
)


class Role(IntEnum):
    """What a caller may do; a higher role may do all that a lower one may."""

    NOBODY = 0
    INGEST = 1
    VIEWER = 2
    EDITOR = 3
    ADMIN = 4


@dataclass(frozen=True, slots=True)
class Tokens:
    """Which secret stands for which role."""

    by_role: tuple[tuple[Role, str], ...]

    def role_of(self, token: str) -> Role:
        """The role that `token` stands for, `NOBODY` if none; compared in constant time."""
        proven = Role.NOBODY
        for role, secret in self.by_role:
            if hmac.compare_digest(token.encode(), secret.encode()):
                proven = max(proven, role)
        return proven


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine alone."""
    name = host.strip("[]")
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def is_own_machine(peer: str, headers: Mapping[str, str]) -> bool:
    """Whether a request comes from this machine itself, not through a proxy and not by a page of another site.

    Args:
        peer: the address that the connection comes from.
        headers: names in lower case, and values.
    """
    host = headers.get("host", "localhost")
    name = host.rpartition(":")[0] if ":" in host.rpartition("]")[2] else host
    is_direct = _PROXY_HEADERS.isdisjoint(headers.keys())
    return is_direct and is_loopback(peer) and is_loopback(name)
