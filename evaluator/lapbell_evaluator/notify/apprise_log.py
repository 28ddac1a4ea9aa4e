"""What Apprise says while it sends: it returns no more than yes or no, and its log holds secrets."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

__all__ = ["Said", "listening"]

_MOST_LINES: Final = 200
_STRANGERS: Final = ("apprise", "urllib3", "requests_oauthlib", "oauthlib", "MARKDOWN")
_FAILED: Final = "Socket Exception: "
_SENT: Final = "Sent "


class Said:
    """The lines of one message."""

    def __init__(self) -> None:
        self.lines: list[tuple[int, str]] = []

    @property
    def reason(self) -> str:
        """Why it was not sent: the error behind, or the first warning; it may hold secrets."""
        causes = [text.removeprefix(_FAILED) for _, text in self.lines if text.startswith(_FAILED)]
        warnings = [text for level, text in self.lines if level >= logging.WARNING]
        return next(iter(causes or warnings), "")

    @property
    def was_sent_to_some(self) -> bool:
        """Whether it reached one of several that the URL names."""
        return any(text.startswith(_SENT) for _, text in self.lines)


class _Ear(logging.Handler):
    """Hears what the thread says that sends; everything else that these libraries log goes nowhere."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.now = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        said: Said | None = getattr(self.now, "said", None)
        if said is not None and record.name == "apprise" and len(said.lines) < _MOST_LINES:
            said.lines.append((record.levelno, record.getMessage()))


_EAR: Final = _Ear()


@contextmanager
def listening() -> Iterator[Said]:
    """Hear what Apprise says in this thread."""
    for name in _STRANGERS:
        logger = logging.getLogger(name)
        logger.propagate = False
        if _EAR not in logger.handlers:
            logger.addHandler(_EAR)
    logging.getLogger("apprise").setLevel(logging.DEBUG)
    said = _EAR.now.said = Said()
    try:
        yield said
    finally:
        _EAR.now.said = None
