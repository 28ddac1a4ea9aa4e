"""When Python looks for cycles of garbage: each look stops every thread."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

__all__ = ["collect_seldom", "collector_at_rest", "spare_what_stays"]

_YOUNG: Final = 1


def collect_seldom() -> None:
    """Look for cycles of garbage after 10,000 new objects, not after 700: alerts and series are many and hold none."""
    gc.set_threshold(10_000)


def spare_what_stays() -> None:
    """Look for cycles among what comes later alone: of modules, rules and what was restored, none goes."""
    gc.collect()
    gc.freeze()


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """What is made within is searched for cycles of garbage neither now nor later.

    Ten thousand rules are two million objects without a cycle: a search holds the loop for a tenth of a second, and all
    of them cost a sixth of the CPU of loading. What else is garbage by then was found before.
    """
    gc.collect(_YOUNG)
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
