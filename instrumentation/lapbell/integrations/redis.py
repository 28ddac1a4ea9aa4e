"""Redis, through OpenTelemetry's own instrumentation, with what it leaves out."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from opentelemetry.instrumentation.redis import RedisInstrumentor
from opentelemetry.trace import Span, StatusCode, TracerProvider

from lapbell import faults, semconv
from lapbell.pools import pools

__all__ = ["instrument_redis", "uninstrument_redis"]

_BLOCK: Final = "BLOCK"


def instrument_redis(tracer_provider: TracerProvider) -> None:
    """Trace every Redis client, those that exist already too."""
    # Whoever instrumented it before did so without the hooks.
    uninstrument_redis()
    RedisInstrumentor().instrument(
        tracer_provider=tracer_provider, request_hook=_on_request, response_hook=_on_response
    )


def uninstrument_redis() -> None:
    """Leave the clients as they were."""
    instrumentor = RedisInstrumentor()
    if instrumentor.is_instrumented_by_opentelemetry:
        instrumentor.uninstrument()


def _on_request(span: Span, client: Any, arguments: Sequence[Any], _options: Mapping[str, Any]) -> None:  # noqa: ANN401 - any kind of client
    """Name the operation and the server as the conventions do."""
    try:
        operation = str(arguments[0]).upper() if arguments else ""
        span.set_attributes({semconv.DB_OPERATION_NAME: operation, **_server(client)})
        pool = getattr(client, "connection_pool", None)
        if pool is not None:
            pools.add(pool)
    except Exception as fault:  # noqa: BLE001 - the command must be sent whatever is wrong with us
        faults.report("redis request", fault)


def _on_response(span: Span, _client: Any, response: Any) -> None:  # noqa: ANN401 - whatever Redis answers
    """Count the errors that a pipeline hands back instead of raising them."""
    try:
        if isinstance(response, list):
            errors = [each for each in response if isinstance(each, Exception)]
            if errors:
                span.set_status(StatusCode.ERROR, f"{type(errors[0]).__name__}: {errors[0]}")
    except Exception as fault:  # noqa: BLE001 - the answer must arrive whatever is wrong with us
        faults.report("redis response", fault)


def _server(client: Any) -> dict[str, str | int]:  # noqa: ANN401 - any kind of client
    settings = getattr(getattr(client, "connection_pool", None), "connection_kwargs", None)
    if settings is None:
        return {}
    named: dict[str, str | int] = {
        semconv.DB_NAMESPACE: str(settings.get("db") or 0),
        semconv.SERVER_ADDRESS: settings.get("path") or settings.get("host") or "localhost",
    }
    if "path" not in settings:
        named[semconv.SERVER_PORT] = int(settings.get("port") or 6379)
    return named
