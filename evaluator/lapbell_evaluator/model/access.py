"""Who may do what: roles, and the secrets that stand for them."""

import hmac
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

__all__ = ["LOOPBACK", "UNKNOWN", "Identity", "Role", "Tokens"]


class Role(Enum):
    """What a route or a gate asks for, and what a token stands for.

    Roles are sets, not steps: who sends may not read, and who reads may not send.
    """

    NOBODY = auto()
    INGEST = auto()
    VIEWER = auto()
    EDITOR = auto()
    ADMIN = auto()

    @property
    def grants(self) -> frozenset["Role"]:
        """The roles that somebody of this one has."""
        return _GRANTS[self]


_GRANTS: Final = {
    Role.NOBODY: frozenset({Role.NOBODY}),
    Role.INGEST: frozenset({Role.NOBODY, Role.INGEST}),
    Role.VIEWER: frozenset({Role.NOBODY, Role.VIEWER}),
    Role.EDITOR: frozenset({Role.NOBODY, Role.VIEWER, Role.EDITOR}),
    Role.ADMIN: frozenset(Role),
}


@dataclass(frozen=True, slots=True)
class Identity:
    """Who calls.

    Attributes:
        name: the role that the token stands for, `loopback`, or nothing if unknown; the audit has it.
        roles: what the caller may do.
    """

    name: str
    roles: frozenset[Role]

    def may(self, needed: Role) -> bool:
        """Whether the caller has a role."""
        return needed in self.roles


UNKNOWN: Final = Identity("", Role.NOBODY.grants)
LOOPBACK: Final = Identity("loopback", Role.INGEST.grants | Role.VIEWER.grants)
"""This machine without a token, where it is trusted."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Which secret stands for which role."""

    by_role: tuple[tuple[Role, str], ...]

    def identity_of(self, token: str) -> Identity:
        """Who shows `token`, `UNKNOWN` if nobody; one that stands for several roles has them all.

        Compared in constant time.
        """
        proven = [role for role, secret in self.by_role if hmac.compare_digest(token.encode(), secret.encode())]
        if not proven:
            return UNKNOWN
        return Identity(
            "+".join(role.name.lower() for role in proven), frozenset().union(*(role.grants for role in proven))
        )
