"""The report: for a terminal, line by line for grep, or as JSON."""

import json
import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Final

from rich.text import Text

from lapbell_evaluator.cli.console import PlainConsole
from lapbell_evaluator.cli.doctor.finding import Finding, Verdict

__all__ = ["as_json", "print_report"]

_STYLES: Final = {
    Verdict.OK: "green",
    Verdict.NOTE: "cyan",
    Verdict.SKIPPED: "dim",
    Verdict.WARNING: "yellow",
    Verdict.WRONG: "bold red",
}
_TITLES: Final = {
    "configuration": "Configuration",
    "storage": "Storage",
    "evaluator": "Evaluator",
    "gates": "Gates",
    "arrivals": "What arrives",
    "alerting": "Alerting",
    "leaving": "What leaves",
    "app": "An app that is started here",
}
_VERDICT: Final = 9
_LOOKED_AT: Final = 23
_UNWRAPPED: Final = 10_000


def as_json(findings: Sequence[Finding]) -> str:
    """The findings, and how many there are of each verdict."""
    counts = Counter(finding.verdict for finding in findings)
    report = {
        "counts": {verdict: counts[verdict] for verdict in Verdict},
        "findings": [asdict(finding) for finding in findings],
    }
    return json.dumps(report, indent=2)


def print_report(findings: Sequence[Finding]) -> None:
    """Section by section; a terminal's lines are wrapped, others are whole."""
    console = PlainConsole(highlight=False)
    width = console.width if console.is_terminal else _UNWRAPPED
    for section, inside in groupby(findings, key=lambda finding: finding.check.partition(".")[0]):
        console.print(Text(_TITLES[section], "bold"))
        for finding in inside:
            console.print(_lines(finding, width), soft_wrap=True)
    console.print(_summary(findings), soft_wrap=True)


def _lines(finding: Finding, width: int) -> Text:
    head = f"  {finding.verdict:{_VERDICT}}"
    indent = " " * (len(head) + _LOOKED_AT)
    text = _wrapped(finding.found, width, indent)
    lines = Text.assemble((head, _STYLES[finding.verdict]), f"{finding.looked_at:{_LOOKED_AT}}", text.lstrip(" "))
    if finding.remedy:
        remedy = _wrapped(f"→ {finding.remedy}", width, indent, within="  ")
        lines.append(f"\n{remedy}", "" if finding.verdict in (Verdict.WRONG, Verdict.WARNING) else "dim")
    return lines


def _wrapped(text: str, width: int, indent: str, within: str = "") -> str:
    return textwrap.fill(
        text,
        max(width, len(indent) + _LOOKED_AT),
        initial_indent=indent,
        subsequent_indent=indent + within,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _summary(findings: Sequence[Finding]) -> Text:
    wrong, warnings = (
        [finding for finding in findings if finding.verdict is verdict] for verdict in (Verdict.WRONG, Verdict.WARNING)
    )
    if not wrong and not warnings:
        return Text("Nothing is wrong.", "bold green")
    counted = [f"{len(wrong)} wrong"] if wrong else []
    counted += [f"{len(warnings)} warning{'s' if len(warnings) > 1 else ''}"] if warnings else []
    begin = f". Begin with {(wrong or warnings)[0].looked_at}."
    return Text.assemble((", ".join(counted), "bold red" if wrong else "bold yellow"), begin)
