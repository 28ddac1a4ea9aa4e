"""Where to look for what explains an incident."""

from typing import NamedTuple

__all__ = ["NOWHERE", "Places"]


class Places(NamedTuple):
    """Names that incidents have in common if one may explain the other.

    Attributes:
        explains_at: where it may explain others: one of these is in `explained_at` of whatever it explains.
        explained_at: where it may be explained.
        blamed: what it blames that others may blame as well; empty if it is nothing of the kind.
    """

    explains_at: tuple[str, ...] = ()
    explained_at: tuple[str, ...] = ()
    blamed: str = ""


NOWHERE = Places()
