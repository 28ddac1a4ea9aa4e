"""What a process holds."""

import os
from pathlib import Path

__all__ = ["resident_bytes"]

_PAGE = os.sysconf("SC_PAGE_SIZE")


def resident_bytes(pid: int) -> int:
    """Memory of process `pid` that lies in RAM (`proc(5)`, statm)."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE
