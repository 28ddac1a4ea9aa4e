"""ASGI: the SERVER span of a request, where nobody else makes one."""

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any, Final, Protocol, TypeAlias

from opentelemetry import context as otel_context
from opentelemetry import propagate, trace
from opentelemetry.propagators.textmap import Getter
from opentelemetry.trace import Span, SpanContext, SpanKind, StatusCode

from lapbell import faults, seam, semconv
from lapbell.tracing import is_live_server_span

__all__ = ["Answered", "WebhookMiddleware"]

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_METHODS: Final = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"})
_OTHER_METHOD: Final = "_OTHER"
_SERVER_ERROR: Final = 500
_LAST_WORDS: Final = frozenset({"lifespan.shutdown.complete", "lifespan.shutdown.failed"})
_NATIVE: Final = "fastapi.telemetry"
"""FastAPI from 0.142 on keeps its telemetry here while it makes the SERVER span itself."""
_FOREIGN_MIDDLEWARE: Final = "OpenTelemetryMiddleware"
"""The name of OpenTelemetry's and of Starlette's own middleware."""


class Answered(Protocol):
    """Wants to know when the last chunk of a response has left."""

    def __call__(self, context: SpanContext, at_ns: int) -> None:
        """It left at this time (Unix nanoseconds), in this span's request."""
        ...


class WebhookMiddleware:
    """Makes the SERVER span of a request, ended with the last chunk of the response, background tasks excluded.

    Steps aside for FastAPI's native telemetry and for OpenTelemetry's and Starlette's own middleware; there it only
    notes when the last chunk left, because their spans run on until background tasks have ended.

    Args:
        app: what is watched.
        answered: called when the last chunk has left.
        route: the route's name for an app without routes of its own.
        stopped: called when the app has shut down. uvicorn then ends the process by the signal it got, so that nothing
            registered for the end of the interpreter is called any more.
    """

    def __init__(
        self, app: App, answered: Answered, route: str = "", stopped: Callable[[], None] | None = None
    ) -> None:
        self.app = app
        self._answered = answered
        self._route = route
        self._stopped = stopped
        self._steps_aside = _has_foreign_middleware(app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Watch one request."""
        if scope["type"] == "lifespan" and self._stopped is not None:
            await self.app(scope, receive, _Lifespan(send, self._stopped).send)
        elif scope["type"] != "http" or getattr(scope.get(_NATIVE), "span", None) is not None:
            await self.app(scope, receive, send)
        elif self._steps_aside or is_live_server_span(trace.get_current_span()):
            await self.app(scope, receive, _Clock(send, self._answered).send)
        else:
            await self._watch(scope, receive, send)

    async def _watch(self, scope: Scope, receive: Receive, send: Send) -> None:
        before = otel_context.get_current()
        request = _Request(scope, send, self._route)
        try:
            await self.app(scope, receive, request.send)
        except BaseException as error:
            request.end(error)
            raise
        finally:
            request.end()
            otel_context.attach(before)


class _Request:
    """One request that is being watched."""

    def __init__(self, scope: Scope, send: Send, route: str) -> None:
        self._scope = scope
        self._send = send
        self._route = route
        self._status: int | None = None
        self._trailers = False
        self._span: Span | None = None
        try:
            self._span = self._start()
        except Exception as fault:  # noqa: BLE001 - the request must be answered whatever is wrong with us
            faults.report("request start", fault)

    def _start(self) -> Span:
        method = self._method
        parent = propagate.extract(self._scope.get("headers", ()), getter=_HEADERS)
        attributes = {
            semconv.HTTP_REQUEST_METHOD: method,
            semconv.URL_SCHEME: str(self._scope.get("scheme", "http")),
            semconv.NETWORK_PROTOCOL_VERSION: str(self._scope.get("http_version", "")),
        }
        name = "HTTP" if method == _OTHER_METHOD else method
        span = seam.current().start_span(name, SpanKind.SERVER, context=parent, attributes=attributes)
        otel_context.attach(trace.set_span_in_context(span, parent))
        return span

    @property
    def _method(self) -> str:
        method = self._scope.get("method", "")
        return method if method in _METHODS else _OTHER_METHOD

    async def send(self, message: Message) -> None:
        """Pass a part of the response on; the span ends with the last one."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._trailers = bool(message.get("trailers"))
        await self._send(message)
        if _is_last(message, trailers=self._trailers):
            self.end()

    def end(self, error: BaseException | None = None) -> None:
        """End the span, once."""
        span, self._span = self._span, None
        if span is None:
            return
        try:
            span.set_attributes(self._attributes(error))
            if route := _route_of(self._scope) or self._route:
                span.update_name(f"{self._method} {route}")
                span.set_attribute(semconv.HTTP_ROUTE, route)
            if error is not None or self._status is None or self._status >= _SERVER_ERROR:
                span.set_status(StatusCode.ERROR)
        except Exception as fault:  # noqa: BLE001 - the request must be answered whatever is wrong with us
            faults.report("request end", fault)
        span.end()

    def _attributes(self, error: BaseException | None) -> Mapping[str, str | int]:
        attributes: dict[str, str | int] = {}
        if self._status is not None:
            attributes[semconv.HTTP_RESPONSE_STATUS_CODE] = self._status
        if error is not None:
            attributes[semconv.ERROR_TYPE] = type(error).__qualname__
        elif self._status is None:
            attributes[semconv.ERROR_TYPE] = "incomplete_response"
        elif self._status >= _SERVER_ERROR:
            attributes[semconv.ERROR_TYPE] = str(self._status)
        return attributes


class _Clock:
    """Notes when the last chunk of a response leaves, for a span that somebody else ends."""

    def __init__(self, send: Send, answered: Answered) -> None:
        self._send = send
        self._answered = answered
        self._trailers = False

    async def send(self, message: Message) -> None:
        """Pass a part of the response on."""
        await self._send(message)
        if message["type"] == "http.response.start":
            self._trailers = bool(message.get("trailers"))
        elif _is_last(message, trailers=self._trailers):
            try:
                self._answered(trace.get_current_span().get_span_context(), time.time_ns())
            except Exception as fault:  # noqa: BLE001 - the request must be answered whatever is wrong with us
                faults.report("response end", fault)


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


class _Headers(Getter[Iterable[tuple[bytes, bytes]]]):
    """Reads the sender's trace context from ASGI headers."""

    def get(self, carrier: Iterable[tuple[bytes, bytes]], key: str) -> list[str] | None:
        """The values of a header."""
        wanted = key.lower().encode("latin-1")
        values = [value.decode("latin-1") for name, value in carrier if name.lower() == wanted]
        return values or None

    def keys(self, carrier: Iterable[tuple[bytes, bytes]]) -> list[str]:
        """The names of the headers."""
        return [name.decode("latin-1") for name, _ in carrier]


_HEADERS: Final = _Headers()


def _is_last(message: Message, *, trailers: bool) -> bool:
    match message["type"]:
        case "http.response.body":
            return not message.get("more_body", False) and not trailers
        case "http.response.trailers":
            return not message.get("more_trailers", False)
        case kind:
            return bool(kind == "http.response.pathsend")


def _has_foreign_middleware(app: Any) -> bool:  # noqa: ANN401 - any chain of ASGI apps
    seen: set[int] = set()
    while app is not None and id(app) not in seen:
        if type(app).__name__ == _FOREIGN_MIDDLEWARE:
            return True
        seen.add(id(app))
        app = getattr(app, "app", None)
    return False


def _route_of(scope: Scope) -> str:
    """The route's template, which the router leaves in the scope; matching again would cost as much as routing did."""
    route = scope.get("route")
    path = getattr(route, "path_format", None) or getattr(route, "path", None)
    if path is None and "endpoint" in scope:
        # Older Starlette tells the endpoint alone.
        routes = getattr(scope.get("app"), "routes", ())
        paths = (
            getattr(route, "path_format", "")
            for route in routes
            if getattr(route, "endpoint", None) is scope["endpoint"]
        )
        path = next(paths, None)
    root = str(scope.get("root_path", "")).removesuffix("/")
    return f"{root}{path}" if path else ""
