"""Places for series that jobs share: each gets what it asks for until they are all taken, then those with most give up.

Places are shared max-min fair, as networks share their links: while a pool is full, a job that has fewer series than
another takes places from the one that has most, until both have as many. A small job always gets what it needs; large
ones end up level. `level` keeps a job that gave up places from taking the room at once that was made for the others.

Source: D. Bertsekas, R. Gallager, Data Networks, section 6.5.2, "Max-Min Flow Control".
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Final

__all__ = ["Cut", "Pool", "Shortage"]

_CUT_AT_ONCE: Final = 512
_CUT_SHARE: Final = 64
_RELAXED_SHARE: Final = 8


class Shortage(Enum):
    """Of what there was too little; each value is the setting that bounds it."""

    SERIES = "series.limit"
    UNREAD = "series.reserve"
    METRIC = "series.limit_per_metric"


@dataclass(frozen=True, slots=True)
class Cut:
    """What a job has to give up.

    Attributes:
        job: its number.
        series: how many.
    """

    job: int
    series: int


@dataclass(slots=True)
class Pool:
    """Places for series.

    Attributes:
        capacity: how many.
        shortage: what to say when there are no more.
        metric: whose series they are for; None if for those of many.
        size: how many are taken.
        by_job: how many each job has, by its number.
        level: jobs with so many get no more, because some were cut down to it; None if nobody was.
        looked_ms: up to which newest sample it was searched for series that ended.
    """

    capacity: int
    shortage: Shortage
    metric: str | None = None
    size: int = 0
    by_job: dict[int, int] = field(default_factory=dict)
    level: int | None = None
    looked_ms: int | None = None
    _largest: tuple[int, int] | None = None  # series and job, until it may be another

    def has_room(self, job: int) -> bool:
        """Whether a job may take a place."""
        return self.size < self.capacity and (self.level is None or self.by_job.get(job, 0) < self.level)

    def add(self, job: int, series: int = 1) -> None:
        """A job takes places."""
        count = self.by_job[job] = self.by_job.get(job, 0) + series
        self.size += series
        if self._largest is not None and count > self._largest[0]:
            self._largest = count, job

    def remove(self, job: int, series: int = 1) -> None:
        """A job gives places back; where there is room again, nobody is held down any more."""
        self.by_job[job] -= series
        self.size -= series
        if not self.by_job[job]:
            del self.by_job[job]
        self._largest = None
        if self.size <= self.capacity - self.capacity // _RELAXED_SHARE:
            self.level = None

    def cut_for(self, job: int) -> Cut | None:
        """Who gives up how much so that `job` gets a place; None if no job has more than it would have then."""
        if self._largest is None:
            self._largest = max(((count, of) for of, count in self.by_job.items()), default=(0, job))
        count, largest = self._largest
        surplus = count - self.by_job.get(job, 0)
        if surplus <= 1:
            return None
        return Cut(largest, min(_CUT_AT_ONCE, self.capacity // _CUT_SHARE + 1, surplus // 2))

    def hold_down(self, job: int) -> None:
        """No job gets more than `job` has now, which was cut, until there is room again."""
        self.level = max(1, self.by_job.get(job, 0))
