"""The same webhook app under lapbell and under its peers, for benchmarks."""

from rivals.app import OPERATIONS, PHASES, Driver, build_app
from rivals.kinds import KINDS, Rival, is_installed

__all__ = ["KINDS", "OPERATIONS", "PHASES", "Driver", "Rival", "build_app", "is_installed"]
