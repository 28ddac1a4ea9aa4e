"""Who may call what: every route declares a role, and a caller without it is refused."""

from dataclasses import dataclass
from http import HTTPStatus

from fastapi import Request

from lapbell_evaluator.api.errors import ApiError
from lapbell_evaluator.model import LOOPBACK, UNKNOWN, Identity, Role, Tokens, is_own_machine
from lapbell_evaluator.promql import ASKER
from lapbell_evaluator.server import Sender

__all__ = ["Access", "Caller", "RoleCheck"]

Caller = str
"""Who calls, as the audit names them."""


class Access:
    """Judges each request by its token, or by where it comes from.

    Args:
        tokens: who may do what.
        allow_loopback: this machine may read, and post alerts, without a token.
        resolve_role: who may resolve an alert by hand.
        own_origin: where people reach this gate, such as https://lapbell.example, beside the address that it is
            asked by: behind a proxy that ends TLS the two differ.
    """

    def __init__(
        self, tokens: Tokens, *, allow_loopback: bool, resolve_role: Role = Role.ADMIN, own_origin: str | None = None
    ) -> None:
        self._tokens = tokens
        self._allow_loopback = allow_loopback
        self._resolve_role = resolve_role
        self._own_origin = own_origin

    def requires(self, role: Role) -> "RoleCheck":
        """A FastAPI dependency that lets callers who have `role` pass and answers who they are."""
        return RoleCheck(self, role)

    def may_resolve(self) -> "RoleCheck":
        """The same for those who may resolve by hand, as the configuration says."""
        return RoleCheck(self, self._resolve_role)

    def sender(self, request: Request) -> Sender:
        """Who holds a place for this request, whether or not it may do what it asks for."""
        return Sender(self._identity(request).name, _peer(request))

    def judge(self, request: Request, needed: Role) -> Caller:
        """The caller's name.

        Raises:
            ApiError: 401 without a token that is known, 403 with one that has not this role or from a foreign page.
        """
        self._refuse_foreign_pages(request)
        identity = self._identity(request)
        if identity.may(needed):
            return identity.name
        if identity in (UNKNOWN, LOOPBACK):
            raise ApiError(
                HTTPStatus.UNAUTHORIZED,
                "token_needed",
                f"This needs a token of the role {needed.name.lower()}.",
                "Send `Authorization: Bearer <token>`; the admin token is in admin.token in the evaluator's data_dir.",
            )
        raise ApiError(
            HTTPStatus.FORBIDDEN,
            "role_too_low",
            f"This needs the role {needed.name.lower()}, which a token of the role {identity.name} does not grant.",
            f"Use the token of auth.{needed.name.lower()}_token_file, or the admin token.",
        )

    def _identity(self, request: Request) -> Identity:
        """By the token; without one by the place, unless a proxy or a page of another site speaks for somebody else."""
        shown = request.headers.getlist("authorization")
        if shown:
            scheme, _, token = shown[0].partition(" ")
            is_one_token = len(shown) == 1 and scheme.lower() == "bearer"
            return self._tokens.identity_of(token.strip()) if is_one_token else UNKNOWN
        version = request.scope.get("http_version", "1.1")
        is_trusted = self._allow_loopback and is_own_machine(_peer(request), request.headers.items(), version)
        return LOOPBACK if is_trusted else UNKNOWN

    def _refuse_foreign_pages(self, request: Request) -> None:
        """A page of another site must not act through the browser of somebody on this machine (DNS rebinding, CSRF)."""
        origin = request.headers.get("origin")
        own = (f"{request.url.scheme}://{request.headers.get('host', '')}", self._own_origin)
        if origin is not None and origin not in own:
            raise ApiError(
                HTTPStatus.FORBIDDEN,
                "foreign_origin",
                f"Requests from {origin} are refused.",
                "Set external_url to where people reach this evaluator, if that is it.",
            )


def _peer(request: Request) -> str:
    return request.client.host if request.client else ""


@dataclass(frozen=True, slots=True)
class RoleCheck:
    """A FastAPI dependency.

    Attributes:
        access: judges.
        role: which a caller must have.
    """

    access: Access
    role: Role

    async def __call__(self, request: Request) -> Caller:
        """The caller's name, by which their queries get turns; raises ApiError 401 or 403."""
        caller = self.access.judge(request, self.role)
        ASKER.set(str(self.access.sender(request)))
        return caller
