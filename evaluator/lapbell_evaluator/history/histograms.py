"""Native histograms as bytes."""

from typing import Final

import msgspec
import numpy as np
import zstandard

from lapbell_evaluator.history.errors import DamagedError
from lapbell_evaluator.history.packing import plain
from lapbell_evaluator.model import CounterHint, Histogram

__all__ = ["HistogramRow", "pack_histograms", "unpack_histograms"]

_LEVEL: Final = 6


class HistogramRow(msgspec.Struct, array_like=True, frozen=True):
    """A native histogram of one series at one time.

    Attributes:
        series: history's number.
        time_ms: Unix milliseconds.
        schema: and the following as in `model.Histogram`; buckets are float64 bytes.
    """

    series: int
    time_ms: int
    schema: int
    count: float
    sum: bytes
    zero_threshold: float
    zero_count: float
    positive: bytes
    positive_offset: int
    negative: bytes
    negative_offset: int
    bounds: tuple[float, ...]
    hint: int

    @classmethod
    def of(cls, series: int, time_ms: int, histogram: Histogram) -> "HistogramRow":
        """The row of a histogram; its sum is kept as bytes, because it may be a stale marker."""
        return cls(
            series,
            time_ms,
            histogram.schema,
            float(histogram.count),
            np.float64(histogram.sum).tobytes(),
            histogram.zero_threshold,
            float(histogram.zero_count),
            histogram.positive.tobytes(),
            histogram.positive_offset,
            histogram.negative.tobytes(),
            histogram.negative_offset,
            histogram.bounds,
            int(histogram.hint),
        )

    def histogram(self) -> Histogram:
        """The histogram."""
        return Histogram(
            schema=self.schema,
            count=self.count,
            sum=float(np.frombuffer(self.sum, np.float64)[0]),
            zero_threshold=self.zero_threshold,
            zero_count=self.zero_count,
            positive=np.frombuffer(self.positive, np.float64),
            positive_offset=self.positive_offset,
            negative=np.frombuffer(self.negative, np.float64),
            negative_offset=self.negative_offset,
            bounds=self.bounds,
            hint=CounterHint(self.hint),
        )


_DECODER: Final = msgspec.msgpack.Decoder(list[HistogramRow])


def pack_histograms(rows: list[HistogramRow]) -> bytes:
    """Rows as bytes with a checksum."""
    compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
    return compressor.compress(msgspec.msgpack.encode(rows))


def unpack_histograms(data: bytes) -> list[HistogramRow]:
    """The rows of `pack_histograms`.

    Raises:
        DamagedError: the bytes were changed.
    """
    body = plain(data)
    try:
        return _DECODER.decode(body)
    except msgspec.DecodeError as error:
        raise DamagedError(f"Packed histograms are damaged: {error}.") from None
