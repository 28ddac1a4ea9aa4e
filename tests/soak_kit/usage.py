"""What a process holds, and how long it has worked."""

import os
import time
from pathlib import Path

__all__ = ["processor_s", "resident_bytes"]

_PAGE = os.sysconf("SC_PAGE_SIZE")
_SCHEDULED = 2  # a clock's number is made of a process and the kind of its time (Linux, `posix-timers.h`)


def resident_bytes(pid: int) -> int:
    """Memory of process `pid` that lies in RAM (`proc(5)`, statm)."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE


def processor_s(pid: int) -> float:
    """Processor time of process `pid` so far, of all of its threads (`clock_getcpuclockid(3)`)."""
    return time.clock_gettime(~pid << 3 | _SCHEDULED)
