"""Who may send."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from lapbell_evaluator.model import LOOPBACK, UNKNOWN, Identity, Role, Tokens, is_own_machine
from lapbell_evaluator.receiver.refusal import Reason, Refusal
from lapbell_evaluator.server import Sender

__all__ = ["Access"]

_SCHEME: Final = "bearer"


@dataclass(frozen=True, slots=True)
class Access:
    """Judges senders by their token and by where they stand.

    Attributes:
        tokens: `INGEST` may send, and so may `ADMIN`; readers may not.
        allow_loopback: this machine may send without a token, unless a proxy speaks for somebody else.
    """

    tokens: Tokens
    allow_loopback: bool = True

    def check(self, peer: str, headers: Iterable[tuple[str, str]], http_version: str = "1.1") -> Sender:
        """Who sends, judged before a byte of the body is read.

        Args:
            peer: its address, without port.
            headers: names in lower case, and values.
            http_version: in which it asks; gRPC has only one.

        Raises:
            Refusal: it shows no token that may send.
        """
        by_name = dict(headers)
        scheme, _, token = by_name.get("authorization", "").partition(" ")
        if scheme.lower() == _SCHEME and token:
            return Sender(self._checked(token.strip()).name, peer)
        if self.allow_loopback and "origin" not in by_name and is_own_machine(peer, by_name, http_version):
            return Sender(LOOPBACK.name, peer)
        raise Refusal(
            Reason.UNAUTHENTICATED,
            "This sender shows no token.",
            "Send the header `Authorization: Bearer <ingest token>`, for example by OTEL_EXPORTER_OTLP_HEADERS.",
        )

    def _checked(self, token: str) -> Identity:
        identity = self.tokens.identity_of(token)
        if identity is UNKNOWN:
            raise Refusal(Reason.UNAUTHENTICATED, "This token is not known.", "See auth.ingest_token_file.")
        if not identity.may(Role.INGEST):
            raise Refusal(
                Reason.FORBIDDEN, "This token may read but not send.", "Use the token of auth.ingest_token_file."
            )
        return identity
