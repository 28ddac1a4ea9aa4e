"""The folder of databases and tokens is for this user alone."""

import os
import stat
from pathlib import Path
from typing import Final

from lapbell_evaluator.config.load import ConfigError

__all__ = ["private_data_dir"]

_FOLDER_MODE: Final = 0o700
_FILE_MODE: Final = 0o600
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_FILES: Final = ("*.db", "*.db-wal", "*.db-shm", "*.db-journal", "*.db.lock", "*.token", "*.key")


def private_data_dir(folder: Path) -> None:
    """Make the folder, closed to others; close one that an older version left open, and its files.

    A folder that holds more than lapbell's own, or is another user's, keeps its mode: only the files are closed.

    Raises:
        ConfigError: it can't be made.
    """
    try:
        folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        own = [file for pattern in _FILES for file in folder.glob(pattern)]
        for file in own:
            _close(file, _FILE_MODE)
        if len(own) == sum(1 for _ in folder.iterdir()):
            _close(folder, _FOLDER_MODE)
    except OSError as error:
        raise ConfigError(
            f"data_dir {folder}: {error.strerror}.", "Name a folder that this user may write to."
        ) from None


def _close(path: Path, mode: int) -> None:
    status = path.stat()
    if status.st_uid == os.geteuid() and status.st_mode & _OTHERS:
        path.chmod(mode)
