"""A phase is a span: `with`, `async with`, a decorator, or a decorated FastAPI dependency."""

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeVar, cast, get_args

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span

from lapbell import faults, seam, semconv
from lapbell.event_types import EventTypes
from lapbell.process import process
from lapbell.scope import Entered, enter, leave

__all__ = ["Outcome", "event_type", "outcome", "phase"]

F = TypeVar("F", bound=Callable[..., Any])
Outcome = Literal["accepted", "rejected", "duplicate", "error"]

_OUTCOMES: Final = frozenset(get_args(Outcome))

_FAULT: Final = "phase"


class phase:  # noqa: N801 - it reads as a keyword: `with phase("cache_lookup"):`
    """Time a part of a webhook as the span `webhook.<name>`.

    Works as a context manager, sync and async; as a decorator of functions, coroutine functions, generators and async
    generators (FastAPI dependencies keep their signature; of a dependency with `yield`, what runs before the yield
    counts); in threads that run in a copy of the context (`asyncio.to_thread`), under `gather`, in streaming responses
    and when cancelled. Never raises by itself.

    Use an instance in one `with` at a time; as a decorator it makes a fresh one for every call.

    Args:
        name: of few distinct values, such as `signature_validation`.
    """

    __slots__ = ("_entered", "_name")

    def __init__(self, name: str) -> None:
        self._name = name
        self._entered: Entered | None = None

    def __enter__(self) -> Self:
        self._entered = enter(_FAULT, self._start)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        entered, self._entered = self._entered, None
        leave(_FAULT, entered, error)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, traceback)

    def __call__(self, function: F) -> F:
        """Time every call of a function."""
        return cast("F", functools.wraps(function)(_timed(self._name, function)))

    def _start(self, context: Context) -> Span:
        return seam.current().start_span(semconv.PHASE_SPAN_PREFIX + self._name, context=context)


def outcome(name: Outcome) -> None:
    """Say how the webhook ended where the status code does not: `outcome("duplicate")` inside the request."""
    try:
        if name not in _OUTCOMES:
            faults.report("outcome", f"{name!r} is none: say accepted, rejected, duplicate or error")
            return
        trace.get_current_span().set_attribute(semconv.WEBHOOK_OUTCOME, name)
    except Exception as fault:  # noqa: BLE001 - the app's code must run whatever is wrong with us
        faults.report("outcome", fault)


def event_type(name: str) -> None:
    """Say what the webhook is about: `event_type("invoice.paid")` inside the request; an empty name says nothing.

    It becomes `webhook.event.type` on `webhook.request.duration` and the SERVER span. A process tells a hundred types
    apart; later ones, and what does not look like a name (letters, digits and `_.:/-`), share `_OTHER`.
    """
    try:
        if name:
            bounded = process.obtain(EventTypes).bounded(name)
            trace.get_current_span().set_attribute(semconv.WEBHOOK_EVENT_TYPE, bounded)
    except Exception as fault:  # noqa: BLE001 - the app's code must run whatever is wrong with us
        faults.report("event type", fault)


def _timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(function):

        async def timed_coroutine(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the function takes
            with phase(name):
                return await function(*args, **kwargs)

        return timed_coroutine
    if inspect.isasyncgenfunction(function):
        return _timed_async_generator(name, function)
    if inspect.isgeneratorfunction(function):
        return _timed_generator(name, function)

    def timed(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the function takes
        with phase(name):
            return function(*args, **kwargs)

    return timed


def _timed_generator(name: str, function: Callable[..., Any]) -> Callable[..., Generator[Any, None, None]]:
    def timed(*args: Any, **kwargs: Any) -> Generator[Any, None, None]:  # noqa: ANN401 - whatever the function takes
        with ExitStack() as stack:
            with phase(name):
                value = stack.enter_context(contextmanager(function)(*args, **kwargs))
            yield value

    return timed


def _timed_async_generator(name: str, function: Callable[..., Any]) -> Callable[..., AsyncGenerator[Any, None]]:
    async def timed(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, None]:  # noqa: ANN401 - whatever the function takes
        async with AsyncExitStack() as stack:
            with phase(name):
                value = await stack.enter_async_context(asynccontextmanager(function)(*args, **kwargs))
            yield value

    return timed
