"""Which line of the app a thread runs, read from its stack by another thread."""

import functools
import sys
import sysconfig
from pathlib import Path
from types import FrameType
from typing import Final, Literal

from lapbell.event_loop.block import CodeLine

__all__ = ["app_line", "loop_frame"]

_STANDARD: Final = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib")})
_INSTALLED: Final = tuple({sysconfig.get_path(name) for name in ("purelib", "platlib")})
_OWN: Final = str(Path(__file__).resolve().parents[1])
_MOST_FRAMES: Final = 500


def loop_frame(callback: FrameType) -> int:
    """The identity of the frame that runs the loop, asked in a callback of that loop.

    Under asyncio the loop's own frames lie between; under uvloop, which is no Python code, none do.
    """
    frame = callback.f_back
    while frame is not None and _kind(frame.f_code.co_filename) == "standard":
        frame = frame.f_back
    return id(frame)


def app_line(frame: FrameType | None, base: int) -> CodeLine | None:
    """The innermost line of the app, or of an installed library if no code of the app runs, None for an idle loop.

    Args:
        frame: the innermost frame of the loop's thread.
        base: what `loop_frame` answered; what lies below it has started the loop and does not run now.
    """
    installed: FrameType | None = None
    for _ in range(_MOST_FRAMES):
        if frame is None or id(frame) == base:
            break
        kind = _kind(frame.f_code.co_filename)
        if kind == "app" and not _is_made(frame):
            return _line(frame)
        if kind == "installed" and installed is None:
            installed = frame
        frame = frame.f_back
    return None if installed is None else _line(installed)


def _is_made(frame: FrameType) -> bool:
    """Whether its code was made while the app runs, as the methods of dataclasses are: its caller is meant then.

    What is typed in or given to `python -c` has no file either.
    """
    return frame.f_code.co_filename.startswith("<") and frame.f_globals.get("__name__") != "__main__"


def _line(frame: FrameType) -> CodeLine:
    code = frame.f_code
    return CodeLine(_below_its_root(code.co_filename), code.co_qualname, frame.f_lineno or code.co_firstlineno)


@functools.lru_cache(maxsize=4_096)
def _kind(path: str) -> Literal["app", "installed", "standard", "own"]:
    if path.startswith("<frozen"):
        return "standard"
    if path.startswith(_OWN):
        return "own"
    # Installed packages often lie below the standard library's folder.
    if path.startswith(_INSTALLED):
        return "installed"
    return "standard" if path.startswith(_STANDARD) else "app"


@functools.lru_cache(maxsize=4_096)
def _below_its_root(path: str) -> str:
    """The path below the folder that the file is imported from: the same on every machine, and no home folder in it."""
    folders = [folder for folder in sys.path if folder and path.startswith(folder.rstrip("/") + "/")]
    return path.removeprefix(max(folders, key=len, default=str(Path(path).parent))).lstrip("/")
