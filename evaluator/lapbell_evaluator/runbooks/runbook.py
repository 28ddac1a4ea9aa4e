"""One page for each alert that lapbell ships, as the package holds it."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

import re2

__all__ = ["LINK", "Runbook", "index", "runbook", "runbooks"]

LINK: Final = re2.compile(r"\[([^\]]+)\]\(([a-z0-9-]+)\.md\)")
"""A link from one page to another: its text, and the other's name."""
_TITLE: Final = re2.compile(r"# (.+)")
_MEANING: Final = re2.compile(r"(?s)## What it means\n(.+?\.)\s")
_INDEX: Final = "README.md"


@dataclass(frozen=True, slots=True)
class Runbook:
    """One page.

    Attributes:
        name: its last part in `runbook_url`, such as `redis-latency`; empty for the index.
        text: Markdown.
    """

    name: str
    text: str

    @property
    def title(self) -> str:
        """The name of the alert that it is about."""
        return str(_TITLE.match(self.text)[1])

    @property
    def meaning(self) -> str:
        """What the alert says, in one sentence."""
        return " ".join(_MEANING.search(self.text)[1].split())


def index() -> Runbook:
    """The page that leads to the others."""
    return _pages()[""]


def runbooks() -> tuple[Runbook, ...]:
    """Every page of an alert, by name."""
    return tuple(page for name, page in sorted(_pages().items()) if name)


def runbook(name: str) -> Runbook | None:
    """The page of an alert; None if there is none.

    Args:
        name: the page's, or the alert's, such as `RedisLatency`.
    """
    wanted = _plain(name)
    return next((page for page in runbooks() if _plain(page.name) == wanted), None)


@cache
def _pages() -> MappingProxyType[str, Runbook]:
    """By name: whoever asks is given what is here, and nothing is opened by a name that somebody asks for."""
    folder = files("lapbell_evaluator.runbooks") / "pages"
    names = [file.name for file in folder.iterdir() if file.name.endswith(".md")]
    pages = {"" if name == _INDEX else name.removesuffix(".md"): (folder / name).read_text("utf-8") for name in names}
    return MappingProxyType({name: Runbook(name, text) for name, text in pages.items()})


def _plain(name: str) -> str:
    return name.replace("-", "").lower()
