"""The table that moves alerts as a diagram: `python tests/alertlife/diagram.py` draws it into docs/alert-life.md."""

import re
from pathlib import Path

from lapbell_evaluator.alerts import TABLE
from lapbell_evaluator.model import State

PAGE = Path(__file__).parents[2] / "docs" / "alert-life.md"
_BLOCK = re.compile(r"(?<=<!-- drawn from the table: begin -->\n).*?(?=<!-- drawn from the table: end -->)", re.DOTALL)


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


def page_with(block: str) -> str:
    """The page with this block in its place."""
    return _BLOCK.sub(lambda _: block, PAGE.read_text(encoding="utf-8"))


def _name(state: State) -> str:
    return "[*]" if state is State.INACTIVE else str(state)


if __name__ == "__main__":
    PAGE.write_text(page_with(drawn()), encoding="utf-8")
