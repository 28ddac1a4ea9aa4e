"""The SERVER span of a request, where nobody else makes one."""

from collections.abc import Iterable, Mapping
from typing import Final

from opentelemetry import context as otel_context
from opentelemetry import propagate, trace
from opentelemetry.propagators.textmap import Getter
from opentelemetry.trace import Span, SpanKind, StatusCode

from lapbell import faults, seam, semconv
from lapbell.integrations.routes import Scope, route_of

__all__ = ["ServerSpan", "metric_attributes"]

_METHODS: Final = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"})
_SCHEMES: Final = frozenset({"http", "https"})
_OTHER: Final = "_OTHER"
_SERVER_ERROR: Final = 500


class ServerSpan:
    """A SERVER span of ours, current from now on.

    Args:
        scope: ASGI's, of the request.
        route: the route's name for an app without routes of its own.
    """

    def __init__(self, scope: Scope, route: str = "") -> None:
        self._scope = scope
        self._route = route
        self._is_over = False
        parent = propagate.extract(scope.get("headers", ()), getter=_HEADERS)
        method = _method(scope)
        attributes = {
            **metric_attributes(scope),
            semconv.NETWORK_PROTOCOL_VERSION: str(scope.get("http_version", "")),
        }
        name = "HTTP" if method == _OTHER else method
        self.span: Span = seam.current().start_span(name, SpanKind.SERVER, context=parent, attributes=attributes)
        otel_context.attach(trace.set_span_in_context(self.span, parent))

    def end(self, status: int | None, error: BaseException | None) -> None:
        """End it, once.

        Args:
            status: of the response, None if none has begun.
            error: what the app raised.
        """
        if self._is_over:
            return
        self._is_over, span = True, self.span
        try:
            span.set_attributes(_outcome(status, error))
            if route := route_of(self._scope) or self._route:
                span.update_name(f"{_method(self._scope)} {route}")
                span.set_attribute(semconv.HTTP_ROUTE, route)
            if error is not None or status is None or status >= _SERVER_ERROR:
                span.set_status(StatusCode.ERROR)
        except Exception as fault:  # noqa: BLE001 - the request must be answered whatever is wrong with us
            faults.report("request end", fault)
        span.end()


def metric_attributes(scope: Scope) -> dict[str, str]:
    """The attributes of `http.server.active_requests`; its convention knows no route."""
    return {
        semconv.HTTP_REQUEST_METHOD: _method(scope),
        semconv.URL_SCHEME: _scheme(scope),
    }


def _method(scope: Scope) -> str:
    method = str(scope.get("method", ""))
    return method if method in _METHODS else _OTHER


def _scheme(scope: Scope) -> str:
    """Whoever calls may have written it: into a header that a proxy passes on."""
    scheme = str(scope.get("scheme", "http"))
    return scheme if scheme in _SCHEMES else _OTHER


def _outcome(status: int | None, error: BaseException | None) -> Mapping[str, str | int]:
    attributes: dict[str, str | int] = {}
    if status is not None:
        attributes[semconv.HTTP_RESPONSE_STATUS_CODE] = status
    if error is not None:
        attributes[semconv.ERROR_TYPE] = type(error).__qualname__
    elif status is None:
        attributes[semconv.ERROR_TYPE] = "incomplete_response"
    elif status >= _SERVER_ERROR:
        attributes[semconv.ERROR_TYPE] = str(status)
    return attributes


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
