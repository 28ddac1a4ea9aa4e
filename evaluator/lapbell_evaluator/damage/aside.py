"""A damaged file is moved out of the way, never deleted."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

__all__ = ["set_aside"]

_COMPANIONS: Final = ("", "-wal", "-shm", "-journal")


def set_aside(path: Path, now: float) -> Path:
    """Rename a database with its log to `<name>.damaged-<date>`, beside it; whoever has it open keeps it.

    Args:
        path: of the file, or of what lies in its place.
        now: Unix seconds.

    Returns:
        The new path.

    Raises:
        OSError: the folder may not be written.
    """
    moment = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    aside = path.with_name(f"{path.name}.damaged-{moment}")
    number = 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.damaged-{moment}-{number}")
    for companion in _COMPANIONS:
        part = Path(f"{path}{companion}")
        if part.exists():
            part.rename(f"{aside}{companion}")
    return aside
