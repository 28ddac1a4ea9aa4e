"""Stripe's signature."""

from typing import TYPE_CHECKING

from lapbell import semconv
from lapbell.errors import LapbellError
from lapbell.phases import phase
from lapbell.signatures.shared_secret import secret_of

if TYPE_CHECKING:
    import stripe

__all__ = ["Stripe"]


class Stripe:
    """Stripe's own check of `Stripe-Signature`.

    Args:
        secret: of the endpoint, `whsec_...`.

    Raises:
        LapbellError: the package `stripe` is not installed, or the secret is empty.
    """

    def __init__(self, secret: str) -> None:
        try:
            from stripe import Webhook  # noqa: PLC0415 - needed by who has Stripe's webhooks alone
        except ImportError as missing:
            raise LapbellError("Stripe signatures are checked by Stripe's package: pip install stripe") from missing
        self._webhook = Webhook
        self._secret = secret_of(secret)

    @phase(semconv.PHASE_SIGNATURE_VALIDATION)
    def construct_event(self, body: bytes | str, signature: str | None) -> "stripe.Event":
        """The event in the body.

        Raises:
            stripe.SignatureVerificationError: the signature does not belong to the body.
            ValueError: the body is no JSON in UTF-8.
        """
        event: stripe.Event = self._webhook.construct_event(body, signature, self._secret)
        return event
