"""Redis, through OpenTelemetry's own instrumentation, with what it leaves out."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from weakref import WeakKeyDictionary

from opentelemetry.instrumentation.redis import RedisInstrumentor
from opentelemetry.trace import Span, StatusCode, TracerProvider

from lapbell import faults, semconv
from lapbell.pools import Pools
from lapbell.process import process
from lapbell.redis_commands import command_name

__all__ = ["instrument_redis", "on_request", "on_response", "uninstrument_redis"]

_PIPELINE: Final = "Pipeline"
_DEFAULT_PORT: Final = 6379

_servers: Final[WeakKeyDictionary[Any, Mapping[str, str | int]]] = WeakKeyDictionary()


def instrument_redis(tracer_provider: TracerProvider) -> None:
    """Trace every Redis client, those that exist already too."""
    # Whoever instrumented it before did so without the hooks.
    uninstrument_redis()
    RedisInstrumentor().instrument(tracer_provider=tracer_provider, request_hook=on_request, response_hook=on_response)


def uninstrument_redis() -> None:
    """Leave the clients as they were."""
    instrumentor = RedisInstrumentor()
    if instrumentor.is_instrumented_by_opentelemetry:
        instrumentor.uninstrument()


def on_request(span: Span, client: Any, arguments: Sequence[Any], _options: Mapping[str, Any]) -> None:  # noqa: ANN401 - any kind of client
    """Name the operation and the server as the conventions do."""
    try:
        operation = command_name(_text(arguments[0])) if arguments else ""
        span.set_attributes({semconv.DB_OPERATION_NAME: operation, **_server(client)})
    except Exception as fault:  # noqa: BLE001 - the command must be sent whatever is wrong with us
        faults.report("redis request", fault)


def on_response(span: Span, client: Any, response: Any) -> None:  # noqa: ANN401 - whatever Redis answers
    """Count the errors that a pipeline hands back instead of raising them."""
    try:
        if isinstance(response, list) and type(client).__name__.endswith(_PIPELINE):
            error = next((answer for answer in response if isinstance(answer, Exception)), None)
            if error is not None:
                span.set_status(StatusCode.ERROR, f"{type(error).__name__}: {error}")
    except Exception as fault:  # noqa: BLE001 - the answer must arrive whatever is wrong with us
        faults.report("redis response", fault)


def _text(command: object) -> str:
    return command.decode(errors="replace") if isinstance(command, bytes) else str(command)


def _server(client: Any) -> Mapping[str, str | int]:  # noqa: ANN401 - any kind of client
    """What names the server, worked out once per pool; of a cluster, the node that is asked first."""
    pool = getattr(client, "connection_pool", None)
    if pool is None:
        node = getattr(getattr(client, "nodes_manager", None), "default_node", None)
        return {} if node is None else _named({"host": node.host, "port": node.port})
    server = _servers.get(pool)
    if server is None:
        process.obtain(Pools).add(pool)
        server = _servers[pool] = _named(pool.connection_kwargs)
    return server


def _named(settings: Mapping[str, Any]) -> dict[str, str | int]:
    named: dict[str, str | int] = {
        semconv.DB_SYSTEM_NAME: semconv.REDIS,
        semconv.DB_NAMESPACE: str(settings.get("db") or 0),
        semconv.SERVER_ADDRESS: settings.get("path") or settings.get("host") or "localhost",
    }
    if "path" not in settings:
        named[semconv.SERVER_PORT] = int(settings.get("port") or _DEFAULT_PORT)
    return named
