"""The process: what stands once in it, and the one place that knows what a fork and the end of the process do to it.

A fork copies memory and only the thread that forks. A lock that another thread held stays locked for ever in the child,
a thread is gone, a connection is shared with the parent, and a count would be reported twice. Whoever owns one of these
registers here how it is renewed, and nobody else in the library calls `os.register_at_fork` or `atexit.register`.

    class ActiveRequests:
        def __init__(self) -> None:
            self._renew()
            process.register(renew_after_fork=self._renew)

        def _renew(self) -> None:
            self._lock = threading.Lock()
            self._count = 0

    def active_requests() -> ActiveRequests:
        return process.obtain(ActiveRequests)
"""

import atexit
import itertools
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from types import MethodType, TracebackType
from typing import Any, Final, TypeAlias, TypeVar, cast

__all__ = ["ForkSafeLock", "Process", "process"]

T = TypeVar("T")
C = TypeVar("C", bound=Callable[..., None])
Stage: TypeAlias = Callable[[], None]
Hold: TypeAlias = Callable[[float], None]

FORK_WAIT_S: Final = 1.0
"""A fork waits this long at most, for all that it waits for together."""

_logger: Final = logging.getLogger("lapbell")


@dataclass(frozen=True, slots=True)
class _Registration:
    """What one owner wants to be called; each answers the callable, None if its owner is gone or it was not given."""

    before_fork: Callable[[], Hold | None]
    after_fork_in_parent: Callable[[], Stage | None]
    renew_after_fork: Callable[[], Stage | None]
    at_exit: Callable[[], Stage | None]


class Process:
    """Holds what stands once per process, and renews in a child whatever a fork leaves unusable.

    Nothing here needs a lock of its own: a dict is changed in single steps, and forks run one after the other.
    """

    def __init__(self) -> None:
        self._instances: dict[type, Any] = {}
        self._registrations: dict[int, _Registration] = {}
        self._numbers = itertools.count()
        self._forking = threading.Lock()
        self._exits = False
        os.register_at_fork(before=self._before, after_in_parent=self._in_parent, after_in_child=self._in_child)

    def obtain(self, kind: type[T], make: Callable[[], T] | None = None) -> T:
        """The one instance of a class in this process, made when it is first asked for.

        Args:
            kind: the class.
            make: makes it; the class without arguments if not given.
        """
        instance: T | None = self._instances.get(kind)
        if instance is not None:
            return instance
        first: T = self._instances.setdefault(kind, kind() if make is None else make())
        return first

    def find(self, kind: type[T]) -> T | None:
        """The one instance of a class in this process, None if there is none."""
        return self._instances.get(kind)

    def put(self, kind: type[T], instance: T | None) -> None:
        """Let this be the one instance of a class in this process; None leaves none."""
        if instance is None:
            self._instances.pop(kind, None)
        else:
            self._instances[kind] = instance

    def register(
        self,
        *,
        before_fork: Hold | None = None,
        after_fork_in_parent: Stage | None = None,
        renew_after_fork: Stage | None = None,
        at_exit: Stage | None = None,
    ) -> Callable[[], None]:
        """Call these when the process forks and when it ends.

        Bound methods are held weakly, so an owner that nobody needs any more is forgotten with its registration;
        functions are held for good. What one of them raises is logged and costs the others nothing.

        Args:
            before_fork: in the parent, on the thread that forks, the latest registration first. It is given the
                seconds it may wait: all of them together delay a fork by `FORK_WAIT_S` at most.
            after_fork_in_parent: in the parent, the earliest first; undoes `before_fork`.
            renew_after_fork: in the child, the earliest first, so that it may use whatever was registered before it.
                It must make new locks without touching the old ones, which may be held by threads that are gone.
            at_exit: when the interpreter ends, the latest first; also in a child that ends by `sys.exit`.

        Returns:
            Ends the registration; again does nothing.
        """
        number = next(self._numbers)

        def end() -> None:
            self._registrations.pop(number, None)

        self._registrations[number] = _Registration(
            _weakly(before_fork, end),
            _weakly(after_fork_in_parent, end),
            _weakly(renew_after_fork, end),
            _weakly(at_exit, end),
        )
        if at_exit is not None and not self._exits:
            self._exits = True
            atexit.register(self._exit)
        return end

    def _before(self) -> None:
        # Two threads that fork at once would undo each other's holds.
        self._forking.acquire()
        deadline = time.monotonic() + FORK_WAIT_S
        for registration in self._latest_first():
            hold = registration.before_fork()
            if hold is not None:
                _call(hold, max(0.0, deadline - time.monotonic()))

    def _in_parent(self) -> None:
        for registration in list(self._registrations.values()):
            _call(registration.after_fork_in_parent())
        self._forking.release()

    def _in_child(self) -> None:
        self._forking = threading.Lock()
        for registration in list(self._registrations.values()):
            _call(registration.renew_after_fork())

    def _exit(self) -> None:
        for registration in self._latest_first():
            _call(registration.at_exit())

    def _latest_first(self) -> list[_Registration]:
        return list(self._registrations.values())[::-1]


def _weakly(function: C | None, end: Callable[[], None]) -> Callable[[], C | None]:
    """Answers the function for as long as the object that it is a method of exists."""
    if isinstance(function, MethodType):
        return cast("Callable[[], C | None]", weakref.WeakMethod(function, lambda _: end()))
    return lambda: function


def _call(function: Callable[..., None] | None, *arguments: float) -> None:
    try:
        if function is not None:
            function(*arguments)
    except Exception:
        # Not `faults`: it stands above, and renews its own lock through here.
        _logger.exception("lapbell fork or exit: %r failed; the app is not affected", function)


process: Final = Process()
"""The process that runs."""


class ForkSafeLock:
    """A lock for work of some milliseconds, such as an export: forks wait until nobody is halfway through it.

    A child gets a fresh one; a thread may take it again while it has it. Where the work takes longer than a fork waits,
    the process forks all the same.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._is_held = False
        process.register(before_fork=self._hold, after_fork_in_parent=self._release, renew_after_fork=self._renew)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._lock.release()

    def _hold(self, wait_s: float) -> None:
        self._is_held = self._lock.acquire(timeout=wait_s)

    def _release(self) -> None:
        if self._is_held:
            self._lock.release()

    def _renew(self) -> None:
        self._lock = threading.RLock()
