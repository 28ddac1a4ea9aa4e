"""Storms as people read them: what their incidents have in common, and where they differ."""

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from lapbell_evaluator.model import (
    DifferingLabel,
    Incident,
    IncidentView,
    Labels,
    State,
    Storm,
    labels,
    rank_of,
    storm_id,
)

__all__ = ["storm_views"]

_VALUES: Final = 3
_LABELS: Final = 10
_EXAMPLES: Final = 5


def storm_views(views: Iterable[IncidentView], going: Mapping[str, Collection[float]]) -> tuple[Storm, ...]:
    """The storms that these incidents belong to, the highest severity first, then the largest.

    Args:
        views: incidents that are not over, of one service or of all.
        going: the storms that go on: by alert name, the Unix seconds when each began.
    """
    members_of: dict[tuple[str, float], list[IncidentView]] = defaultdict(list)
    for view in views:
        began_at = view.incident.storm_began_at
        if began_at is not None and began_at in going.get(view.name, ()):
            members_of[view.name, began_at].append(view)
    storms = (_storm(name, began_at, members) for (name, began_at), members in members_of.items())
    return tuple(sorted(storms, key=lambda storm: (-rank_of(storm.severity), -storm.firing, storm.began_at, storm.id)))


def _storm(name: str, began_at: float, members: Sequence[IncidentView]) -> Storm:
    firing = [view for view in members if view.incident.state is State.FIRING]
    worst = sorted((view.incident for view in firing or members), key=_badness)
    common, differing = _compared(worst)
    return Storm(
        id=storm_id(name, began_at),
        alertname=name,
        severity=worst[0].severity,
        firing=len(firing),
        recovering=sum(view.incident.state is State.RECOVERING for view in members),
        held=sum(view.is_held for view in members),
        acknowledged=sum(view.is_acknowledged for view in firing),
        silenced=sum(bool(view.silenced_by) for view in firing),
        began_at=began_at,
        last_at=max((incident.fired_at for incident in worst if incident.fired_at is not None), default=began_at),
        common=common,
        differing=differing,
        examples=tuple(incident.key for incident in worst[:_EXAMPLES]),
    )


def _badness(incident: Incident) -> tuple[int, float, float, str]:
    """The highest severity first, then the farthest beyond its threshold, then the oldest."""
    return (-rank_of(incident.severity), -_excess(incident), incident.fired_at or 0.0, incident.key)


def _excess(incident: Incident) -> float:
    """How far the value is beyond the threshold, in thresholds; 0 where there is none, or no number."""
    if incident.threshold is None or math.isnan(incident.value):
        return 0.0
    return abs(incident.value - incident.threshold) / (abs(incident.threshold) or 1.0)


def _compared(incidents: Sequence[Incident]) -> tuple[Labels, tuple[DifferingLabel, ...]]:
    """The labels that all have in common, and those that they do not."""
    values: dict[str, Counter[str]] = defaultdict(Counter)
    for (name, value), count in Counter(pair for incident in incidents for pair in incident.labels).items():
        values[name][value] = count
    common = {name: next(iter(of)) for name, of in values.items() if len(of) == 1 and of.total() == len(incidents)}
    rest = sorted(
        ((name, of) for name, of in values.items() if name not in common),
        key=lambda item: (-item[1].total(), len(item[1]), item[0]),
    )
    return labels(common), tuple(_differing(name, of) for name, of in rest[:_LABELS])


def _differing(name: str, of: Counter[str]) -> DifferingLabel:
    frequent = sorted(of.items(), key=lambda item: (-item[1], item[0]))[:_VALUES]
    return DifferingLabel(name, len(of), tuple(frequent))
