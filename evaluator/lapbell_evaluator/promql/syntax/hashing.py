"""Hashes of trees, computed once for each node.

A hash of a frozen dataclass walks all that is inside, every time. The engine looks every part of an expression up among
the parts that were evaluated in the same cycle, so a tree of depth d would be walked d times per evaluation.
"""

from typing import Any, TypeVar

__all__ = ["hashed_once"]

_T = TypeVar("_T")


def hashed_once(node: type[_T]) -> type[_T]:
    """A frozen dataclass with a field `digest`, whose hash is computed when it is first asked for."""
    walked = node.__hash__

    def once(self: Any) -> int:  # noqa: ANN401 - the class that is decorated
        digest: int = self.digest
        if not digest:
            digest = walked(self) or 1
            object.__setattr__(self, "digest", digest)
        return digest

    node.__hash__ = once  # type: ignore[method-assign]  # a function becomes the method
    return node
