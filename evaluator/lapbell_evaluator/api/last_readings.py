"""The last reading of gauges, and its age: what was read a while ago is told as such, and is not the present.

A process that has ended, or has lost the lease to read a queue, goes on to have a last reading. So a group of gauges,
such as the messages of one queue, stands on what was read within a minute before its newest reading.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lapbell_evaluator.api.ask import Numbers

__all__ = ["LOOKBACK", "TOGETHER_S", "LastReadings", "age_s", "questions"]

LOOKBACK: Final = "15m"
"""An older reading is none."""
TOGETHER_S: Final = 60.0
"""Readings of a group this much older than the newest are of something that is gone."""
_PROCESS: Final = ("job", "instance")


def questions(gauge: str, matchers: str, by: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """What `LastReadings` needs to know of a gauge: its last values and their times, by process."""
    names = (*by, *_PROCESS)
    grouped, selected = f"max by ({', '.join(names)})", f"{gauge}{{{matchers}}}[{LOOKBACK}]"
    return {
        f"{grouped} (last_over_time({selected}))": names,
        f"{grouped} (ts_of_last_over_time({selected}))": names,
    }


@dataclass(frozen=True, slots=True)
class LastReadings:
    """The last readings of one gauge, by the labels that were asked for and the process.

    Attributes:
        values: the values.
        times: when each was read, Unix seconds.
    """

    values: Numbers
    times: Numbers

    @property
    def keys(self) -> set[tuple[str, ...]]:
        """The labels of all readings, without the process."""
        return {_without_process(key) for key in self.values}

    def newest(self, group: tuple[str, ...]) -> float | None:
        """When the newest reading whose labels begin with `group` was taken; None if there is none."""
        return max((time for key, time in self.times.items() if key[: len(group)] == group), default=None)

    def latest(self, group: tuple[str, ...]) -> dict[tuple[str, ...], float]:
        """The newest reading of each further label, whichever process took it."""
        newest: dict[tuple[str, ...], tuple[float, float]] = {}
        for labels, time, value in self._together(group):
            newest[labels] = max(newest.get(labels, (time, value)), (time, value))
        return {labels: value for labels, (_, value) in sorted(newest.items())}

    def summed(self, group: tuple[str, ...]) -> dict[tuple[str, ...], float]:
        """The sum over processes of the last reading of each, by further labels."""
        sums: dict[tuple[str, ...], float] = {}
        for labels, _, value in self._together(group):
            sums[labels] = sums.get(labels, 0.0) + value
        return dict(sorted(sums.items()))

    def greatest(self, group: tuple[str, ...]) -> float | None:
        """The greatest of the processes' last readings; None if there is none."""
        return max((value for _, _, value in self._together(group)), default=None)

    def _together(self, group: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], float, float]]:
        """Further labels, time and value of each reading that belongs to the newest."""
        newest = self.newest(group)
        for key, value in self.values.items():
            time = self.times.get(key)
            if newest is None or time is None or key[: len(group)] != group or newest - time > TOGETHER_S:
                continue
            yield _without_process(key)[len(group) :], time, value


def _without_process(key: tuple[str, ...]) -> tuple[str, ...]:
    return key[: -len(_PROCESS)]


def age_s(newest: float | None, now: float) -> float | None:
    """Seconds since a reading; None if there is none."""
    return None if newest is None else max(0.0, now - newest)
