"""Floats as Go prints them.

Source: Go's package strconv.
"""

import math
from typing import Final

__all__ = ["shown_float"]

_FIRST_EXPONENT: Final = -4
_LAST_EXPONENT: Final = 5


def shown_float(value: float) -> str:
    """The shortest digits that read back the same, with an exponent below 1e-4 and from 1e6 on, as `%v` prints them."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    sign = "-" if math.copysign(1.0, value) < 0 else ""
    if value == 0:
        return f"{sign}0"
    digits, exponent = _digits(abs(value))
    if exponent < _FIRST_EXPONENT or exponent > _LAST_EXPONENT:
        tail = f".{digits[1:]}" if len(digits) > 1 else ""
        return f"{sign}{digits[0]}{tail}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    whole = digits[: exponent + 1].ljust(exponent + 1, "0")
    rest = digits[exponent + 1 :]
    return f"{sign}{whole}{f'.{rest}' if rest else ''}"


def _digits(value: float) -> tuple[str, int]:
    """The shortest significant digits, and the exponent of the first."""
    mantissa, _, exponent = repr(value).partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" else fraction
    shift = int(exponent or 0)
    if whole.strip("0"):
        return (whole + fraction).rstrip("0") or "0", shift + len(whole) - 1
    stripped = fraction.lstrip("0")
    return stripped.rstrip("0"), shift - (len(fraction) - len(stripped)) - 1
