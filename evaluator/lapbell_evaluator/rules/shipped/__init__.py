"""The rules that lapbell brings: the seed's thresholds as PromQL."""

from lapbell_evaluator.rules.shipped.groups import RUNBOOKS, shipped

__all__ = ["RUNBOOKS", "shipped"]
