"""ASGI: every request is watched from its beginning to its last chunk, and has one SERVER span."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import Span

from lapbell import faults
from lapbell.integrations.exchange import App, Exchange, Message, Receive, Send
from lapbell.integrations.routes import NATIVE_TELEMETRY, Scope
from lapbell.integrations.server_span import ServerSpan
from lapbell.processor import ActiveRequests
from lapbell.tracing import is_live_server_span

__all__ = ["Hooks", "WebhookMiddleware"]

_LAST_WORDS: Final = frozenset({"lifespan.shutdown.complete", "lifespan.shutdown.failed"})
_FOREIGN_MIDDLEWARE: Final = "OpenTelemetryMiddleware"
"""The name of OpenTelemetry's and of Starlette's own middleware."""


def _nothing() -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """Who wants to know what the middleware sees.

    Attributes:
        requests: keeps those that run.
        on_loop: called on the app's event loop, in every request.
        on_stopped: called when the app has shut down. uvicorn then ends the process by the signal it got, so that
            nothing registered for the end of the interpreter is called any more.
    """

    requests: ActiveRequests
    on_loop: Callable[[], None] = _nothing
    on_stopped: Callable[[], None] = _nothing


class WebhookMiddleware:
    """Watches every request; makes its SERVER span, ended with the last chunk of the response, where nobody else does.

    FastAPI's native telemetry and OpenTelemetry's and Starlette's own middleware make one: there it only notes when the
    last chunk left, because their spans run on until background tasks have ended.

    Args:
        app: what is watched.
        hooks: who wants to know.
        route: the route's name for an app without routes of its own.
    """

    def __init__(self, app: App, hooks: Hooks, route: str = "") -> None:
        self.app = app
        self._hooks = hooks
        self._route = route
        self._steps_aside = _has_foreign_middleware(app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Watch one request."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, _Lifespan(send, self._hooks.on_stopped).send)
        elif scope["type"] != "http":
            await self.app(scope, receive, send)
        else:
            await self._watch(scope, receive, send)

    async def _watch(self, scope: Scope, receive: Receive, send: Send) -> None:
        before = otel_context.get_current()
        exchange = self._exchange(scope, receive, send)
        try:
            await self.app(scope, exchange.receive, exchange.send)
        except BaseException as error:
            exchange.end(error)
            raise
        finally:
            exchange.end()
            otel_context.attach(before)

    def _exchange(self, scope: Scope, receive: Receive, send: Send) -> Exchange:
        """The request with who watches it; with nobody if that is not possible, which is reported."""
        exchange = Exchange(scope, receive, send, self._route)
        try:
            self._hooks.on_loop()
            others = self._span_of_others(scope)
            own = ServerSpan(scope, self._route) if others is None else None
            exchange.watched_by(self._hooks.requests, own, others)
        except Exception as fault:  # noqa: BLE001 - the request must be answered whatever is wrong with us
            faults.report("request start", fault)
        return exchange

    def _span_of_others(self, scope: Scope) -> Span | None:
        """The SERVER span of somebody else; an invalid one if it will be made further in; None if nobody makes one."""
        native: Span | None = getattr(scope.get(NATIVE_TELEMETRY), "span", None)
        if native is not None:
            return native
        current = trace.get_current_span()
        if is_live_server_span(current):
            return current
        return trace.INVALID_SPAN if self._steps_aside else None


class _Lifespan:
    """Notes when an app has shut down."""

    def __init__(self, send: Send, stopped: Callable[[], None]) -> None:
        self._send = send
        self._stopped = stopped

    async def send(self, message: Message) -> None:
        """Pass on what the app says; the server waits for the last word, so what is done before it is done in time."""
        if message["type"] in _LAST_WORDS:
            try:
                self._stopped()
            except Exception as fault:  # noqa: BLE001 - the app must end whatever is wrong with us
                faults.report("app end", fault)
        await self._send(message)


def _has_foreign_middleware(app: Any) -> bool:  # noqa: ANN401 - any chain of ASGI apps
    seen: set[int] = set()
    while app is not None and id(app) not in seen:
        if type(app).__name__ == _FOREIGN_MIDDLEWARE:
            return True
        seen.add(id(app))
        app = getattr(app, "app", None)
    return False
