"""The hash of a label set as Prometheus computes it: `limit_ratio` must choose the same series.

Source: Prometheus 3.14, model/labels/labels_stringlabels.go; xxHash: https://github.com/Cyan4973/xxHash, XXH64.
"""

from typing import Final

from lapbell_evaluator.model import Labels

__all__ = ["labels_hash"]

_MASK: Final = (1 << 64) - 1
_P1: Final = 0x9E3779B185EBCA87
_P2: Final = 0xC2B2AE3D27D4EB4F
_P3: Final = 0x165667B19E3779F9
_P4: Final = 0x85EBCA77C2B2AE63
_P5: Final = 0x27D4EB2F165667C5
_STRIPE: Final = 32
_LONG: Final = 255


def labels_hash(own: Labels) -> int:
    """64 bits that belong to a label set."""
    return xxh64(b"".join(_sized(text) for pair in own for text in pair))


def _sized(text: str) -> bytes:
    data = text.encode("utf-8", "surrogateescape")
    if len(data) < _LONG:
        return bytes([len(data)]) + data
    return bytes([_LONG]) + len(data).to_bytes(3, "little") + data


def _rotated(value: int, by: int) -> int:
    return (value << by | value >> (64 - by)) & _MASK


def _round(state: int, lane: int) -> int:
    return _rotated((state + lane * _P2) & _MASK, 31) * _P1 & _MASK


def xxh64(data: bytes) -> int:
    """XXH64 with the seed 0."""
    at, size = 0, len(data)
    if size >= _STRIPE:
        states = [(_P1 + _P2) & _MASK, _P2, 0, -_P1 & _MASK]
        while at + _STRIPE <= size:
            for lane in range(4):
                states[lane] = _round(states[lane], int.from_bytes(data[at : at + 8], "little"))
                at += 8
        value = sum(_rotated(state, by) for state, by in zip(states, (1, 7, 12, 18), strict=True)) & _MASK
        for state in states:
            value = ((value ^ _round(0, state)) * _P1 + _P4) & _MASK
    else:
        value = _P5
    return _finished((value + size) & _MASK, data[at:])


def _finished(value: int, rest: bytes) -> int:
    at = 0
    while at + 8 <= len(rest):
        value ^= _round(0, int.from_bytes(rest[at : at + 8], "little"))
        value = (_rotated(value, 27) * _P1 + _P4) & _MASK
        at += 8
    if at + 4 <= len(rest):
        value ^= int.from_bytes(rest[at : at + 4], "little") * _P1 & _MASK
        value = (_rotated(value, 23) * _P2 + _P3) & _MASK
        at += 4
    for byte in rest[at:]:
        value = _rotated(value ^ byte * _P5 & _MASK, 11) * _P1 & _MASK
    for shift, factor in ((33, _P2), (29, _P3)):
        value = (value ^ value >> shift) * factor & _MASK
    return value ^ value >> 32
