"""Which line of the app keeps the event loop from running."""

from typing import Final

from lapbell import semconv
from lapbell_evaluator.evidence.questions import number, seconds_of, selector, sum_of
from lapbell_evaluator.model import ALERT_NAME, BlockedLine, EventLoopEvidence
from lapbell_evaluator.model.prometheus_names import label
from lapbell_evaluator.promql import InstantQuerier

__all__ = ["event_loop_evidence", "explaining_line"]

_ALERT: Final = "EventLoopBlocked"
_ALERTS: Final = "ALERTS"  # Prometheus' name of what fires
_SHOWN: Final = 5
_LINE: Final = tuple(
    map(label, (semconv.CODE_FUNCTION_NAME, semconv.CODE_FILE_PATH, semconv.CODE_LINE_NUMBER))
)  # function, file, line
_BLOCKED: Final = seconds_of(semconv.EVENT_LOOP_BLOCKED)


async def event_loop_evidence(querier: InstantQuerier, job: str, at: float) -> EventLoopEvidence:
    """The lines that blocked the event loop of a service within the last minute, the longest first."""
    return EventLoopEvidence(await _lines(querier, job, at))


async def explaining_line(querier: InstantQuerier, job: str, at: float) -> BlockedLine | None:
    """The line that blocks longest, while EventLoopBlocked fires for the service; None while it does not."""
    fires = selector({ALERT_NAME: _ALERT, "alertstate": "firing", "job": job})
    if not await number(querier, f"count({_ALERTS}{fires})", at):
        return None
    lines = await _lines(querier, job, at)
    return lines[0] if lines else None


async def _lines(querier: InstantQuerier, job: str, at: float) -> tuple[BlockedLine, ...]:
    longest = f"max by ({', '.join(_LINE)}) (max_over_time({_BLOCKED}{selector({'job': job})}[1m]))"
    rows = await sum_of(querier, f"topk({_SHOWN}, {longest} > 0)", _LINE, at)
    lines = (
        BlockedLine(function, file, int(line) if line.isdigit() else None, blocked_s)
        for (function, file, line), blocked_s in rows.items()
        if file or function
    )
    return tuple(sorted(lines, key=lambda line: (-line.blocked_s, line.file, line.line or 0)))
