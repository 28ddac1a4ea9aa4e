"""Who may do what: roles, and the secrets that stand for them."""

import hmac
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import ip_address

__all__ = ["Role", "Tokens", "is_loopback"]


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
        found = Role.NOBODY
        for role, secret in self.by_role:
            if hmac.compare_digest(token.encode(), secret.encode()):
                found = max(found, role)
        return found

    def secrets_for(self, role: Role) -> tuple[str, ...]:
        """The secrets of exactly this role."""
        return tuple(secret for of, secret in self.by_role if of is role)


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine alone."""
    name = host.strip("[]")
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
