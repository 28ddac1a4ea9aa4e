"""What rules of an earlier life made last, and what becomes of it.

After a restart memory holds the series of before. Until a rule has been evaluated, its series stay, as long as the
lookback goes: rules that read them find what they found before. Afterwards what no rule made has ended.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from lapbell_evaluator.model import ALERT_NAME, METRIC_NAME, Labels

__all__ = ["ALERTS", "FOR_STATE", "Family", "OrphanedSeries"]

ALERTS: Final = "ALERTS"
FOR_STATE: Final = "ALERTS_FOR_STATE"


@dataclass(frozen=True, slots=True)
class Family:
    """The series that one rule can make, or several of one name.

    Attributes:
        name: of the alerts, or of the recorded metric.
        is_alert: whether its series are `ALERTS` and `ALERTS_FOR_STATE`.
    """

    name: str
    is_alert: bool

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of its series."""
        return (ALERTS, FOR_STATE) if self.is_alert else (self.name,)

    def holds(self, series: Labels) -> bool:
        """Whether a series of those names belongs to it."""
        return not self.is_alert or dict(series).get(ALERT_NAME) == self.name


class OrphanedSeries:
    """Series that are open since an earlier life.

    Args:
        series: whose last sample is no stale marker.
        makers: what each rule can make, by its key.
    """

    def __init__(self, series: Iterable[Labels] = (), makers: Mapping[str, Collection[Family]] | None = None) -> None:
        by_metric: dict[str, list[Labels]] = {}
        for labels in series:
            by_metric.setdefault(dict(labels)[METRIC_NAME], []).append(labels)
        self._series: dict[Family, list[Labels]] = {}
        self._awaited: dict[Family, set[str]] = {}
        for rule, families in (makers or {}).items():
            for family in families:
                if family not in self._series:
                    self._series[family] = [
                        labels
                        for metric in family.metrics
                        for labels in by_metric.get(metric, ())
                        if family.holds(labels)
                    ]
                if self._series[family]:
                    self._awaited.setdefault(family, set()).add(rule)

    def rules(self) -> frozenset[str]:
        """Keys of the rules that are still to be evaluated."""
        return frozenset().union(*self._awaited.values())

    def after(self, rule: str) -> list[Labels]:
        """The series that no rule is left to make, once a rule has been evaluated; its own of now still among them."""
        over: list[Labels] = []
        for family, awaited in list(self._awaited.items()):
            awaited.discard(rule)
            if not awaited:
                del self._awaited[family]
                over += self._series.pop(family)
        return over
