"""Which errors of SQLite speak of a damaged file.

Source: sqlite.org/rescode.html. A full disk, a lock, or a folder that may not be written is other trouble.
"""

import os
import sqlite3
from pathlib import Path
from typing import Final

__all__ = ["FAULTS", "is_damage"]

FAULTS: Final = (sqlite3.Error, MemoryError, UnicodeDecodeError)
"""What reading a damaged file may raise: lengths that it claims are allocated, names in it are decoded for messages."""

_NOT_OURS: Final = ("no such", "has no column", "unsupported file format", "malformed")
_DAMAGE: Final = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FORMAT", "SQLITE_TOOBIG", "SQLITE_INTERNAL")
_UNREADABLE: Final = ("SQLITE_IOERR_READ", "SQLITE_IOERR_SHORT_READ", "SQLITE_IOERR_CORRUPTFS", "SQLITE_IOERR_DATA")


def is_damage(error: BaseException, path: Path) -> bool:
    """Whether an error means that the file is damaged, or is no database at all.

    Args:
        error: what SQLite raised.
        path: of the file.
    """
    if not isinstance(error, sqlite3.Error):
        return isinstance(error, FAULTS)
    name: str | None = getattr(error, "sqlite_errorname", None)
    if name is None:
        return "decode" in str(error)  # text that is no UTF-8
    if name.startswith("SQLITE_CANTOPEN"):
        return any(Path(f"{path}{companion}").is_dir() for companion in ("", "-wal", "-shm"))
    if name == "SQLITE_READONLY":  # a header that claims to be of a later SQLite
        return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    if name == "SQLITE_ERROR":  # our statements are right: what they do not find is lost
        return any(text in str(error) for text in _NOT_OURS)
    return name.startswith((*_DAMAGE, *_UNREADABLE))
