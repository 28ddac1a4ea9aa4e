"""The evaluator's own telemetry as series, so that rules can watch the evaluator as they watch everything else."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from lapbell import semconv
from lapbell_evaluator.evaluation.compiled import CompiledGroup
from lapbell_evaluator.evaluation.schedule import Schedule
from lapbell_evaluator.model import METRIC_NAME, Labels, Reading, ReadingKind, RuleStatus, labels
from lapbell_evaluator.model.prometheus_names import SECONDS, label, metric

__all__ = ["PREFIX", "OwnSeries", "group_readings", "storm_reading"]

PREFIX: Final = "lapbell_"
_UNITS: Final = {"s": SECONDS, "By": "_bytes"}
_TOTAL: Final = "_total"


class OwnSeries:
    """What the rooms of the evaluator measure of themselves."""

    def __init__(self) -> None:
        self._sources: list[Callable[[], Iterable[Reading]]] = []

    def add(self, source: Callable[[], Iterable[Reading]]) -> None:
        """Let rules see what a room measures: as series, written before each evaluation that reads them."""
        self._sources.append(source)

    def readings(self) -> tuple[Reading, ...]:
        """What every room measures now, in the order in which they were added."""
        return tuple(reading for source in self._sources for reading in source())

    def samples(self) -> dict[Labels, float]:
        """Values by labels, named as a receiver of the same telemetry by OTLP would name them."""
        values = {}
        for reading in self.readings():
            suffix = _UNITS.get(reading.unit, "") + (_TOTAL if reading.kind is ReadingKind.COUNTER else "")
            own = {label(name): value for name, value in reading.attributes}
            values[labels({**own, METRIC_NAME: metric(reading.name, suffix)})] = reading.value
        return values


def group_readings(
    groups: Iterable[CompiledGroup], schedules: Mapping[str, Schedule], status: Mapping[str, RuleStatus]
) -> Iterable[Reading]:
    """For each group how late it is, and how many of its rules fail."""
    for group in groups:
        attributes = ((semconv.LAPBELL_RULE_GROUP, group.key),)
        yield Reading(
            semconv.LAPBELL_EVALUATION_LAG,
            ReadingKind.GAUGE,
            "s",
            schedules[group.key].lag_s,
            "How late the last evaluation of a group began.",
            attributes,
        )
        failing = sum(bool(status[rule.key].error) for rule in group.rules if rule.key in status)
        yield Reading(
            semconv.LAPBELL_EVALUATION_FAILING_RULES,
            ReadingKind.GAUGE,
            "{rule}",
            failing,
            "Rules of a group whose last evaluation failed.",
            attributes,
        )


def storm_reading(count: int) -> Reading:
    """How many storms of alerts go on."""
    return Reading(
        semconv.LAPBELL_ALERT_STORMS, ReadingKind.GAUGE, "{storm}", count, "Storms of alerts of one name that go on."
    )
