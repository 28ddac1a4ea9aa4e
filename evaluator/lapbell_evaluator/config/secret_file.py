"""Files that hold secrets."""

import os
import stat
from pathlib import Path
from typing import Final

from lapbell_evaluator.config.load import ConfigError

__all__ = ["is_lax", "read_secret"]

_LAX: Final = stat.S_IWGRP | stat.S_IRWXO


def read_secret(file: Path) -> str:
    """The text of a file, without the space around it.

    Raises:
        ConfigError: it can't be read, is empty, or is open to others.
    """
    try:
        text = file.read_text(encoding="utf-8").strip()
        lax = is_lax(file)
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}.", "Create it, readable by this user alone.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{file} is not UTF-8 text.", "Write the secret into it.") from None
    if lax:
        raise ConfigError(f"{file} is open to other users of this machine.", f"chmod 600 {file}")
    if not text:
        raise ConfigError(f"{file} is empty.", "Write the secret into it.")
    return text


def is_lax(file: Path) -> bool:
    """Whether others may use a file of this user, and this user could change that.

    Secrets that Docker and Kubernetes mount are readable by all in the container, read-only and often of another user:
    nobody in there can mend it, nor needs to.

    Raises:
        OSError: there is no such file.
    """
    status = file.stat()
    is_ours = status.st_uid == os.geteuid() and not os.statvfs(file).f_flag & os.ST_RDONLY
    return is_ours and bool(status.st_mode & _LAX)
