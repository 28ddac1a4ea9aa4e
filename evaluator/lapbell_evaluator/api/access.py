"""Who may call what: every route declares a role, and a caller without it is refused."""

from dataclasses import dataclass
from http import HTTPStatus

from fastapi import Request

from lapbell_evaluator.api.errors import ApiError
from lapbell_evaluator.model import Role, Tokens, is_own_machine
from lapbell_evaluator.server import LOOPBACK, Sender

__all__ = ["Access", "Caller", "RoleCheck"]

Caller = str
"""Who calls, as the audit names them."""


class Access:
    """Judges each request by its token, or by where it comes from.

    Args:
        tokens: who may do what.
        allow_loopback: this machine may read without a token.
        resolve_role: who may resolve an alert by hand.
    """

    def __init__(self, tokens: Tokens, *, allow_loopback: bool, resolve_role: Role = Role.ADMIN) -> None:
        self._tokens = tokens
        self._allow_loopback = allow_loopback
        self._resolve_role = resolve_role

    def requires(self, role: Role) -> "RoleCheck":
        """A FastAPI dependency that lets callers of at least `role` pass and answers who they are."""
        return RoleCheck(self, role)

    def may_resolve(self) -> "RoleCheck":
        """The same for those who may resolve by hand, as the configuration says."""
        return RoleCheck(self, self._resolve_role)

    def sender(self, request: Request) -> Sender:
        """Who holds a place for this request, whether or not it may do what it asks for."""
        peer = request.client.host if request.client else ""
        role = self._role_by_token(request)
        if role is not Role.NOBODY:
            return Sender(role.name.lower(), peer)
        return Sender(LOOPBACK if self._role_by_place(request) is not Role.NOBODY else "", peer)

    def judge(self, request: Request, needed: Role) -> Caller:
        """The caller's name.

        Raises:
            ApiError: 401 without a token that is known, 403 with one whose role is too low or from a foreign page.
        """
        self._refuse_foreign_pages(request)
        role = self._role_by_token(request)
        if max(role, self._role_by_place(request)) >= needed:
            return (role or Role.VIEWER).name.lower()
        if role is Role.NOBODY:
            raise ApiError(
                HTTPStatus.UNAUTHORIZED,
                "token_needed",
                f"This needs a token of the role {needed.name.lower()}.",
                "Send `Authorization: Bearer <token>`; the admin token is in admin.token in the evaluator's data_dir.",
            )
        raise ApiError(
            HTTPStatus.FORBIDDEN,
            "role_too_low",
            f"This needs the role {needed.name.lower()}; the token's role is {role.name.lower()}.",
            "Use a token of a higher role.",
        )

    def _role_by_token(self, request: Request) -> Role:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return self._tokens.role_of(token.strip()) if scheme.lower() == "bearer" else Role.NOBODY

    def _role_by_place(self, request: Request) -> Role:
        """Loopback may read, unless the caller says who it is by a token, or a proxy speaks for somebody else."""
        peer = request.client.host if request.client else ""
        is_trusted = self._allow_loopback and "authorization" not in request.headers
        return Role.VIEWER if is_trusted and is_own_machine(peer, request.headers) else Role.NOBODY

    @staticmethod
    def _refuse_foreign_pages(request: Request) -> None:
        """A page of another site must not act through the browser of somebody on this machine (DNS rebinding, CSRF)."""
        origin = request.headers.get("origin")
        if origin is not None and origin != f"{request.url.scheme}://{request.headers.get('host', '')}":
            raise ApiError(HTTPStatus.FORBIDDEN, "foreign_origin", f"Requests from {origin} are refused.")


@dataclass(frozen=True, slots=True)
class RoleCheck:
    """A FastAPI dependency.

    Attributes:
        access: judges.
        role: what a caller must have.
    """

    access: Access
    role: Role

    async def __call__(self, request: Request) -> Caller:
        """The caller's name; raises ApiError 401 or 403."""
        return self.access.judge(request, self.role)
