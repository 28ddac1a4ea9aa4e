"""Twilio's signature."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from lapbell import faults, semconv
from lapbell.errors import LapbellError
from lapbell.phases import phase
from lapbell.signatures.shared_secret import secret_of

__all__ = ["Twilio"]

_BODY_HASH: Final = "bodySHA256"
"""A parameter of the signed URL: of a body that is no form, Twilio signs the hash."""


class Twilio:
    """Twilio's own check of `X-Twilio-Signature`.

    https://www.twilio.com/docs/usage/security#validating-requests

    Args:
        auth_token: of the Twilio account.

    Raises:
        LapbellError: the package `twilio` is not installed, or the token is empty.
    """

    def __init__(self, auth_token: str) -> None:
        try:
            from twilio.request_validator import RequestValidator  # noqa: PLC0415 - needed by who has Twilio's webhooks alone
        except ImportError as missing:
            raise LapbellError("Twilio signatures are checked by Twilio's package: pip install twilio") from missing
        self._validator: Any = RequestValidator(secret_of(auth_token))

    @phase(semconv.PHASE_SIGNATURE_VALIDATION)
    def is_valid(self, url: str, body: bytes | str | Mapping[str, Any], signature: str | None) -> bool:
        """Whether the header's value belongs to the URL, as Twilio was given it, and to the body.

        Args:
            url: with its query, in which Twilio names the hash of a body that is JSON.
            body: as it came, form or JSON; or the fields of a form, with all values as those of Starlette, Django and
                Flask have them. Of JSON only the body itself can be checked.
            signature: the header's value.
        """
        try:
            if isinstance(body, Mapping):
                return self._is_valid_form(url, body, signature or "")
            text = body if isinstance(body, str) else body.decode()
            content = text if _names_a_hash(url) else _Form(text)
            return bool(self._validator.validate(url, content, signature or ""))
        except Exception as fault:  # noqa: BLE001 - whatever a sender can make the check stumble over is not signed by Twilio
            faults.report("Twilio signature", fault)
            return False

    def _is_valid_form(self, url: str, fields: Mapping[str, Any], signature: str) -> bool:
        if not fields and _names_a_hash(url):
            remedy = "the URL names the hash of a body: pass the body as it came, not fields of a form"
            faults.report("Twilio signature", remedy)
            return False
        return bool(self._validator.validate(url, fields, signature))


def _names_a_hash(url: str) -> bool:
    return _BODY_HASH in parse_qs(urlsplit(url).query)


class _Form(dict[str, list[str]]):
    """The fields of a form with all of their values, asked for as Twilio's check asks."""

    def __init__(self, text: str) -> None:
        super().__init__(parse_qs(text, keep_blank_values=True))

    def getlist(self, name: str) -> list[str]:
        """The values of a field."""
        return self[name]
