"""What a message says, before it becomes plain text, Markdown or HTML."""

from dataclasses import dataclass
from typing import Final

from lapbell_evaluator.model import Labels

__all__ = ["ACKNOWLEDGE", "Entry", "Fact", "Link", "Message"]

ACKNOWLEDGE: Final = "acknowledge"
"""What the link is called by which a person takes an incident."""


@dataclass(frozen=True, slots=True)
class Link:
    """Something to open.

    Attributes:
        text: what it is called.
        url: begins with http:// or https:// and holds no space, quote, bracket or parenthesis; empty: `text` alone.
    """

    text: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """One line below a headline.

    Attributes:
        name: such as `cause`.
        text: what there is to say.
        links: what there is to open; `text` is empty then.
    """

    name: str
    text: str = ""
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One incident of a message; text that was not measured, or that there is none of, is empty.

    Attributes:
        headline: what, where, how bad, since when, and what is to blame, in one line.
        severity: critical, warning, …
        status: firing, recovering or resolved.
        description: one or two sentences.
        facts: what else is known, the most useful first.
        links: where something can be done: acknowledge, incident, runbook.
        labels: of the incident, for templates; 64 at most.
        annotations: the same.
    """

    headline: str
    severity: str
    status: str
    description: str = ""
    facts: tuple[Fact, ...] = ()
    links: tuple[Link, ...] = ()
    labels: Labels = ()
    annotations: Labels = ()

    @property
    def traces(self) -> tuple[Link, ...]:
        """The worst traces, and how many more there are."""
        return tuple(link for fact in self.facts for link in fact.links)


@dataclass(frozen=True, slots=True)
class Message:
    """What one receiver is told at once; all text is of strangers and has to be escaped where it is rendered.

    Attributes:
        title: the first line: of one incident its headline.
        severity: the highest of its incidents that fire; of all if none does.
        status: firing or resolved.
        entries: those that fire first, the most severe first.
        more: how many incidents are not among the entries.
    """

    title: str
    severity: str
    status: str
    entries: tuple[Entry, ...]
    more: int = 0

    @property
    def is_of_one(self) -> bool:
        """Whether the title is the headline of its only incident."""
        return len(self.entries) == 1 and not self.more
