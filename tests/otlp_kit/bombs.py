"""Bodies that are small on the wire and large in memory: one repeated field, empty as often as wanted."""

from dataclasses import dataclass

from otlp_kit.wire import delimited, tag

METRICS, TRACES, LOGS, WRITTEN = "/v1/metrics", "/v1/traces", "/v1/logs", "/api/v1/write"


@dataclass(frozen=True)
class Bomb:
    """A repeated field.

    Attributes:
        path: of the gate.
        fields: numbers of the fields that lead to it from the request, itself last.
        price: how many of them are an item.
    """

    path: str
    fields: tuple[int, ...]
    price: int = 1

    def body(self, items: int) -> bytes:
        """So many items, empty ones: the messages around them come on top."""
        *around, field = self.fields
        body = delimited(field, b"") * (items * self.price)
        for number in reversed(around):
            body = delimited(number, body)
        return body

    def endless(self, items: int) -> bytes:
        """As `body`, with an end that no decoder takes: who says anything else has not decoded it."""
        return self.body(items) + tag(1, 2)


def _metrics(*fields: int, price: int = 1) -> Bomb:
    return Bomb(METRICS, (1, *fields), price)


BOMBS = {
    "resources of metrics": _metrics(),
    "attributes of a resource": _metrics(1, 1, price=2),
    "scopes of metrics": _metrics(2),
    "metrics": _metrics(2, 2),
    "names of a metric": _metrics(2, 2, 1, price=3),
    "fields of a point that OTLP does not know": _metrics(2, 2, 5, 1, 15, price=3),
    "points of a gauge": _metrics(2, 2, 5, 1),
    "points of a sum": _metrics(2, 2, 7, 1),
    "points of a histogram": _metrics(2, 2, 9, 1),
    "points of an exponential histogram": _metrics(2, 2, 10, 1),
    "points of a summary": _metrics(2, 2, 11, 1),
    "quantiles": _metrics(2, 2, 11, 1, 6),
    "exemplars of a gauge": _metrics(2, 2, 5, 1, 5),
    "exemplars of a sum": _metrics(2, 2, 7, 1, 5),
    "exemplars of a histogram": _metrics(2, 2, 9, 1, 8),
    "exemplars of an exponential histogram": _metrics(2, 2, 10, 1, 11),
    "attributes of a point": _metrics(2, 2, 5, 1, 7, price=2),
    "attributes of a histogram point": _metrics(2, 2, 9, 1, 9, price=2),
    "attributes of an exponential point": _metrics(2, 2, 10, 1, 1, price=2),
    "attributes of a summary point": _metrics(2, 2, 11, 1, 7, price=2),
    "attributes of an exemplar": _metrics(2, 2, 5, 1, 5, 7, price=2),
    "elements of an attribute": _metrics(2, 2, 5, 1, 7, 2, 5, 1, price=2),
    "entries of an attribute": _metrics(2, 2, 5, 1, 7, 2, 6, 1, price=2),
    "elements of an element": _metrics(2, 2, 5, 1, 7, 2, 5, 1, 5, 1, price=2),
    "resources of spans": Bomb(TRACES, (1,)),
    "attributes of a resource of spans": Bomb(TRACES, (1, 1, 1), 2),
    "scopes of spans": Bomb(TRACES, (1, 2)),
    "spans": Bomb(TRACES, (1, 2, 2)),
    "attributes of a span": Bomb(TRACES, (1, 2, 2, 9), 2),
    "elements of a span's attribute": Bomb(TRACES, (1, 2, 2, 9, 2, 5, 1), 2),
    "links": Bomb(TRACES, (1, 2, 2, 13), 3),
    "names of a span": Bomb(TRACES, (1, 2, 2, 5), 3),
    "events": Bomb(TRACES, (1, 2, 2, 11)),
    "attributes of an event": Bomb(TRACES, (1, 2, 2, 11, 3), 2),
    "resources of logs": Bomb(LOGS, (1,)),
    "scopes of logs": Bomb(LOGS, (1, 2)),
    "log records": Bomb(LOGS, (1, 2, 2)),
    "written series": Bomb(WRITTEN, (1,)),
    "written labels": Bomb(WRITTEN, (1, 1), 2),
    "written samples": Bomb(WRITTEN, (1, 2), 2),
    "written exemplars": Bomb(WRITTEN, (1, 3)),
    "labels of a written exemplar": Bomb(WRITTEN, (1, 3, 1), 2),
    "written histograms": Bomb(WRITTEN, (1, 4)),
    "negative spans of buckets": Bomb(WRITTEN, (1, 4, 8), 2),
    "positive spans of buckets": Bomb(WRITTEN, (1, 4, 11), 2),
    "written metadata": Bomb(WRITTEN, (3,)),
}
