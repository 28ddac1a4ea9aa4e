"""Bytes as a person reads them."""

from typing import Final

__all__ = ["size"]

_KIB: Final = 1024


def size(count: float) -> str:
    """Bytes as 512 B, 1.5 MiB or 3.0 GiB."""
    for unit in ("B", "KiB", "MiB"):
        if count < _KIB:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= _KIB
    return f"{count:.1f} GiB"
