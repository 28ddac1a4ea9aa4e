"""An alert that somebody else found, such as a Prometheus that takes us for its Alertmanager."""

from dataclasses import dataclass
from typing import Final

from lapbell_evaluator.model.labels import Labels

__all__ = ["EXTERNAL_RULE", "PostableAlert"]

EXTERNAL_RULE: Final = "posted"
"""What stands for the rule of alerts that others found; databases have it, so it stays as it is."""


@dataclass(frozen=True, slots=True)
class PostableAlert:
    """What its sender says of it.

    Attributes:
        labels: its identity, `alertname` among them as a rule.
        annotations: as rendered by the sender.
        starts_at: Unix seconds; None means since it is received.
        ends_at: Unix seconds; in the past if it is over; None means until nobody repeats it.
        generator_url: where it comes from.
    """

    labels: Labels
    annotations: Labels = ()
    starts_at: float | None = None
    ends_at: float | None = None
    generator_url: str = ""
