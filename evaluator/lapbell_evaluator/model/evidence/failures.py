"""Why requests fail."""

from dataclasses import dataclass

__all__ = ["ErrorEvidence", "FailureCause", "ResponseCount"]


@dataclass(frozen=True, slots=True)
class FailureCause:
    """Failures that failed in the same way at the same place.

    Attributes:
        share: 0..1 of the failures that were looked at.
        count: how many of those.
        error_type: the exception's type, or `error.type` where there was no exception; `abandoned` if the client went
            away before the answer.
        reason: why, in few words: `connection refused`, `timeout`, or Redis' own name, such as `WRONGTYPE`.
        span: the name of the span in which it began.
        phase: the phase of that span; None outside of phases.
        status_code: HTTP's; None if there was no answer.
        provider: who sent the webhooks; empty if several did, or that is not known.
        message: of the exception, scrubbed.
        line: where the app was: function, file and line; empty if that is not known.
        trace_id: an example.
        system: `redis` if a Redis call failed; empty if none did, or that is not known.
        server: that it went to, as `address:port`; empty if there were several, or that is not known.
    """

    share: float
    count: int
    error_type: str
    reason: str = ""
    span: str = ""
    phase: str | None = None
    status_code: int | None = None
    provider: str = ""
    message: str = ""
    line: str = ""
    trace_id: str | None = None
    system: str = ""
    server: str = ""

    def __str__(self) -> str:
        """What failed, and where."""
        what = f"{self.reason} ({self.error_type})" if self.reason else self.error_type
        where = self.phase or self.span
        return f"{what} in {where}" if where else what


@dataclass(frozen=True, slots=True)
class ResponseCount:
    """How many requests of the window ended in one way.

    Attributes:
        outcome: accepted, rejected, duplicate, error or abandoned.
        status_code: HTTP's; None if there was no answer.
        provider: who sent them.
        count: requests, estimated where counters were extrapolated.
    """

    outcome: str
    status_code: int | None
    provider: str
    count: float


@dataclass(frozen=True, slots=True)
class ErrorEvidence:
    """Why requests fail: never the time that they took.

    Attributes:
        causes: by share, the largest first; of the failures that were looked at.
        looked_at: failures whose traces were looked at; 0 if `causes` are what metrics say of `error.type`.
        responses: failures by outcome, status code and provider, the most frequent first.
        failed: failed requests of the window; None if that was not measured.
        total: all requests of the window; None if that was not measured.
    """

    causes: tuple[FailureCause, ...] = ()
    looked_at: int = 0
    responses: tuple[ResponseCount, ...] = ()
    failed: float | None = None
    total: float | None = None
