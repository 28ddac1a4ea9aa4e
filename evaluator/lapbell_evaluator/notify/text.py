"""What a receiver answers, as one line for logs and lists."""

from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

__all__ = ["one_line", "without_secrets"]

_SHOWN_CHARACTERS: Final = 200
_SHORT: Final = 4
_LONG: Final = 16


def one_line(text: str) -> str:
    """The first 200 characters, without line breaks and control characters."""
    beginning = text[:_SHOWN_CHARACTERS]
    return "".join(character if character.isprintable() else " " for character in beginning).strip()


def without_secrets(text: str, url: str) -> str:
    """A text without what it repeats of a URL's path and query, as far as that may be a secret.

    Words alone are none, or an answer that speaks of webhooks would say nothing any more.
    """
    parts = urlsplit(url)
    texts = {parts.path, parts.query, *parts.path.split("/"), *(value for _, value in parse_qsl(parts.query))}
    for part in sorted({*texts, *map(unquote, texts)}, key=len, reverse=True):
        if len(part) >= _LONG or (len(part) >= _SHORT and any(map(str.isdigit, part))):
            text = text.replace(part, "***")
    return text
