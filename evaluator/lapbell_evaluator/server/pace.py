"""How slowly a body may come."""

from dataclasses import dataclass

__all__ = ["Pace"]


@dataclass(frozen=True, slots=True)
class Pace:
    """A time to begin with, and more for every byte that came: a large body on a slow line is read, a drip is not.

    Source: Apache's mod_reqtimeout, `RequestReadTimeout body=10,MinRate=…`.

    Attributes:
        first_s: for a body of any size.
        bytes_per_second: this many bytes buy one more second.
    """

    first_s: float = 10.0
    bytes_per_second: int = 16 * 1024

    def allowed_s(self, received: int) -> float:
        """Seconds since the head in which a body may be incomplete, once `received` bytes of it came."""
        return self.first_s + received / self.bytes_per_second
