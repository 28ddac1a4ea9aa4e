"""An export as it came in."""

from dataclasses import dataclass

from lapbell_evaluator.receiver.body import told_bytes, unpacked
from lapbell_evaluator.receiver.refusal import Reason, Refusal
from lapbell_evaluator.receiver.replies import PROTOBUF, Signal
from lapbell_evaluator.server import Sender

__all__ = ["Envelope", "LongerThanToldError"]


class LongerThanToldError(Exception):
    """A body is longer than it says: it has several parts, or it lies."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """One export.

    Attributes:
        signal: what it holds.
        body: as sent.
        sender: whose room and whose turn it takes.
        connection: by which of its connections it came.
        encoding: its Content-Encoding, empty if none.
        content_type: its media type without parameters.
        most_bytes: to how many bytes it is unpacked; None for as many as any may have.
    """

    signal: Signal
    body: bytes
    sender: Sender
    connection: str
    encoding: str = ""
    content_type: str = PROTOBUF
    most_bytes: int | None = None

    @property
    def told_bytes(self) -> int:
        """How long the body says it is once unpacked; it may lie."""
        return told_bytes(self.body, self.encoding)

    def plain(self, limit: int) -> bytes:
        """The body unpacked.

        Raises:
            LongerThanToldError: it is longer than `most_bytes`.
            Refusal: it is longer than `limit`, or broken.
        """
        most = limit if self.most_bytes is None else min(self.most_bytes, limit)
        try:
            return unpacked(self.body, self.encoding, most)
        except Refusal as refusal:
            if refusal.reason is Reason.TOO_LARGE and most < limit:
                raise LongerThanToldError from None
            raise
