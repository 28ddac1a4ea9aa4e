"""The jobs that series belong to, as numbers."""

from typing import Final

from lapbell_evaluator.model import Labels, label_value

__all__ = ["JOB", "Jobs"]

JOB: Final = "job"


class Jobs:
    """Numbers for the jobs that have series; those of jobs without any are given away again."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._names: list[str] = []
        self._series: list[int] = []
        self._free: list[int] = []

    def number(self, own: Labels) -> int:
        """The number of a series' job; series without one belong to the job with the empty name."""
        name = label_value(own, JOB)
        number = self._numbers.get(name)
        if number is not None:
            return number
        number = self._free.pop() if self._free else len(self._names)
        if number == len(self._names):
            self._names.append(name)
            self._series.append(0)
        self._names[number] = name
        self._numbers[name] = number
        return number

    def name(self, number: int) -> str:
        """The job that a number stands for."""
        return self._names[number]

    def add(self, number: int) -> None:
        """A job got a series."""
        self._series[number] += 1

    def remove(self, number: int) -> None:
        """A job lost a series."""
        self._series[number] -= 1
        self.forget_unused(number)

    def forget_unused(self, number: int) -> None:
        """Take the number of a job back that has no series."""
        if not self._series[number]:
            self._numbers.pop(self._names[number], None)
            self._free.append(number)
