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

    def check(self, peer: str, headers: Iterable[tuple[str, str]], http_version: str) -> Sender:
        """Who sends, judged before a byte of the body is read.

        Args:
            peer: its address, without port.
            headers: names in lower case, and values.
            http_version: in which it asks; that of gRPC is "2".

        Raises:
            Refusal: it shows no token that may send.
        """
        present = tuple(headers)
        shown = [value for name, value in present if name == "authorization"]
        if shown:
            return Sender(self._checked(shown).name, peer)
        is_of_a_page = any(name == "origin" for name, _ in present)
        if self.allow_loopback and not is_of_a_page and is_own_machine(peer, present, http_version):
            return Sender(LOOPBACK.name, peer)
        raise _refused("This sender shows no token.")

    def _checked(self, shown: list[str]) -> Identity:
        """Who it is by what is shown, which is checked or refused on this machine too."""
        scheme, _, token = shown[0].partition(" ")
        if len(shown) > 1 or scheme.lower() != _SCHEME or not token.strip():
            raise _refused("This sender's Authorization is not one Bearer token.")
        identity = self.tokens.identity_of(token.strip())
        if identity is UNKNOWN:
            raise Refusal(Reason.UNAUTHENTICATED, "This token is not known.", "See auth.ingest_token_file.")
        if not identity.may(Role.INGEST):
            raise Refusal(
                Reason.FORBIDDEN, "This token may read but not send.", "Use the token of auth.ingest_token_file."
            )
        return identity


def _refused(what: str) -> Refusal:
    return Refusal(
        Reason.UNAUTHENTICATED,
        what,
        "Send the header `Authorization: Bearer <ingest token>`, for example by OTEL_EXPORTER_OTLP_HEADERS.",
    )
