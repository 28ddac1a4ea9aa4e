"""Where in the app an exception was raised: the frames of a recorded stack that are no library's."""

import re
from collections.abc import Iterator
from typing import Final

__all__ = ["app_frames", "app_line"]

_SEARCHED_CHARS: Final = 65_536
_FRAME: Final = re.compile(r'File "(?P<file>[^"\n]++)", line (?P<line>\d+)(?:, in (?P<function>\S+))?')
_LIBRARIES: Final = re.compile(
    r"/(?:site|dist)-packages/|/lib/python\d|^<|/importlib/|\.py[xd]$|/instrumentation/lapbell/"
)
"""Installed packages, the standard library, code that has no file, compiled modules, whose paths are relative, and
lapbell itself where it runs from a checkout."""


def app_frames(stack: str, most: int) -> str:
    """The frames of the app, the innermost last, one a line; of at most `most` characters the last."""
    return "\n".join(frame.group() for frame in _frames(stack))[-most:]


def app_line(stack: str) -> str:
    """The innermost frame of the app as `function (file:line)`; empty where the stack has none."""
    frames = list(_frames(stack))
    if not frames:
        return ""
    frame = frames[-1]
    where = f"{frame['file']}:{frame['line']}"
    return f"{frame['function']} ({where})" if frame["function"] else where


def _frames(stack: str) -> Iterator[re.Match[str]]:
    frames = _FRAME.finditer(stack[-_SEARCHED_CHARS:])
    return (frame for frame in frames if not _LIBRARIES.search(frame["file"]))
