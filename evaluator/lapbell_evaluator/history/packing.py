"""Samples as bytes: differences, bytes sorted by significance, zstd with a checksum around it.

Three forms, each for its time of life: a *tail* entry is written at once and read only after a crash; a *page* holds
a few minutes of many series, ordered by series; a *chunk* holds up to two hours of one series.

The idea is Gorilla's (Pelkonen et al., "Gorilla: a fast, scalable, in-memory time series database", VLDB 2015, 4.1):
scrapes come at a steady interval, so the difference of differences of times is nearly always 0, and a value differs
from the one before it in few bits. Gorilla packs bit by bit, which is a loop in Python; here whole arrays are coded by
numpy, and zstd finds what is left. That takes three steps:

1. Differences of neighbours: of times twice, of whole numbers twice (a counter that grows steadily becomes zeros), of
   other values as XOR of their bits.
2. Zigzag, as in Protocol Buffers: 0, -1, 1, -2, … become 0, 1, 2, 3, …, so that small differences of either sign have
   zeros in their upper bytes, and the array fits into 1, 2, 4 or 8 bytes per element.
3. Byte planes (the "shuffle" of Blosc and HDF5): the lowest bytes of all elements, then all next ones, … The upper
   planes are runs of zeros, which zstd packs into almost nothing.

Invariant: unpacking gives every bit back, NaN payloads (stale markers), infinities and -0.0 included. All arithmetic is
on int64 and uint64 and wraps around, so differences that overflow are undone exactly by the sums.
"""

import struct
from typing import Final

import numpy as np
import numpy.typing as npt
import zstandard

from lapbell_evaluator.history.columns import Columns, Floats, Ints
from lapbell_evaluator.history.errors import DamagedError

__all__ = ["pack_chunk", "pack_page", "pack_tail", "plain", "unpack_chunk", "unpack_page", "unpack_tail"]

_FAST: Final = 1
_DENSE: Final = 6
_EXACT_INTEGER: Final = float(1 << 53)
_COUNT: Final = struct.Struct("<I")
_CHUNK_HEAD: Final = struct.Struct("<IqqdBBB")
_MOST_BYTES: Final = 1 << 28
_INTEGERS, _BITS = 0, 1
_WIDTHS: Final = ((1, np.dtype("<u1")), (2, np.dtype("<u2")), (4, np.dtype("<u4")), (8, np.dtype("<u8")))

_Unsigned = npt.NDArray[np.uint64]


def pack_tail(columns: Columns) -> bytes:
    """Rows as they came: the count, then series int64[n], times int64[n], values float64[n]."""
    body = b"".join((columns.series.tobytes(), columns.times_ms.tobytes(), columns.values.tobytes()))
    return _compressed(_COUNT.pack(len(columns)) + body, _FAST)


def unpack_tail(data: bytes) -> Columns:
    """The rows of `pack_tail`.

    Raises:
        DamagedError: the bytes were changed.
    """
    body = plain(data)
    if len(body) < _COUNT.size:
        raise DamagedError("Packed bytes are too short for their count.")
    (count,) = _COUNT.unpack_from(body)
    if len(body) != _COUNT.size + 24 * count:
        raise DamagedError("A tail entry has another length than it says.")
    at = _COUNT.size
    series = np.frombuffer(body, np.int64, count, at)
    times = np.frombuffer(body, np.int64, count, at + 8 * count)
    return Columns(series, times, np.frombuffer(body, np.float64, count, at + 16 * count))


def pack_page(columns: Columns) -> bytes:
    """Rows ordered by series and time: the count, then three blocks of 8 byte planes, n bytes each."""
    series, times = columns.series, columns.times_ms
    bits = columns.values.view(np.uint64)
    parts = (
        _planes(_zigzag(_differences(series))),
        _planes(_zigzag(_differences(times))),
        _planes(bits ^ _shifted(bits)),
    )
    return _compressed(_COUNT.pack(len(columns)) + b"".join(parts), _FAST)


def unpack_page(data: bytes) -> Columns:
    """The rows of `pack_page`.

    Raises:
        DamagedError: the bytes were changed.
    """
    body = plain(data)
    if len(body) < _COUNT.size:
        raise DamagedError("Packed bytes are too short for their count.")
    (count,) = _COUNT.unpack_from(body)
    if len(body) != _COUNT.size + 24 * count:
        raise DamagedError("A page has another length than it says.")
    at, size = _COUNT.size, 8 * count
    series = np.cumsum(_unzigzag(_from_planes(body[at : at + size], 8)))
    times = np.cumsum(_unzigzag(_from_planes(body[at + size : at + 2 * size], 8)))
    bits = np.bitwise_xor.accumulate(_from_planes(body[at + 2 * size :], 8))
    return Columns(series, times, bits.view(np.float64))


def pack_chunk(times_ms: Ints, values: Floats) -> bytes:
    """One series, ordered by time, at least one sample.

    A head (count, first time, first step, first value, the widths, the kind of values), then n - 2 differences of
    steps, then n - 1 coded values.

    Args:
        times_ms: int64[n], ascending.
        values: float64[n].
    """
    steps = _steps(times_ms)  # int64[n - 1]
    first_step = int(steps[0]) if len(steps) else 0
    time_width, time_bytes = _narrow(_zigzag(_steps(steps)))  # n - 2 elements: zeros while the interval is steady
    if _are_integers(values):
        kind, (width, body) = _INTEGERS, _narrow(_zigzag(_steps(values.astype(np.int64))))
    else:
        bits = values.view(np.uint64)  # uint64[n]
        kind, width, body = _BITS, 8, _planes(bits[1:] ^ bits[:-1])
    head = _CHUNK_HEAD.pack(len(times_ms), int(times_ms[0]), first_step, values[0], time_width, kind, width)
    return _compressed(head + time_bytes + body, _DENSE)


def unpack_chunk(data: bytes) -> tuple[Ints, Floats]:
    """int64[n] milliseconds and float64[n] values of `pack_chunk`.

    Raises:
        DamagedError: the bytes were changed.
    """
    body = plain(data)
    try:
        count, first, step, value, time_width, kind, width = _CHUNK_HEAD.unpack_from(body)
    except struct.error:
        raise DamagedError("A chunk is too short for its head.") from None
    at = _CHUNK_HEAD.size
    split = at + max(count - 2, 0) * time_width
    if len(body) != split + (count - 1) * width:
        raise DamagedError("A chunk has another length than it says.")
    steps = step + _running(_unzigzag(_from_planes(body[at:split], time_width)))[: count - 1]
    times = first + _running(steps)
    return times, _chunk_values(value, kind, _from_planes(body[split:], width))


def _chunk_values(first: float, kind: int, coded: _Unsigned) -> Floats:
    """float64[n] of the first value and uint64[n - 1] of what follows it."""
    if kind == _INTEGERS:
        return (np.int64(first) + _running(_unzigzag(coded))).astype(np.float64)
    start = np.array([first]).view(np.uint64)
    return np.bitwise_xor.accumulate(np.concatenate([start, coded])).view(np.float64)


def _are_integers(values: Floats) -> bool:
    """Whether every value survives as int64: whole, below 2**53, not -0.0; NaN and infinity are none of these."""
    with np.errstate(invalid="ignore"):
        is_exact = np.abs(values) < _EXACT_INTEGER
        whole = np.trunc(values)
    is_zero_signed = (values == 0) & np.signbit(values)
    return bool((is_exact & (whole == values) & ~is_zero_signed).all())


def _differences(array: Ints) -> Ints:
    """int64[n]: the first element, then the step to each next one; `cumsum` undoes it."""
    return np.diff(array, prepend=np.int64(0))


def _steps(array: Ints) -> Ints:
    """int64[n - 1], from each element to the next; `_running` undoes it."""
    steps: Ints = np.diff(array)
    return steps


def _shifted(bits: _Unsigned) -> _Unsigned:
    """uint64[n]: 0, then each element but the last; XOR with it is undone by `bitwise_xor.accumulate`."""
    before = np.empty_like(bits)
    before[:1] = 0
    before[1:] = bits[:-1]
    return before


def _zigzag(array: Ints) -> _Unsigned:
    """Small numbers of either sign become small ones without: the shift by 63 is 0 or all ones, the sign."""
    return ((array << 1) ^ (array >> 63)).view(np.uint64)


def _unzigzag(array: _Unsigned) -> Ints:
    return (array >> np.uint64(1)).view(np.int64) ^ -(array & np.uint64(1)).view(np.int64)


def _running(steps: Ints) -> Ints:
    """0 and the sums of the first one, two, … steps."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(steps)])


def _narrow(array: _Unsigned) -> tuple[int, bytes]:
    """The array at the least width that holds it, bytes by significance."""
    most = int(array.max(initial=0))
    width, dtype = next((width, dtype) for width, dtype in _WIDTHS if most < 1 << (8 * width))
    return width, _planes(array.astype(dtype))


def _planes(array: npt.NDArray[np.unsignedinteger]) -> bytes:
    """unsigned[n] as bytes[width, n]: all lowest bytes, then all next ones; bytes that are alike lie together."""
    return array.view(np.uint8).reshape(len(array), array.itemsize).T.tobytes()


def _from_planes(data: bytes, width: int) -> _Unsigned:
    """uint64[n] of the byte planes of elements of `width` bytes."""
    count = len(data) // width
    planes = np.frombuffer(data, np.uint8).reshape(width, count)
    return np.ascontiguousarray(planes.T).reshape(-1).view(f"<u{width}").astype(np.uint64)


def _compressed(plain: bytes, level: int) -> bytes:
    return zstandard.ZstdCompressor(level=level, write_checksum=True).compress(plain)


def plain(data: bytes) -> bytes:
    """What was compressed.

    Raises:
        DamagedError: the bytes were changed.
    """
    try:
        if zstandard.frame_content_size(data) > _MOST_BYTES:  # it would be believed, and allocated
            raise DamagedError("Packed bytes claim to be too many.")
        return zstandard.ZstdDecompressor().decompress(data, max_output_size=_MOST_BYTES)
    except (zstandard.ZstdError, TypeError) as error:  # TypeError: not even bytes
        raise DamagedError(f"Packed bytes are damaged: {error}.") from None
