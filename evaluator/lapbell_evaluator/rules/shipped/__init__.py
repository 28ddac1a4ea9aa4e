"""The rules that lapbell brings: the seed's thresholds as PromQL."""

from lapbell_evaluator.rules.shipped.groups import shipped

__all__ = ["shipped"]
