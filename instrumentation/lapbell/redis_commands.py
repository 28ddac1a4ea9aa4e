"""The names that Redis' commands have: what is none of them may be anything, a key or a password among it."""

import functools
from importlib.resources import files
from typing import Final

__all__ = ["OTHER", "command_name"]

OTHER: Final = "_OTHER"
"""Of a command that Redis, its modules of old and redis-py do not know; as the conventions name what is not known."""
_FILE: Final = "redis_commands.txt"


@functools.cache
def _names() -> frozenset[str]:
    return frozenset(files("lapbell").joinpath(_FILE).read_text(encoding="utf-8").splitlines())


@functools.lru_cache(maxsize=1_024)
def command_name(text: str) -> str:
    """The command that a text begins with, with its subcommand where it has one; `_OTHER` if there is none.

    redis-py takes a text such as `CONFIG GET` or `GET my-key` for a command and what follows it.
    """
    words = text[:64].upper().split()
    for name in (" ".join(words[:2]), *words[:1]):
        if name in _names():
            return name
    return OTHER
