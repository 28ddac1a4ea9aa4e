"""Redis, through OpenTelemetry's own instrumentation, with what it leaves out."""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from weakref import WeakKeyDictionary

import redis
import redis.asyncio.cluster
import redis.cluster
from opentelemetry import trace
from opentelemetry.instrumentation.redis import RedisInstrumentor
from opentelemetry.trace import Span, StatusCode, TracerProvider

from lapbell import faults, semconv
from lapbell.pools import Pools
from lapbell.process import process
from lapbell.redis_commands import command_name

__all__ = ["instrument_redis", "on_request", "on_response", "uninstrument_redis"]

_PIPELINE: Final = "Pipeline"
_EXECUTE: Final = "execute"
_DEFAULT_PORT: Final = 6379

_PIPELINES: Final = (
    redis.client.Pipeline,
    redis.cluster.ClusterPipeline,
    redis.asyncio.client.Pipeline,
    redis.asyncio.cluster.ClusterPipeline,
)

_originals: Final[dict[type, Callable[..., Any]]] = {}
_servers: Final[WeakKeyDictionary[Any, Mapping[str, str | int]]] = WeakKeyDictionary()


def instrument_redis(tracer_provider: TracerProvider) -> None:
    """Trace every Redis client, those that exist already too."""
    # Whoever instrumented it before did so without the hooks.
    uninstrument_redis()
    # Below the instrumentation, and so within its spans: it has no hook for a pipeline that begins, or fails.
    for pipeline in _PIPELINES:
        _originals[pipeline] = getattr(pipeline, _EXECUTE)
        setattr(pipeline, _EXECUTE, _named_after(_originals[pipeline]))
    RedisInstrumentor().instrument(tracer_provider=tracer_provider, request_hook=on_request, response_hook=on_response)


def uninstrument_redis() -> None:
    """Leave the clients as they were."""
    instrumentor = RedisInstrumentor()
    if instrumentor.is_instrumented_by_opentelemetry:
        instrumentor.uninstrument()
    while _originals:
        pipeline, execute = _originals.popitem()
        setattr(pipeline, _EXECUTE, execute)


def on_request(span: Span, client: Any, arguments: Sequence[Any], _options: Mapping[str, Any]) -> None:  # noqa: ANN401 - any kind of client
    """Name the operation and the server as the conventions do."""
    try:
        operation = command_name(_text(arguments[0])) if arguments else ""
        span.set_attributes({semconv.DB_OPERATION_NAME: operation, **_server(client)})
    except Exception as fault:  # noqa: BLE001 - the command must be sent whatever is wrong with us
        faults.report("redis request", fault)


def on_response(span: Span, client: Any, response: Any) -> None:  # noqa: ANN401 - whatever Redis answers
    """Count the errors that a pipeline hands back instead of raising them; name a server that was found by asking."""
    try:
        if getattr(client, "connection_pool", None) is None or _is_behind_sentinel(client.connection_pool):
            span.set_attributes(_server(client))
        if isinstance(response, list) and type(client).__name__.endswith(_PIPELINE):
            error = next((answer for answer in response if isinstance(answer, Exception)), None)
            if error is not None:
                span.set_status(StatusCode.ERROR, f"{type(error).__name__}: {error}")
    except Exception as fault:  # noqa: BLE001 - the answer must arrive whatever is wrong with us
        faults.report("redis response", fault)


def _named_after(execute: Callable[..., Any]) -> Callable[..., Any]:
    """A pipeline's `execute` that names the server in the instrumentation's span, also where it fails."""
    if inspect.iscoroutinefunction(execute):

        @functools.wraps(execute)
        async def executed_by_asyncio(pipeline: Any, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - redis-py's own
            try:
                return await execute(pipeline, *arguments, **options)
            finally:
                _name_server(trace.get_current_span(), pipeline)

        return executed_by_asyncio

    @functools.wraps(execute)
    def executed(pipeline: Any, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - as above
        try:
            return execute(pipeline, *arguments, **options)
        finally:
            _name_server(trace.get_current_span(), pipeline)

    return executed


def _name_server(span: Span, client: Any) -> None:  # noqa: ANN401 - any kind of client
    """Name the server where it is known only now: of a pipeline, of a cluster or behind a sentinel asked first."""
    try:
        scope = getattr(span, "instrumentation_scope", None)
        # Without the instrumentation's span, as where it is suppressed, the current one is the app's own.
        if scope is not None and scope.name == semconv.REDIS_INSTRUMENTATION_SCOPE:
            span.set_attributes(_server(client))
    except Exception as fault:  # noqa: BLE001 - the answer must arrive whatever is wrong with us
        faults.report("redis pipeline", fault)


def _text(command: object) -> str:
    return command.decode(errors="replace") if isinstance(command, bytes) else str(command)


def _server(client: Any) -> Mapping[str, str | int]:  # noqa: ANN401 - any kind of client
    """What names the server, worked out once per pool; of a cluster, the node that is asked first."""
    pool = getattr(client, "connection_pool", None)
    if pool is None:
        # A pipeline of asyncio's cluster knows its client, and everybody else the nodes.
        cluster = getattr(client, "cluster_client", client)
        node = getattr(getattr(cluster, "nodes_manager", None), "default_node", None)
        return {} if node is None else _named({"host": node.host, "port": node.port})
    server = _servers.get(pool)
    if server is None and _is_behind_sentinel(pool):
        process.obtain(Pools).add(pool)
        return _of_sentinel(pool)
    if server is None:
        process.obtain(Pools).add(pool)
        server = _servers[pool] = _named(pool.connection_kwargs)
    return server


def _is_behind_sentinel(pool: Any) -> bool:  # noqa: ANN401 - any kind of pool
    return hasattr(pool, "sentinel_manager") and hasattr(pool, "master_address")


def _of_sentinel(pool: Any) -> Mapping[str, str | int]:  # noqa: ANN401 - as above
    """The master as the sentinels named it last; of replicas, and before the first answer, no address is known."""
    named = _named(pool.connection_kwargs)
    if pool.master_address is None:
        return {semconv.DB_SYSTEM_NAME: semconv.REDIS, semconv.DB_NAMESPACE: named[semconv.DB_NAMESPACE]}
    host, port = pool.master_address
    return named | {semconv.SERVER_ADDRESS: host, semconv.SERVER_PORT: port}


def _named(settings: Mapping[str, Any]) -> dict[str, str | int]:
    named: dict[str, str | int] = {
        semconv.DB_SYSTEM_NAME: semconv.REDIS,
        semconv.DB_NAMESPACE: str(settings.get("db") or 0),
        semconv.SERVER_ADDRESS: settings.get("path") or settings.get("host") or "localhost",
    }
    if "path" not in settings:
        named[semconv.SERVER_PORT] = int(settings.get("port") or _DEFAULT_PORT)
    return named
