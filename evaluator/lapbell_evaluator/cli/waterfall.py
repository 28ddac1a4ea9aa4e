"""A trace in the terminal: a bar for each span, full where the request waited for that span."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from lapbell import semconv
from lapbell_evaluator.cli.console import PlainConsole
from lapbell_evaluator.cli.span_tree import Branch, branches

__all__ = ["bar", "notes_of", "print_trace", "seconds"]

_OWN: Final = "█"
_WAITS: Final = "░"
_GAP: Final = " "
_MOST_SHOWN: Final = 200
_DEEPEST: Final = 8
_TIME_COLUMNS: Final = 9
_LEAST_COLUMNS: Final = 60
_ERROR: Final = "bold red"
_OWN_STYLE: Final = "cyan"


def print_trace(trace: dict[str, Any], console: Console | None = None) -> None:
    """One trace: its requests by phase, then every span with its time; what is not kept is said.

    Args:
        trace: as `/api/performance/traces/{id}` gives it.
        console: where to; standard output if None.
    """
    console = console or PlainConsole()
    width = max(console.width, _LEAST_COLUMNS)
    _line(console, Text(f"{trace['trace_id']}  {seconds(trace['duration'])}  {_count(trace)}", "bold"), width)
    for request in trace["requests"]:
        console.print(_request(request))
    for kept in trace["kept_with"]:
        what = "as it was before" if kept["role"] == "normal" else "as an example"
        _line(console, Text(f"kept {what} of alert {kept['alert_key']}", "dim"), width)
    console.print()
    _waterfall(console, trace, width)
    _legend(console, trace)


def _count(trace: dict[str, Any]) -> str:
    spans = f"{len(trace['spans'])} spans" if len(trace["spans"]) != 1 else "1 span"
    return f"{spans} of {', '.join(trace['services']) or 'no service'}"


def _request(request: dict[str, Any]) -> Text:
    """Where the time of a request went, the most first."""
    phases = sorted(request["phases"].items(), key=lambda phase: (-phase[1], phase[0]))
    parts = [f"{name} {seconds(spent)}" for name, spent in phases if spent > 0]
    return Text(f"{request['route'] or request['service'] or 'request'}: {', '.join(parts) or 'no time'}")


def _waterfall(console: Console, trace: dict[str, Any], width: int) -> None:
    shown = branches(trace["spans"])
    owned = _owned(trace["requests"])
    name_columns = min(max((cell_len(_name(branch)) for branch in shown[:_MOST_SHOWN]), default=0), width * 2 // 5)
    bar_columns = width - name_columns - _TIME_COLUMNS - 3
    console.print(Text(f"{'':<{name_columns}} {_axis(trace['duration'], bar_columns)}", "dim"), soft_wrap=True)
    for branch in shown[:_MOST_SHOWN]:
        span = branch.span
        is_error = span["status"] == "error"
        text = Text(set_cell_size(_shortened(_name(branch), name_columns), name_columns), _ERROR if is_error else "")
        key = (span["service"], span["instance"], span["span_id"])
        drawn = bar(span["offset"], span["duration"], owned.get(key, []), trace["duration"], bar_columns)
        text.append(" ")
        text.append(drawn, _ERROR if is_error else _OWN_STYLE)
        text.append(f" {seconds(span['duration']):>{_TIME_COLUMNS}}")
        text.append("!" if is_error else " ", _ERROR)
        _line(console, text, width)
        for note in notes_of(span):
            _line(
                console, Text(f"{'  ' * min(branch.depth + 1, _DEEPEST)}{note}", _ERROR if is_error else "dim"), width
            )
    if len(shown) > _MOST_SHOWN:
        console.print(f"… and {len(shown) - _MOST_SHOWN:,} more spans: -o json has them all", style="bold")


def _axis(total: float, columns: int) -> str:
    """When the middle and the end are, at their columns."""
    middle, end = seconds(total / 2), seconds(total)
    half = columns // 2
    return f"0{middle:>{half - 1}}{end:>{columns - half}}"


def bar(offset: float, duration: float, owned: Iterable[tuple[float, float]], total: float, columns: int) -> str:
    """A span on the time of its trace, `columns` wide; of the parts that it owns each shows, however short.

    Args:
        offset: seconds from the beginning of the trace.
        duration: seconds.
        owned: beginnings and ends of those parts, seconds from the beginning of the trace.
        total: seconds that all columns stand for.
        columns: how many there are, 1 at least.
    """
    cells = [_GAP] * columns
    for column in _columns(offset, offset + duration, total, columns):
        cells[column] = _WAITS
    for begin, end in owned:
        for column in _columns(begin, end, total, columns):
            cells[column] = _OWN
    return "".join(cells)


def _columns(begin: float, end: float, total: float, columns: int) -> range:
    """The columns of a stretch of time: one at least, and none beyond the last."""
    if total <= 0:
        return range(1)
    first = min(int(min(max(begin / total, 0.0), 1.0) * columns), columns - 1)
    last = max(round(min(max(end / total, 0.0), 1.0) * columns), first + 1)
    return range(first, last)


def seconds(duration: float) -> str:
    """A time as people say it: 3.21 s, 45.2 ms, 120 µs."""
    if duration >= 1:
        return f"{duration:.2f} s"
    return f"{duration * 1e3:.1f} ms" if duration >= 1e-3 else f"{duration * 1e6:.0f} µs"


def _owned(requests: Sequence[dict[str, Any]]) -> dict[tuple[str, str, str], list[tuple[float, float]]]:
    owned: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    for request in requests:
        for part in request["critical_path"]:
            key = (request["service"], request["instance"], part["span_id"])
            owned.setdefault(key, []).append((part["offset"], part["offset"] + part["duration"]))
    return owned


def _name(branch: Branch) -> str:
    """The span's name below its parents; a phase by its own name."""
    indent = "  " * min(branch.depth, _DEEPEST)
    span = branch.span
    is_named_phase = span["phase"] is not None and span["name"] == semconv.PHASE_SPAN_PREFIX + span["phase"]
    name = span["phase"] if is_named_phase else span["name"]
    service = f" ({span['service']})" if branch.is_entry and span["service"] else ""
    return f"{indent}{'? ' if branch.is_orphan else ''}{name}{service}"


def notes_of(span: dict[str, Any]) -> list[str]:
    """What went wrong within a span; of a request that runs, what it was in when that was last heard."""
    if span["name"] == semconv.PENDING_SPAN:
        opened = [(event["name"], span["offset"] - event["offset"]) for event in span["events"]]
        return [f"still in {name}, for {seconds(max(since, 0.0))}" for name, since in opened]
    events = [event["attributes"] for event in span["events"] if semconv.EXCEPTION_TYPE in event["attributes"]]
    notes = [
        f"{each[semconv.EXCEPTION_TYPE]}: {each.get(semconv.EXCEPTION_MESSAGE, '')}".rstrip(": ") for each in events
    ]
    error = span["attributes"].get(semconv.ERROR_TYPE)
    return notes or ([error] if error and span["status"] == "error" else [])


def _legend(console: Console, trace: dict[str, Any]) -> None:
    notes = [f"{_OWN} critical path", f"{_WAITS} waits for a span below, or nobody waits for it"]
    if any(span["status"] == "error" for span in trace["spans"]):
        notes.append("! failed")
    if any(branch.is_orphan for branch in branches(trace["spans"])):
        notes.append("? its parent is not here")
    console.print()
    console.print(Text("   ".join(notes), "dim"))
    if trace["spans_cut"]:
        console.print(Text(f"{trace['spans_cut']:,} more spans were not kept.", "yellow"))


def _line(console: Console, text: Text, width: int) -> None:
    text.truncate(width, overflow="ellipsis")
    console.print(text, soft_wrap=True)


def _shortened(name: str, columns: int) -> str:
    return name if cell_len(name) <= columns else f"{set_cell_size(name, columns - 1)}…"
