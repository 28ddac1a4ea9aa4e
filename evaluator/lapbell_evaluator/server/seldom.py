"""A log that strangers cannot fill."""

import logging
import time
from typing import Final

__all__ = ["Seldom"]

_APART_S: Final = 60.0


class Seldom(logging.Filter):
    """Lets each message pass once a minute, and then says how many were left out; tracebacks always pass."""

    def __init__(self) -> None:
        super().__init__()
        self._passed_at: dict[str, float] = {}
        self._left_out: dict[str, int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written."""
        if record.exc_info:
            return True
        now, message = time.monotonic(), str(record.msg)
        if now - self._passed_at.get(message, -_APART_S) < _APART_S:
            self._left_out[message] = self._left_out.get(message, 0) + 1
            return False
        self._passed_at[message] = now
        left_out = self._left_out.pop(message, 0)
        if left_out:
            record.msg = f"{message} ({left_out} more since the last such line)"
        return True
