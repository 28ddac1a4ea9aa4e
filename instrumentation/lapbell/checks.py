"""What arguments must be: each check answers the value, or says what is wrong with it and what to pass instead."""

import math
from collections.abc import Collection
from typing import Final

from lapbell.errors import LapbellError

__all__ = ["flag", "is_whole", "name", "number", "shown", "whole_number"]

_MOST_SHOWN: Final = 200


def number(
    argument: str, value: object, remedy: str, *, least: float = 0.0, most: float = math.inf, above: bool = True
) -> float:
    """A finite number.

    Args:
        argument: how the user knows it.
        value: what was passed.
        remedy: what to pass.
        least: the number must be above it, or, if not `above`, at least as large.
        most: the number may be as large as this.
        above: as said.

    Raises:
        LapbellError: the value is anything else.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and _is_finite(value)
    if (
        is_number
        and isinstance(value, int | float)
        and value <= most
        and (value > least or (not above and value == least))
    ):
        return value
    raise LapbellError(f"{argument} is {shown(value)}: {remedy}")


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that no float can hold
        return False


def whole_number(argument: str, value: object, remedy: str, *, least: int) -> int:
    """A whole number that is at least as large as `least`.

    Raises:
        LapbellError: the value is anything else.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= least:
        return value
    raise LapbellError(f"{argument} is {shown(value)}: {remedy}")


def name(argument: str, value: object, remedy: str, *, among: Collection[str] = ()) -> str:
    """A text that is not empty, one of `among` where that is given.

    Raises:
        LapbellError: the value is anything else.
    """
    is_text = isinstance(value, str) and value.strip() and is_whole(value)
    if is_text and isinstance(value, str) and (not among or value in among):
        return value
    raise LapbellError(f"{argument} is {shown(value)}: {remedy}")


def is_whole(text: str) -> bool:
    """Whether a text can be written as UTF-8: half of a surrogate pair cannot, and no exporter takes it."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def shown(value: object) -> str:
    """What a value looks like, in short, whatever its own `repr` does."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - it is foreign, and a fault of its own would hide what is wrong with it
        return f"<{type(value).__name__}>"
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"


def flag(argument: str, value: object) -> bool:
    """True or False, also as 1 or 0.

    Raises:
        LapbellError: the value is anything else; of a text nobody knows whether "no" means no.
    """
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    raise LapbellError(f"{argument} is {shown(value)}: pass True or False")
