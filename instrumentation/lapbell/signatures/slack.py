"""Slack's signature."""

import time
from collections.abc import Callable, Mapping

from lapbell import checks, semconv
from lapbell.phases import phase
from lapbell.signatures.shared_secret import header, hmac_sha256, is_near, is_same, secret_of

__all__ = ["Slack"]

_VERSION = "v0"


class Slack:
    """HMAC-SHA256 of `v0:<timestamp>:<body>` in hexadecimal, as Slack sends it in `X-Slack-Signature`.

    https://docs.slack.dev/authentication/verifying-requests-from-slack

    Args:
        signing_secret: of the Slack app.
        tolerance_s: seconds that `X-Slack-Request-Timestamp` may be from now; older requests may be sent by anybody who
            has seen them.
        clock: Unix seconds.

    Raises:
        LapbellError: an argument makes no sense.
    """

    def __init__(self, signing_secret: str, tolerance_s: float = 300.0, clock: Callable[[], float] = time.time) -> None:
        self._secret = secret_of(signing_secret).encode()
        self._tolerance_s = checks.number("tolerance_s", tolerance_s, "pass seconds above 0, such as 300")
        self._clock = clock

    @phase(semconv.PHASE_SIGNATURE_VALIDATION)
    def is_valid(self, body: bytes, headers: Mapping[str, str]) -> bool:
        """Whether the headers' signature belongs to the body as it came, and their time is near."""
        timestamp = header(headers, "x-slack-request-timestamp")
        if not is_near(timestamp, self._tolerance_s, self._clock):
            return False
        signature = hmac_sha256(self._secret, f"{_VERSION}:{timestamp}:".encode(), body).hexdigest()
        return is_same(f"{_VERSION}={signature}", header(headers, "x-slack-signature"))
