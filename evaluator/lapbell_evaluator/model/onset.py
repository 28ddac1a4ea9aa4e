"""How a breach began."""

from typing import NamedTuple

__all__ = ["Onset"]


class Onset(NamedTuple):
    """From the first bad sample to the evaluation that saw it; all times are Unix seconds, None where not known.

    A tuple, not a dataclass: it is written with every alert, incident and transition, and a tuple is written without
    the names of its fields. New fields go to the end, with defaults.

    Attributes:
        evaluated_at: when the evaluation began that first saw the breach.
        first_bad_sample_at: the time of the newest sample that the value was made from when the breach was first seen.
        received_at: when that sample arrived.
    """

    evaluated_at: float
    first_bad_sample_at: float | None = None
    received_at: float | None = None

    @classmethod
    def seen(cls, evaluated_at: float, sampled_at: float | None = None, received_at: float | None = None) -> "Onset":
        """The onset in the order of our clock.

        A sample that arrived while the evaluation already ran is taken to have arrived when it began. One that a
        sender's clock dates after its arrival is taken to have been made when it arrived.
        """
        arrived = None if received_at is None else min(received_at, evaluated_at)
        latest = evaluated_at if arrived is None else arrived
        return cls(evaluated_at, None if sampled_at is None else min(sampled_at, latest), arrived)
