"""A message as lines of text: plain, or Markdown that nothing of strangers can mark up."""

import re
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from lapbell_evaluator.messages.message import Entry, Link, Message
from lapbell_evaluator.messages.wording import cut

__all__ = ["markdown", "markdown_subject", "markdown_text", "plain", "plain_text", "subject"]

_MARKS: Final = re.compile(r"([\\`*_\[\]<>~|#])")
_HIDDEN: Final = "\u200b"
_CALLS: Final = re.compile(r"(?<=[@<])(?=\S)|(?<=:)(?=//)|(?<=\bwww)(?=\.)", re.IGNORECASE)
"""Where a mention (`@everyone`, `<!here>`) or a link that clients find by themselves would begin."""
_BEGINS: Final = re.compile(r"^(\d{1,9})([.)])(?=\s)|^([-+=:])")
"""What begins a list, a rule or a heading where it stands at the beginning of a line."""


class _Dialect(Protocol):
    """How text is written.

    Attributes:
        between: stands between a headline, its description and what follows.
    """

    between: str

    def text(self, text: str) -> str:
        """Text of strangers, as it is."""
        ...

    def strong(self, text: str) -> str:
        """The same, to be seen first."""
        ...

    def line(self, name: str, said: str) -> str:
        """A line with a name."""
        ...

    def links(self, links: tuple[Link, ...]) -> str:
        """What can be opened."""
        ...

    def buttons(self, links: tuple[Link, ...]) -> Iterator[str]:
        """Lines of what can be done."""
        ...


class _Plain:
    between = "\n"

    def text(self, text: str) -> str:
        return plain_text(text)

    def strong(self, text: str) -> str:
        return plain_text(text)

    def line(self, name: str, said: str) -> str:
        return f"{name}: {said}"

    def links(self, links: tuple[Link, ...]) -> str:
        """Whole URLs, below one another."""
        return ("\n  " if any(link.url for link in links) else "") + "\n  ".join(
            link.url or plain_text(link.text) for link in links
        )

    def buttons(self, links: tuple[Link, ...]) -> Iterator[str]:
        return (f"{link.text}: {link.url}" for link in links)


class _Markdown:
    between = "\n\n"

    def text(self, text: str) -> str:
        return markdown_text(text)

    def strong(self, text: str) -> str:
        return f"**{markdown_text(text)}**" if text else ""

    def line(self, name: str, said: str) -> str:
        return f"- {name}: {said}"

    def links(self, links: tuple[Link, ...]) -> str:
        return " · ".join(
            f"[{markdown_text(link.text)}](<{link.url}>)" if link.url else markdown_text(link.text) for link in links
        )

    def buttons(self, links: tuple[Link, ...]) -> Iterator[str]:
        return iter([f"- {self.links(links)}"] if links else [])


def plain_text(text: str) -> str:
    """Text of strangers in which no client finds a mention or a link: an invisible space stands in each."""
    return _CALLS.sub(_HIDDEN, text)


def markdown_text(text: str) -> str:
    """The same in Markdown, with a backslash before all that marks something up."""
    marked = _MARKS.sub(r"\\\1", _CALLS.sub(_HIDDEN, text))
    return _BEGINS.sub(lambda found: f"{found[1]}\\{found[2]}" if found[1] else f"\\{found[3]}", marked)


def subject(message: Message, limit: int | None = None) -> str:
    """The title alone as one line of plain text, of at most so many units of UTF-16; all of it if None."""
    return _within(message.title, plain_text, limit)


def markdown_subject(message: Message, limit: int | None = None) -> str:
    """The same as Markdown."""
    return _within(message.title, markdown_text, limit)


def _within(title: str, escaped: Callable[[str], str], limit: int | None) -> str:
    text = escaped(title)
    if limit is None or _units(text) <= limit:
        return text
    length = limit
    while _units(text := escaped(cut(title, length))) > limit:
        length -= 1
    return text


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "replace")) // 2


def plain(message: Message, *, with_title: bool = True) -> str:
    """As plain text.

    Args:
        message: what it says.
        with_title: whether the title is its first line.
    """
    return _written(message, _Plain(), with_title=with_title)


def markdown(message: Message, *, with_title: bool = True) -> str:
    """As Markdown; the arguments of `plain`."""
    return _written(message, _Markdown(), with_title=with_title)


def _written(message: Message, dialect: _Dialect, *, with_title: bool) -> str:
    blocks = [dialect.strong(message.title)] if with_title else []
    for entry in message.entries:
        headline = "" if message.is_of_one else dialect.strong(entry.headline)
        lines = "\n".join(_lines(entry, dialect))
        blocks.append(dialect.between.join(filter(None, (headline, dialect.text(entry.description), lines))))
    if message.more:
        blocks.append(dialect.text(f"and {message.more:,} more"))
    return "\n\n".join(filter(None, blocks))


def _lines(entry: Entry, dialect: _Dialect) -> Iterator[str]:
    """What stands below a headline and its description."""
    for fact in entry.facts:
        yield dialect.line(fact.name, dialect.links(fact.links) if fact.links else dialect.text(fact.text))
    yield from dialect.buttons(entry.links)
