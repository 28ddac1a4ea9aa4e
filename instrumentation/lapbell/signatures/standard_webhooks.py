"""The signature of Standard Webhooks, which Svix and those who send through it have, and many others."""

import base64
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from lapbell import checks, semconv
from lapbell.errors import LapbellError
from lapbell.phases import phase
from lapbell.signatures.shared_secret import header, hmac_sha256, is_near, is_same, secret_of

__all__ = ["StandardWebhooks"]

_PREFIX: Final = "whsec_"
_VERSION: Final = "v1"
"""HMAC; `v1a` is a signature by a key pair, which is passed over."""


class StandardWebhooks:
    """HMAC-SHA256 of `<id>.<timestamp>.<body>` in base64: `webhook-id`, `webhook-timestamp` and `webhook-signature`.

    The headers may also be named `svix-…`. One of several signatures is enough, and one of several secrets: so either
    side can change its secret without losing a webhook.
    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

    Args:
        secrets: of the endpoint, `whsec_...`; the earlier one too while it is being changed.
        tolerance_s: seconds that the timestamp may be from now; older requests may be sent by anybody who
            has seen them.
        clock: Unix seconds.

    Raises:
        LapbellError: an argument makes no sense.
    """

    def __init__(
        self, secrets: str | Sequence[str], tolerance_s: float = 300.0, clock: Callable[[], float] = time.time
    ) -> None:
        self._keys = [_key(secret) for secret in (secrets if isinstance(secrets, list | tuple) else [secrets])]
        if not self._keys:
            raise LapbellError("there is no secret: pass the endpoint's, whsec_...")
        self._tolerance_s = checks.number("tolerance_s", tolerance_s, "pass seconds above 0, such as 300")
        self._clock = clock

    @phase(semconv.PHASE_SIGNATURE_VALIDATION)
    def is_valid(self, body: bytes, headers: Mapping[str, str]) -> bool:
        """Whether one of the headers' signatures belongs to the body as it came, and their time is near."""
        message_id, timestamp, signatures = (
            header(headers, f"webhook-{name}", f"svix-{name}") for name in ("id", "timestamp", "signature")
        )
        if not message_id or not is_near(timestamp, self._tolerance_s, self._clock):
            return False
        before = f"{message_id}.{timestamp}.".encode(errors="replace")
        wanted = [base64.b64encode(hmac_sha256(key, before, body).digest()).decode() for key in self._keys]
        versions = (signature.partition(",") for signature in signatures.split(" "))
        given = [signature for version, _, signature in versions if version == _VERSION]
        return any([is_same(one, other) for one in wanted for other in given])  # noqa: C419 - all are compared, always


def _key(secret: object) -> bytes:
    try:
        key = base64.b64decode(secret_of(secret).removeprefix(_PREFIX), validate=True)
    except ValueError:
        raise LapbellError("the secret is not in base64: pass it as the sender shows it, whsec_...") from None
    if not key:
        raise LapbellError("the secret is empty: pass it as the sender shows it, whsec_...")
    return key
