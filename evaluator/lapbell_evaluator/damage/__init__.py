"""Stored files that are damaged: told from other trouble, set aside, read as far as they can be, counted."""

from lapbell_evaluator.damage.aside import set_aside
from lapbell_evaluator.damage.log import DamageLog
from lapbell_evaluator.damage.salvage import Lost, salvage
from lapbell_evaluator.damage.sqlite import FAULTS, is_damage

__all__ = ["FAULTS", "DamageLog", "Lost", "is_damage", "salvage", "set_aside"]
