"""A time in which the event loop did not run, and who kept it from running."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

__all__ = ["Block", "CodeLine", "OpenBlock", "Sample"]

MOST_SAMPLES: Final = 256
"""Samples kept of one block; the last one stands for the rest."""


class CodeLine(NamedTuple):
    """Where code runs; no values.

    Attributes:
        file: path below the folder that it is imported from, such as `shop/webhooks.py`.
        function: qualified name.
        line: number.
    """

    file: str
    function: str
    line: int


class Sample(NamedTuple):
    """What ran at one moment of a block.

    Attributes:
        at_s: monotonic seconds.
        line: the innermost line of the app, None if no code of the app ran.
        request: the span id of the request that ran, 0 if none did.
    """

    at_s: float
    line: CodeLine | None
    request: int


@dataclass(frozen=True, slots=True)
class Block:
    """A time in which one request, or something that is no request, kept a loop from running.

    Attributes:
        thread: of the loop.
        start_ns: Unix nanoseconds.
        end_ns: Unix nanoseconds.
        line: the line that ran, None if it is not known.
        request: the span id of the request that blocked, 0 if none did.
    """

    thread: int
    start_ns: int
    end_ns: int
    line: CodeLine | None
    request: int


@dataclass(slots=True)
class OpenBlock:
    """A block that has not ended.

    Attributes:
        start_s: monotonic seconds from which the loop was late.
        offset_ns: Unix nanoseconds at the monotonic zero.
        samples: what ran, in order.
        is_reported: whether an export has been asked for.
    """

    start_s: float
    offset_ns: int
    samples: list[Sample] = field(default_factory=list)
    is_reported: bool = False

    def add(self, sample: Sample) -> None:
        """Remember what ran."""
        if len(self.samples) < MOST_SAMPLES:
            self.samples.append(sample)

    def blocks(self, thread: int, end_s: float) -> Iterator[Block]:
        """One block for each run of samples of one request; the time before a sample belongs to it."""
        start_s, samples = self.start_s, self.samples
        for number, sample in enumerate(samples):
            is_last = number == len(samples) - 1
            if not is_last and samples[number + 1].request == sample.request:
                continue
            until_s = end_s if is_last else sample.at_s
            yield Block(thread, self._unix_ns(start_s), self._unix_ns(until_s), sample.line, sample.request)
            start_s = until_s

    def time_by_line(self, end_s: float) -> dict[CodeLine, float]:
        """Seconds by function of the app, each at the line where it was seen most often."""
        seconds: defaultdict[tuple[str, str], float] = defaultdict(float)
        numbers: defaultdict[tuple[str, str], Counter[int]] = defaultdict(Counter)
        since_s = self.start_s
        for number, sample in enumerate(self.samples):
            until_s = end_s if number == len(self.samples) - 1 else sample.at_s
            if sample.line is not None:
                function = (sample.line.file, sample.line.function)
                seconds[function] += until_s - since_s
                numbers[function][sample.line.line] += 1
            since_s = until_s
        return {CodeLine(*key, numbers[key].most_common(1)[0][0]): time_s for key, time_s in seconds.items()}

    def _unix_ns(self, monotonic_s: float) -> int:
        return self.offset_ns + int(monotonic_s * 1e9)
