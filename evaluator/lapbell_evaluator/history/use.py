"""Who uses a file: many who read, or one who exchanges it.

SQLite removes the log of a database by its name when the last connection closes. One that is still open while another
file takes the old one's place would remove the log of the new one.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from lapbell_evaluator.history.errors import HistoryError

__all__ = ["Use"]

_LONGEST_WAIT_S: Final = 60.0


class Use:
    """Readers go first, so that one may begin to read while it reads already."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._readers = 0

    @contextmanager
    def shared(self) -> Iterator[None]:
        """With others who read."""
        with self._changed:
            self._readers += 1
        try:
            yield
        finally:
            with self._changed:
                self._readers -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """With nobody else.

        Raises:
            HistoryError: somebody reads for too long.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: not self._readers, _LONGEST_WAIT_S):
                raise HistoryError("The damaged file of history is being read.", "It is set aside a little later.")
            yield
