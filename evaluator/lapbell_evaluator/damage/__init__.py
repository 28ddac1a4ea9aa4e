"""Stored files that are damaged: told from other trouble, set aside, read as far as they can be, counted."""

from lapbell_evaluator.damage.aside import set_aside
from lapbell_evaluator.damage.log import DamageLog
from lapbell_evaluator.damage.salvage import Lost, salvage
from lapbell_evaluator.damage.sqlite import FAULTS, is_damage
from lapbell_evaluator.damage.write_ahead import hidden_writes, reseal

__all__ = ["FAULTS", "DamageLog", "Lost", "hidden_writes", "is_damage", "reseal", "salvage", "set_aside"]
