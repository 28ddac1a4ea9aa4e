"""What the checks have in common: a secret that is one, headers of any spelling, times that are near, equal texts."""

import hashlib
import hmac
from collections.abc import Callable, Mapping

from lapbell.checks import is_whole
from lapbell.errors import LapbellError

__all__ = ["header", "hmac_sha256", "is_near", "is_same", "secret_of"]


def secret_of(value: object) -> str:
    """The secret, which is not quoted where it is wrong.

    Raises:
        LapbellError: it is empty, which lets everybody sign, or no text that has bytes.
    """
    if isinstance(value, str) and value.strip() and is_whole(value):
        return value
    raise LapbellError(f"the secret is empty or no text ({type(value).__name__}): pass the one that the sender shows")


def hmac_sha256(secret: bytes, *parts: bytes) -> "hmac.HMAC":
    """The signature of the parts, one after the other: a body is not copied to be signed with what stands before it."""
    signature = hmac.new(secret, digestmod=hashlib.sha256)
    for part in parts:
        signature.update(part)
    return signature


def header(headers: Mapping[str, str], *names: str) -> str:
    """The value of the first of the names (in lower case) that is there, empty if none is."""
    values = {name.lower(): value for name, value in headers.items()}
    return next((values[name] for name in names if name in values), "")


def is_near(timestamp: str, tolerance_s: float, clock: Callable[[], float]) -> bool:
    """Whether a text is a time in whole Unix seconds that is at most so far from now."""
    is_time = timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= len("18446744073709551615")
    return is_time and abs(clock() - int(timestamp)) <= tolerance_s


def is_same(wanted: str, text: str | None) -> bool:
    """Whether both are equal, in a time that does not depend on where they differ."""
    return hmac.compare_digest(wanted.encode(), (text or "").encode(errors="replace"))
