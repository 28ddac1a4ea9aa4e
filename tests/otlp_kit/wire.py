"""Protobuf on the wire, written by hand: what encoders may legally do and hardly any does."""

import struct

from opentelemetry.proto.metrics.v1.metrics_pb2 import HistogramDataPoint


def tag(number: int, wire_type: int) -> bytes:
    return varint(number << 3 | wire_type)


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def delimited(number: int, body: bytes) -> bytes:
    return tag(number, 2) + varint(len(body)) + body


def histogram_body(point: HistogramDataPoint, pieces: int | None, name: str = "h") -> bytes:
    """An export of one histogram point whose buckets are packed in so many pieces, or not packed for None."""
    rest = HistogramDataPoint()
    rest.CopyFrom(point)
    rest.ClearField("bucket_counts")
    rest.ClearField("explicit_bounds")
    counts = [struct.pack("<Q", count) for count in point.bucket_counts]
    bounds = [struct.pack("<d", bound) for bound in point.explicit_bounds]
    body = rest.SerializeToString() + _field(6, counts, pieces) + _field(7, bounds, pieces)
    metric = delimited(1, name.encode()) + delimited(9, delimited(1, body) + tag(2, 0) + varint(2))
    return delimited(1, delimited(2, delimited(2, metric)))


def _field(number: int, values: list[bytes], pieces: int | None) -> bytes:
    if pieces is None:
        return b"".join(tag(number, 1) + value for value in values)
    size = max(1, -(-len(values) // pieces))
    return b"".join(delimited(number, b"".join(values[at : at + size])) for at in range(0, len(values), size))
