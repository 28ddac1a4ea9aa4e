"""CPU, memory and disk of the machine, or of the container where a control group limits it."""

from lapbell.system.machine import Machine, this_machine
from lapbell.system.system import System

__all__ = ["Machine", "System", "this_machine"]
