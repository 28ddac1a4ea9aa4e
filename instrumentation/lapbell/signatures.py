"""Checks of webhook signatures, each timed as the phase `signature_validation`."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lapbell import semconv
from lapbell.errors import LapbellError
from lapbell.phases import phase

if TYPE_CHECKING:
    import stripe

__all__ = ["GitHub", "Shopify", "Stripe", "Twilio"]


@dataclass(frozen=True, slots=True)
class GitHub:
    """HMAC-SHA256 of the body in hexadecimal, as GitHub and Meta send it in `X-Hub-Signature-256`.

    https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries

    Args:
        secret: shared with the sender.
    """

    secret: str = field(repr=False)

    @phase(semconv.PHASE_SIGNATURE_VALIDATION)
    def is_valid(self, body: bytes, signature: str | None) -> bool:
        """Whether the header's value (`sha256=...`) belongs to the body."""
        wanted = "sha256=" + hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(wanted.encode(), (signature or "").encode())


@dataclass(frozen=True, slots=True)
class Shopify:
    """HMAC-SHA256 of the body in base64, as Shopify sends it in `X-Shopify-Hmac-Sha256`.

    https://shopify.dev/docs/apps/build/webhooks/subscribe/https

    Args:
        secret: shared with the sender.
    """

    secret: str = field(repr=False)

    @phase(semconv.PHASE_SIGNATURE_VALIDATION)
    def is_valid(self, body: bytes, signature: str | None) -> bool:
        """Whether the header's value belongs to the body."""
        wanted = base64.b64encode(hmac.new(self.secret.encode(), body, hashlib.sha256).digest())
        return hmac.compare_digest(wanted, (signature or "").encode())


class Twilio:
    """Twilio's own check of `X-Twilio-Signature`.

    Args:
        auth_token: of the Twilio account.

    Raises:
        LapbellError: the package `twilio` is not installed.
    """

    def __init__(self, auth_token: str) -> None:
        try:
            from twilio.request_validator import RequestValidator  # noqa: PLC0415 - needed by who has Twilio's webhooks alone
        except ImportError as missing:
            raise LapbellError("Twilio signatures are checked by Twilio's package: pip install twilio") from missing
        self._validator: Any = RequestValidator(auth_token)

    @phase(semconv.PHASE_SIGNATURE_VALIDATION)
    def is_valid(self, url: str, parameters: Mapping[str, Any], signature: str | None) -> bool:
        """Whether the header's value belongs to the URL, as Twilio was given it, and to the form's fields."""
        return bool(self._validator.validate(url, dict(parameters), signature or ""))


class Stripe:
    """Stripe's own check of `Stripe-Signature`.

    Args:
        secret: of the endpoint, `whsec_...`.

    Raises:
        LapbellError: the package `stripe` is not installed.
    """

    def __init__(self, secret: str) -> None:
        try:
            from stripe import Webhook  # noqa: PLC0415 - needed by who has Stripe's webhooks alone
        except ImportError as missing:
            raise LapbellError("Stripe signatures are checked by Stripe's package: pip install stripe") from missing
        self._webhook = Webhook
        self._secret = secret

    @phase(semconv.PHASE_SIGNATURE_VALIDATION)
    def construct_event(self, body: bytes | str, signature: str | None) -> "stripe.Event":
        """The event in the body.

        Raises:
            stripe.SignatureVerificationError: the signature does not belong to the body.
        """
        event: stripe.Event = self._webhook.construct_event(body, signature, self._secret)
        return event
