"""A message that fits into what a receiver takes: what matters least is left out first."""

import html
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from lapbell_evaluator.messages.message import Message
from lapbell_evaluator.messages.wording import cut

__all__ = ["fitted", "size_of"]

_SHORTEST: Final = 8
_UTF16_BYTES: Final = 2


def size_of(text: str) -> int:
    """Its length where it is the longest: in UTF-16, with `&`, `<` and `>` escaped, as some services count."""
    return len(html.escape(text, quote=False).encode("utf-16-le", "replace")) // _UTF16_BYTES


def fitted(message: Message, rendered: Callable[[Message], str], limit: int) -> str | None:
    """The message as rendered, in at most `limit` characters as `size_of` counts them.

    None if even its shortened title alone does not fit.

    Args:
        message: what it says.
        rendered: makes text of a message.
        limit: characters.
    """
    for smaller in _smaller(message):
        text = rendered(smaller)
        if size_of(text) <= limit:
            return text
    return None


def _smaller(message: Message) -> Iterator[Message]:
    """The message, and then ever less of it."""
    yield message
    first, *others = message.entries
    short = [replace(entry, description="", facts=()) for entry in others]
    for count in range(len(short), -1, -1):
        left_out = len(others) - count
        yield replace(message, entries=(first, *short[:count]), more=message.more + left_out)
    alone = replace(message, entries=(first,), more=message.more + len(others))
    for count in range(len(first.facts) - 1, -1, -1):
        yield replace(alone, entries=(replace(first, facts=first.facts[:count]),))
    bare = replace(first, facts=(), description="")
    yield replace(alone, entries=(bare,))
    for count in range(len(first.links) - 1, -1, -1):
        yield replace(alone, entries=(replace(bare, links=first.links[:count]),))
    length = max(len(message.title), len(first.headline))
    while length > _SHORTEST:
        length = length * 3 // 4
        entry = replace(bare, links=(), headline=cut(first.headline, length))
        yield replace(alone, entries=(entry,), title=cut(message.title, length))
