"""What a receiver answers, as one line for logs and lists."""

from typing import Final

__all__ = ["one_line"]

_SHOWN_CHARACTERS: Final = 200


def one_line(text: str) -> str:
    """The first 200 characters, without line breaks and control characters."""
    beginning = text[:_SHOWN_CHARACTERS]
    return "".join(character if character.isprintable() else " " for character in beginning).strip()
