"""The tables that move alerts and incidents: `python tests/alertlife/diagram.py` draws them into docs/alert-life.md."""

from pathlib import Path

from lapbell_evaluator.alerts import INCIDENT_TABLE, TABLE, News
from lapbell_evaluator.model import State

PAGE = Path(__file__).parents[2] / "docs" / "alert-life.md"
_ANEW = ", and another begins as pending"
_NEWS = {
    News.NOTHING: "nothing",
    News.UPDATE: "`{}`",
    News.PAGE: "**`{}`**, a page",
    News.END: "`{}`",
}
_ALERTS, _INCIDENTS = "the table", "the table of incidents"


def drawn() -> str:
    """Mermaid for people, and a row for each event that a state knows."""
    arrows = [
        f"    {_name(state)} --> {_name(move.to)}: {event.value}"
        for (state, event), move in TABLE.items()
        if move.reason is not None
    ]
    rows = [
        f"| {state} | {event.value} | {move.to} | {move.reason or 'stays'} |" for (state, event), move in TABLE.items()
    ]
    return "\n".join(
        [
            "```mermaid",
            "stateDiagram-v2",
            *arrows,
            "```",
            "",
            "| state | when | next | reason |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


def drawn_incidents() -> str:
    """A row for each event that an incident's state knows."""
    rows = []
    for (state, event), move in INCIDENT_TABLE.items():
        stays = "stays" if move.to is state else str(move.to)
        news = _NEWS[move.news].format(move.announced or move.to)
        if move.to is state and move.news is News.UPDATE:
            news += ", if its severity changed"
        rows.append(f"| {state} | {event.value} | {stays}{_ANEW if move.begins_anew else ''} | {news} |")
    arrows = [
        f"    {_name(state)} --> {_name(move.to)}: {event.value}"
        for (state, event), move in INCIDENT_TABLE.items()
        if move.to is not state
    ]
    diagram = ["```mermaid", "stateDiagram-v2", *arrows, "```", ""]
    return "\n".join([*diagram, "| state | when | next | receivers hear |", "|---|---|---|---|", *rows, ""])


def page_with(alerts: str, incidents: str) -> str:
    """The page with these blocks in their places."""
    page = PAGE.read_text(encoding="utf-8")
    for name, block in ((_ALERTS, alerts), (_INCIDENTS, incidents)):
        begin, end = (f"<!-- drawn from {name}: {edge} -->" for edge in ("begin", "end"))
        before, _, rest = page.partition(f"{begin}\n")
        page = f"{before}{begin}\n{block}{end}{rest.partition(end)[2]}"
    return page


def _name(state: State) -> str:
    return "[*]" if state is State.INACTIVE else str(state)


if __name__ == "__main__":
    PAGE.write_text(page_with(drawn(), drawn_incidents()), encoding="utf-8")
