"""lapbell's own faults: logged, at most once a minute per kind, never raised into the app it watches."""

import contextlib
import functools
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Concatenate, Final, ParamSpec, TypeVar

from lapbell.process import process

__all__ = ["PERIOD_S", "Faults", "contained", "harmless", "message_of", "report"]

P = ParamSpec("P")
S = TypeVar("S")

PERIOD_S: Final = 60.0
_logger: Final = logging.getLogger("lapbell")


class Faults:
    """Writes one line per kind of fault and minute, and how many were swallowed in between.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._renew()
        process.register(renew_after_fork=self._renew)

    def _renew(self) -> None:
        self._lock = threading.Lock()
        self._next: dict[str, float] = {}
        self._silent: dict[str, int] = {}

    def report(self, kind: str, fault: BaseException | str) -> None:
        """Log a fault, or count it if one of its kind was logged within the last minute."""
        now = self._clock()
        with self._lock:
            if now < self._next.get(kind, now):
                self._silent[kind] = self._silent.get(kind, 0) + 1
                return
            self._next[kind] = now + PERIOD_S
            silent = self._silent.pop(kind, 0)
        description = fault if isinstance(fault, str) else f"{type(fault).__name__}: {message_of(fault)}"
        more = f" ({silent} more since the last line)" if silent else ""
        _logger.warning("lapbell %s: %s%s; the app is not affected", kind, description, more)


def message_of(error: BaseException) -> str:
    """What an exception says; nothing if it cannot say it, because its `__str__` is the app's own code, or anyone's."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - whatever it raises, the exception itself is still to be told by its type
        return ""


def report(kind: str, fault: BaseException | str) -> None:
    """Log a fault of this process, or count it if one of its kind was logged within the last minute."""
    process.obtain(Faults).report(kind, fault)


@contextlib.contextmanager
def contained(kind: str) -> Iterator[None]:
    """Report what a block raises instead of raising it: around exporters and readers, which anybody may have written.

    What is no `Exception` stays inside too, such as an exporter's `SystemExit`; the user's own interrupt passes.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as fault:  # noqa: BLE001 - a thread of ours that ends takes all later exports with it
        report(kind, fault)


def harmless(kind: str) -> Callable[[Callable[Concatenate[S, P], None]], Callable[Concatenate[S, P], None]]:
    """Make a method report what it raises instead of raising it: for whatever runs inside the app's own calls."""

    def guard(method: Callable[Concatenate[S, P], None]) -> Callable[Concatenate[S, P], None]:
        @functools.wraps(method)
        def guarded(self: S, /, *args: P.args, **kwargs: P.kwargs) -> None:
            try:
                method(self, *args, **kwargs)
            except Exception as fault:  # noqa: BLE001 - whatever is wrong with us is not the app's fault
                report(kind, fault)

        return guarded

    return guard
