"""Prometheus' remote write 1.0: the same samples into the real server as into our store."""

import struct
import urllib.request
from collections.abc import Iterable, Sequence

import cramjam

from lapbell_evaluator.model import Labels

__all__ = ["RemoteWriter"]


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


class RemoteWriter:
    """Writes samples to one server.

    Source of the format: https://prometheus.io/docs/specs/prw/remote_write_spec/
    """

    def __init__(self, url: str) -> None:
        self._url = f"{url}/api/v1/write"

    def write(self, series: Iterable[tuple[Labels, Sequence[tuple[int, float | bytes]]]]) -> None:
        """Send (milliseconds, value) points of series, oldest first; a value of 8 bytes is taken as it stands."""
        self.send(
            b"".join(_field(1, encoded_labels(own) + b"".join(map(encoded_sample, points))) for own, points in series)
        )

    def send(self, body: bytes) -> None:
        """Send an encoded WriteRequest."""
        headers = {
            "Content-Type": "application/x-protobuf",
            "Content-Encoding": "snappy",
            "X-Prometheus-Remote-Write-Version": "0.1.0",
        }
        packed = bytes(cramjam.snappy.compress_raw(body))
        request = urllib.request.Request(self._url, packed, headers)
        with urllib.request.urlopen(request, timeout=60):
            pass


def encoded_labels(own: Labels) -> bytes:
    """The labels of a TimeSeries."""
    return b"".join(
        _field(1, _field(1, name.encode()) + _field(2, value.encode("utf-8", "surrogateescape"))) for name, value in own
    )


def encoded_sample(point: tuple[int, float | bytes]) -> bytes:
    """One Sample of a TimeSeries."""
    time, value = point
    data = value if isinstance(value, bytes) else struct.pack("<d", value)
    return _field(2, b"\x09" + data + b"\x10" + _varint(time))


def encoded_exemplar(own: Labels, value: float, time_ms: int) -> bytes:
    """One Exemplar of a TimeSeries."""
    return _field(3, encoded_labels(own) + b"\x11" + struct.pack("<d", value) + b"\x18" + _varint(time_ms))


def encoded_series(labels: bytes, points: Iterable[tuple[int, float | bytes]], exemplars: bytes = b"") -> bytes:
    """A TimeSeries whose labels and exemplars are encoded already."""
    return _field(1, labels + b"".join(map(encoded_sample, points)) + exemplars)
