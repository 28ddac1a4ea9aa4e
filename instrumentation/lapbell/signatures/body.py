"""Senders that sign the body alone."""

import base64
from dataclasses import dataclass, field

from lapbell import semconv
from lapbell.phases import phase
from lapbell.signatures.shared_secret import hmac_sha256, is_same, secret_of

__all__ = ["GitHub", "Shopify"]


@dataclass(frozen=True, slots=True)
class GitHub:
    """HMAC-SHA256 of the body in hexadecimal, as GitHub and Meta send it in `X-Hub-Signature-256`.

    https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries

    Args:
        secret: shared with the sender.

    Raises:
        LapbellError: the secret is empty, or no text.
    """

    secret: str = field(repr=False)

    def __post_init__(self) -> None:
        secret_of(self.secret)

    @phase(semconv.PHASE_SIGNATURE_VALIDATION)
    def is_valid(self, body: bytes, signature: str | None) -> bool:
        """Whether the header's value (`sha256=...`) belongs to the body."""
        return is_same("sha256=" + hmac_sha256(self.secret.encode(), body).hexdigest(), signature)


@dataclass(frozen=True, slots=True)
class Shopify:
    """HMAC-SHA256 of the body in base64, as Shopify sends it in `X-Shopify-Hmac-Sha256`.

    https://shopify.dev/docs/apps/build/webhooks/subscribe/https

    Args:
        secret: shared with the sender.

    Raises:
        LapbellError: the secret is empty, or no text.
    """

    secret: str = field(repr=False)

    def __post_init__(self) -> None:
        secret_of(self.secret)

    @phase(semconv.PHASE_SIGNATURE_VALIDATION)
    def is_valid(self, body: bytes, signature: str | None) -> bool:
        """Whether the header's value belongs to the body."""
        return is_same(base64.b64encode(hmac_sha256(self.secret.encode(), body).digest()).decode(), signature)
