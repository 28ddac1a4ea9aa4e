"""Text of request bodies: what every database and every answer can hold."""

from typing import Annotated

from pydantic import AfterValidator

__all__ = ["Text"]


def _storable(text: str) -> str:
    """JSON can name halves of characters, which UTF-8 can't, and NUL, which PostgreSQL can't keep."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("holds NUL or half of a surrogate pair; send whole characters")
    return text


Text = Annotated[str, AfterValidator(_storable)]
"""A string without NUL and without lone surrogates."""
