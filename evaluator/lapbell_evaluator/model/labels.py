"""Labels: what identifies a series and an alert."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

__all__ = ["METRIC_NAME", "Labels", "fingerprint", "label_value", "labels"]

METRIC_NAME: Final = "__name__"

Labels = tuple[tuple[str, str], ...]
"""Pairs of name and value, sorted by name, without empty values; hashable, comparable."""

_FNV_OFFSET: Final = 0xCBF29CE484222325
_FNV_PRIME: Final = 0x100000001B3
_MASK: Final = 0xFFFFFFFFFFFFFFFF
_SEPARATOR: Final = 0xFF


def labels(pairs: Mapping[str, str] | Iterable[tuple[str, str]]) -> Labels:
    """Sorted pairs, empty values left out, as Prometheus treats them."""
    items = pairs.items() if isinstance(pairs, Mapping) else pairs
    return tuple(sorted([(name, value) for name, value in items if value]))


def label_value(of: Labels, name: str) -> str:
    """The value of a label; empty if it is absent."""
    for label, value in of:
        if label == name:
            return value
    return ""


@lru_cache(maxsize=65_536)
def fingerprint(of: Labels) -> str:
    """FNV-1a-64 of the sorted labels as 16 hex digits.

    Source: prometheus/common, model/signature.go: each name and value is followed by the byte 0xff.
    """
    digest = _FNV_OFFSET
    for pair in of:
        for text in pair:
            for byte in text.encode():
                digest = ((digest ^ byte) * _FNV_PRIME) & _MASK
            digest = ((digest ^ _SEPARATOR) * _FNV_PRIME) & _MASK
    return f"{digest:016x}"
