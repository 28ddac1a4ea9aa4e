"""How much a simulation, a fuzz, a kill loop or a soak does: `LAPBELL_BUDGET` multiplies it, 1 if it is not set."""

import math
import os
from typing import Final

__all__ = ["BUDGET", "scaled"]


def _budget(text: str) -> float:
    try:
        budget = float(text)
    except ValueError:
        budget = math.nan
    if not 0 < budget < math.inf:
        raise ValueError(f"LAPBELL_BUDGET is {text!r}: set it to a positive number; 10 makes ten times as many rounds.")
    return budget


BUDGET: Final = _budget(os.environ.get("LAPBELL_BUDGET", "1"))


def scaled(rounds: int, *, least: int = 1) -> int:
    """So many rounds, examples, kills or seeds with a budget of 1; in proportion with another, `least` at least."""
    return max(least, round(rounds * BUDGET))
