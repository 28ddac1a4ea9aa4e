"""Prometheus remote write 1.0: its messages, and the way from snappy bytes to them.

Source: prometheus/prompb, remote.proto and types.proto.
"""

from collections.abc import Sequence
from typing import Final, Protocol, cast

import cramjam
from google.protobuf.message import DecodeError

from lapbell_evaluator.receiver.body import too_large
from lapbell_evaluator.receiver.items import WRITTEN, check_items
from lapbell_evaluator.receiver.refusal import Reason, Refusal
from lapbell_evaluator.receiver.schema import message_classes

__all__ = [
    "LABEL",
    "BucketSpan",
    "TimeSeries",
    "WriteRequest",
    "WrittenHistogram",
    "WrittenMetadata",
    "decode_written",
    "unpacked_size",
]

_SCHEMA: Final = {
    "WriteRequest": {"timeseries": (1, "*TimeSeries"), "metadata": (3, "*MetricMetadata")},
    "TimeSeries": {
        "labels": (1, "*bytes"),
        "samples": (2, "*Sample"),
        "exemplars": (3, "*Exemplar"),
        "histograms": (4, "*Histogram"),
    },
    "Label": {"name": (1, "bytes"), "value": (2, "bytes")},
    "Sample": {"value": (1, "double"), "timestamp": (2, "int64")},
    "Exemplar": {"labels": (1, "*Label"), "value": (2, "double"), "timestamp": (3, "int64")},
    "MetricMetadata": {
        "type": (1, "int32"),
        "metric_family_name": (2, "bytes"),
        "help": (4, "bytes"),
        "unit": (5, "bytes"),
    },
    "Span": {"offset": (1, "sint32"), "length": (2, "uint32")},
    "Histogram": {
        "count_int": (1, "uint64"),
        "count_float": (2, "double"),
        "sum": (3, "double"),
        "schema": (4, "sint32"),
        "zero_threshold": (5, "double"),
        "zero_count_int": (6, "uint64"),
        "zero_count_float": (7, "double"),
        "negative_spans": (8, "*Span"),
        "negative_deltas": (9, "*sint64"),
        "negative_counts": (10, "*double"),
        "positive_spans": (11, "*Span"),
        "positive_deltas": (12, "*sint64"),
        "positive_counts": (13, "*double"),
        "reset_hint": (14, "int32"),
        "timestamp": (15, "int64"),
        "custom_values": (16, "*double"),
    },
}


class WriteLabel(Protocol):
    """A label of a series."""

    name: bytes
    value: bytes


class WrittenSample(Protocol):
    """A float at a time, Unix milliseconds."""

    value: float
    timestamp: int


class WrittenExemplar(Protocol):
    """A measurement at a time, Unix milliseconds."""

    labels: Sequence[WriteLabel]
    value: float
    timestamp: int


class BucketSpan(Protocol):
    """A run of buckets, and the gap before it."""

    offset: int
    length: int


class WrittenHistogram(Protocol):
    """A native histogram at a time, Unix milliseconds."""

    count_int: int
    count_float: float
    sum: float
    schema: int
    zero_threshold: float
    zero_count_int: int
    zero_count_float: float
    negative_spans: Sequence[BucketSpan]
    negative_deltas: Sequence[int]
    negative_counts: Sequence[float]
    positive_spans: Sequence[BucketSpan]
    positive_deltas: Sequence[int]
    positive_counts: Sequence[float]
    reset_hint: int
    timestamp: int
    custom_values: Sequence[float]


class TimeSeries(Protocol):
    """A series with its samples; labels are serialised."""

    labels: Sequence[bytes]
    samples: Sequence[WrittenSample]
    exemplars: Sequence[WrittenExemplar]
    histograms: Sequence[WrittenHistogram]


class WrittenMetadata(Protocol):
    """What a metric is."""

    type: int
    metric_family_name: bytes
    help: bytes
    unit: bytes


class WriteRequest(Protocol):
    """`prometheus.WriteRequest`."""

    timeseries: Sequence[TimeSeries]
    metadata: Sequence[WrittenMetadata]


class _WriteRequestClass(Protocol):
    def FromString(self, data: bytes) -> WriteRequest:  # noqa: N802 - protobuf's name
        ...


class _LabelClass(Protocol):
    def FromString(self, data: bytes) -> WriteLabel:  # noqa: N802 - protobuf's name
        ...


_CLASSES: Final = message_classes("lapbell.write", _SCHEMA)
_WRITE_REQUEST: Final = cast("_WriteRequestClass", _CLASSES["WriteRequest"])
LABEL: Final = cast("_LabelClass", _CLASSES["Label"])


def unpacked_size(body: bytes, limit: int) -> int:
    """How many bytes a snappy block says that it holds.

    Raises:
        Refusal: the bytes are no such block, or it holds more than `limit` bytes.
    """
    try:
        size = cramjam.snappy.decompress_raw_len(body)
    except cramjam.DecompressionError as error:
        raise _undecodable(error) from None
    if size > limit:
        raise too_large(limit)
    return int(size)


def decode_written(body: bytes, items: int) -> WriteRequest:
    """The request in a snappy block, whose size is known to be bounded, of at most so many items.

    Raises:
        Refusal: the bytes are no such block, no such message, or too many items.
    """
    try:
        plain = bytes(cramjam.snappy.decompress_raw(body))
        check_items(plain, WRITTEN, items)
        return _WRITE_REQUEST.FromString(plain)
    except (cramjam.DecompressionError, DecodeError) as error:
        raise _undecodable(error) from None


def _undecodable(error: Exception) -> Refusal:
    return Refusal(
        Reason.UNDECODABLE, f"The body is no remote write 1.0 request: {error}.", "Send snappy-packed protobuf."
    )
