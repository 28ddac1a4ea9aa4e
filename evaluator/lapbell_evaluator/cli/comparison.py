"""The worst trace of an alert beside a normal one: which phase grew, and by how much."""

from collections.abc import Sequence
from typing import Any, Final

from rich.cells import set_cell_size
from rich.console import Console
from rich.text import Text

from lapbell_evaluator.cli.console import PlainConsole
from lapbell_evaluator.cli.waterfall import notes_of, seconds

__all__ = ["print_comparison"]

_WHOLE: Final = "whole request"
_MOST_PHASES: Final = 8
_NAME_COLUMNS: Final = 22
_TIME_COLUMNS: Final = 8
_GROWTH_COLUMNS: Final = 11
_MOST_BAR_COLUMNS: Final = 30
_BAR: Final = "█"
_SLIVER: Final = "▏"
_GREW: Final = "bold red"

_Row = tuple[str, float, float | None]
"""A phase, and its seconds in the worst and in the normal trace."""


def print_comparison(
    worst: dict[str, Any], normal: dict[str, Any] | None, route: str, console: Console | None = None
) -> None:
    """A line for each phase: its time in the worst trace, in the normal one, and what it grew by; the most first.

    Args:
        worst: as `/api/performance/traces/{id}` gives it.
        normal: the same of how things were before; None if none was kept.
        route: that the alert is about; of a trace without it the longest request is compared.
        console: where to; standard output if None.
    """
    console = console or PlainConsole()
    rows = _rows(_request(worst, route), None if normal is None else _request(normal, route))
    if not rows:
        return
    console.print()
    for title, trace in (("worst", worst), ("normal", normal)):
        what = f"lapbell trace {trace['trace_id']}" if trace else "none was in memory when the alert began"
        console.print(Text(f"{title:<7} {what}", "dim"), soft_wrap=True)
    columns = min((console.width - _NAME_COLUMNS - _GROWTH_COLUMNS - 2 * (_TIME_COLUMNS + 3)) // 2, _MOST_BAR_COLUMNS)
    columns = max(columns, 1)
    head = f"{'PHASE':<{_NAME_COLUMNS}} {'WORST':<{columns + _TIME_COLUMNS + 2}} {'NORMAL':<{columns}}"
    console.print(Text(head, "bold"), soft_wrap=True)
    longest = max(max(slow, fast or 0.0) for _, slow, fast in rows)
    for number, row in enumerate(rows):
        is_blamed = number == 1 and _growth(row) > 0
        console.print(_line(row, longest, columns, is_blamed=is_blamed), soft_wrap=True)
    failures = {note: span["phase"] or span["name"] for span in worst["spans"] for note in notes_of(span)}
    for note, where in failures.items():  # what went up through several spans failed in the last to begin
        console.print(Text(f"failed in {where}: {note}", "red"), soft_wrap=True)


def _rows(worst: dict[str, Any] | None, normal: dict[str, Any] | None) -> Sequence[_Row]:
    """The whole request, then the phases, what grew most first."""
    if worst is None:
        return ()
    before = None if normal is None else normal["phases"]
    names = {**worst["phases"], **(before or {})}
    phases: list[_Row] = [
        (name, worst["phases"].get(name, 0.0), None if before is None else before.get(name, 0.0)) for name in names
    ]
    phases.sort(key=lambda row: (-_growth(row), row[0]))
    whole: _Row = (_WHOLE, worst["duration"], None if normal is None else normal["duration"])
    return (whole, *phases[:_MOST_PHASES])


def _growth(row: _Row) -> float:
    _, slow, fast = row
    return slow - (fast or 0.0)


def _line(row: _Row, longest: float, columns: int, *, is_blamed: bool) -> Text:
    name, slow, fast = row
    text = Text(set_cell_size(name, _NAME_COLUMNS), _GREW if is_blamed else "")
    for spent in (slow, fast):
        drawn = "" if spent is None else _bar(spent, longest, columns)
        told = "-" if spent is None else seconds(spent)
        text.append(f" {drawn:<{columns}} ", "cyan")
        text.append(f"{told:>{_TIME_COLUMNS}}")
    if fast is not None:
        sign = "+" if slow >= fast else "-"
        text.append(f" {sign + seconds(abs(slow - fast)):>{_GROWTH_COLUMNS - 2}}")
        text.append(" ◀" if is_blamed else "", _GREW)
    return text


def _bar(spent: float, longest: float, columns: int) -> str:
    if spent <= 0 or longest <= 0:
        return ""
    return _BAR * round(spent / longest * columns) or _SLIVER


def _request(trace: dict[str, Any], route: str) -> dict[str, Any] | None:
    """The longest request of a route, or the longest of all."""
    requests: list[dict[str, Any]] = trace["requests"]
    of_route = [request for request in requests if route and request["route"] == route]
    return max(of_route or requests, key=lambda request: float(request["duration"]), default=None)
