"""What the terminal shows: phases, percentiles, queue, incidents, and where to look."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from rich.bar import Bar
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from lapbell_evaluator.demo.chronicle import Chronicle, Entry
from lapbell_evaluator.demo.story import Scene

__all__ = ["Picture", "entry_text", "render"]

_ENTRIES: Final = 8
_TARGET_PERCENT: Final = 99.0


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything that one frame shows."""

    elapsed_s: float
    scene: Scene
    redis: str
    summary: Mapping[str, Any] | None
    answers: Mapping[int, int]
    chronicle: Chronicle
    links: Mapping[str, str]


def render(picture: Picture) -> RenderableType:
    """One frame."""
    top = Table.grid(expand=True, padding=(0, 1))
    top.add_column(ratio=3)
    top.add_column(ratio=2)
    summary = picture.summary
    if summary is None:
        top.add_row(Panel("waiting for the first metrics …", title="phases"), Panel("", title="webhooks"))
    else:
        top.add_row(_phases(summary["webhooks"]), Group(_webhooks(summary["webhooks"]), _queue(summary["task_queue"])))
    return Group(_header(picture), top, _chronicle(picture.chronicle), _links(picture))


def entry_text(entry: Entry) -> Text:
    """One line of the chronicle."""
    return Text.assemble((f"{entry.at:5.1f} s  ", "dim"), (entry.text, entry.style))


def _header(picture: Picture) -> RenderableType:
    style = "bold yellow" if picture.scene.signature_delay_s else "bold green"
    return Text.assemble(
        ("lapbell demo ", "bold"), (f"{picture.elapsed_s:5.1f} s  ", "dim"), (picture.scene.title, style)
    )


def _phases(webhooks: Mapping[str, Any]) -> RenderableType:
    table = Table(box=None, expand=True, pad_edge=False, header_style="dim")
    table.add_column("phase", no_wrap=True)
    table.add_column("ms a webhook", justify="right")
    table.add_column("share", justify="right", no_wrap=True)
    table.add_column("of the time", ratio=1)
    for name, phase in webhooks["timing_breakdown"].items():
        share = phase["percentage"] or 0.0
        text = f"{share:.0f} %" if share >= 1 else "<1 %"
        table.add_row(name, _milliseconds(phase["average_time"]), text, Bar(100, 0, share, color="cyan"))
    return Panel(table, title="phases, last minute", title_align="left")


def _webhooks(webhooks: Mapping[str, Any]) -> RenderableType:
    table = Table.grid(expand=True, padding=(0, 2))
    table.add_column(style="dim")
    table.add_column(justify="right")
    outcomes = ", ".join(f"{count} {name}" for name, count in webhooks["outcomes"].items() if count)
    table.add_row("webhooks", f"{webhooks['total_webhooks']}")
    table.add_row("", outcomes)
    for quantile in ("p50", "p95", "p99"):
        table.add_row(f"{quantile} ms", _milliseconds(webhooks[f"{quantile}_total_time"]))
    table.add_row("within 500 ms", _percent(webhooks["within_500ms_percentage"]))
    table.add_row("within 2 s", _percent(webhooks["within_2s_percentage"]))
    return Panel(table, title="webhooks", title_align="left")


def _queue(queue: Mapping[str, Any]) -> RenderableType:
    table = Table.grid(expand=True, padding=(0, 1))
    table.add_column(style="dim")
    table.add_column(justify="right")
    depths = "  ".join(f"{name} {depth:.0f}" for name, depth in queue["depth_by_priority"].items())
    table.add_row("waiting", depths or "-")
    utilization = queue["current_worker_utilization"]
    table.add_row("workers busy", "-" if utilization is None else f"{utilization:.0f} %")
    table.add_row("backpressure", Text("yes", "bold red") if queue["backpressure_detected"] else Text("no", "green"))
    return Panel(table, title="queue", title_align="left")


def _chronicle(chronicle: Chronicle) -> RenderableType:
    lines = [entry_text(entry) for entry in chronicle.entries[-_ENTRIES:]]
    lines += [Text()] * (_ENTRIES - len(lines))
    return Panel(Group(*lines), title="what happened", title_align="left")


def _links(picture: Picture) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for name, link in picture.links.items():
        table.add_row(Text(name, "dim"), Text(link, "underline"))
    table.add_row(Text("Redis", "dim"), picture.redis)
    table.add_row(Text("Ctrl-C", "dim"), "ends everything")
    return table


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.1f}"


def _percent(value: float | None) -> Text:
    if value is None:
        return Text("-")
    return Text(f"{value:.1f} %", "green" if value >= _TARGET_PERCENT else "bold red")
