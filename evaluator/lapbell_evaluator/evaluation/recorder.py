"""What rules make becomes series: recorded values, `ALERTS`, `ALERTS_FOR_STATE`, with stale markers where they end."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from lapbell_evaluator.model import METRIC_NAME, Alert, Batch, Labels, State, labels
from lapbell_evaluator.series import SeriesStore, stale_marker

__all__ = ["Recorder"]

_ALERTS: Final = "ALERTS"
_FOR_STATE: Final = "ALERTS_FOR_STATE"
_STATE: Final = "alertstate"


class Recorder:
    """Writes into the series store.

    Args:
        store: where later rules find it.
    """

    def __init__(self, store: SeriesStore) -> None:
        self._store = store
        self._last: dict[str, dict[Labels, int]] = {}
        self._names: dict[str, dict[tuple[Labels, State], tuple[Labels, Labels]]] = {}

    def write(self, rule: str, samples: Mapping[Labels, float], at: float) -> None:
        """Write what a rule made, and end the series that it made last time and not now.

        Args:
            rule: its key.
            samples: values by labels, the name among them.
            at: Unix seconds.
        """
        last = self._last.get(rule, {})
        refs = {each: ref if (ref := last.get(each)) is not None else self._store.intern(each) for each in samples}
        ended = [each for each in last if each not in refs]
        values = np.concatenate([np.array([*samples.values()], np.float64), np.repeat(stale_marker(), len(ended))])
        self._append([*samples, *ended], [*refs.values(), *(last[each] for each in ended)], values, at, refs)
        self._last[rule] = refs

    def alerts(self, rule: str, alerts: Iterable[Alert], at: float) -> None:
        """Write the `ALERTS` and `ALERTS_FOR_STATE` of one rule.

        Args:
            rule: its key.
            alerts: those that are pending or firing.
            at: Unix seconds.
        """
        before = self._names.get(rule, {})
        names = {}
        samples: dict[Labels, float] = {}
        for alert in alerts:
            key = (alert.labels, alert.state)
            one, for_state = names[key] = before.get(key) or _named(alert)
            samples[one] = 1.0
            samples[for_state] = math.floor(alert.active_at)
        self._names[rule] = names
        self.write(rule, samples, at)

    def end(self, rule: str, at: float) -> None:
        """End the series of a rule that was removed."""
        self.write(rule, {}, at)
        del self._last[rule]
        self._names.pop(rule, None)

    def rules(self) -> frozenset[str]:
        """Keys of the rules that have written."""
        return frozenset(self._last)

    def _append(
        self,
        every: Sequence[Labels],
        refs: list[int],
        values: npt.NDArray[np.float64],
        at: float,
        kept: dict[Labels, int],
    ) -> None:
        if not every:
            return
        batch = Batch(
            refs=np.array(refs, np.int64),
            times_ms=np.full(len(refs), round(at * 1000), np.int64),
            values=values,
        )
        gone = self._store.append(batch).gone
        again = [position for position in gone.tolist() if every[position] in kept]
        if again:  # evicted since they were written last: they are new series
            for position in again:
                kept[every[position]] = self._store.intern(every[position])
            refs_again = np.array([kept[every[position]] for position in again], np.int64)
            self._store.append(Batch(refs_again, batch.times_ms[again], batch.values[again]))


def _named(alert: Alert) -> tuple[Labels, Labels]:
    return (
        labels({**dict(alert.labels), METRIC_NAME: _ALERTS, _STATE: str(alert.state)}),
        labels({**dict(alert.labels), METRIC_NAME: _FOR_STATE}),
    )
