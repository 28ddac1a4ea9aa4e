"""What the spans of Redis calls say of the servers that they go to."""

from collections import defaultdict
from collections.abc import Iterable

from lapbell import semconv
from lapbell_evaluator.evidence.phases import is_redis, spans_below
from lapbell_evaluator.evidence.span import SERVER, Span
from lapbell_evaluator.model import ServerShare

__all__ = ["redis_servers", "server_of"]


def server_of(span: Span) -> str:
    """The server of a Redis call as `address:port`, of a socket its path; empty if the span does not say."""
    address = span.attribute(semconv.SERVER_ADDRESS) or span.attribute(semconv.NET_PEER_NAME)
    port = span.attribute(semconv.SERVER_PORT) or span.attribute(semconv.NET_PEER_PORT)
    return f"{address}:{port}" if address and port else address


def redis_servers(traces: Iterable[tuple[Span, ...]], job: str, route: str) -> tuple[ServerShare, ...]:
    """The servers that the requests of some traces waited for, by share of the time of their Redis calls.

    Args:
        traces: the spans of each.
        job: the service.
        route: its `http.route`.
    """
    seconds: defaultdict[str, float] = defaultdict(float)
    for spans in traces:
        for webhook in spans:
            if webhook.kind == SERVER and webhook.job == job and webhook.attribute(semconv.HTTP_ROUTE) == route:
                for span in filter(is_redis, spans_below(webhook, spans).values()):
                    seconds[server_of(span)] += span.duration_s
    total = sum(seconds.values())
    shares = (ServerShare(server, spent / total) for server, spent in seconds.items() if server and spent)
    return tuple(sorted(shares, key=lambda share: (-share.share, share.server)))
