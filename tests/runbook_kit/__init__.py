"""The rule of each alert on its runbook's page: `python -m runbook_kit`, run in `tests/`, writes them anew."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lapbell_evaluator.config import Thresholds
from lapbell_evaluator.model import Rule, RuleKind
from lapbell_evaluator.rules import shipped
from lapbell_evaluator.rules.extensions import RECOVERY_EXPR
from lapbell_evaluator.rules.threshold_rules import RUNBOOK_URL

__all__ = ["page_with_rule", "pages", "write"]

PAGES: Final = Path(__file__).parents[2] / "evaluator/lapbell_evaluator/runbooks/pages"
_RULE: Final = re.compile(r"## Rule\n.*?(?=## Thresholds\n)", re.DOTALL)


def pages() -> Iterator[tuple[Path, list[Rule]]]:
    """The path of each runbook with its alerts, the lower severity first."""
    found: dict[str, list[Rule]] = {}
    for group in shipped(Thresholds()):
        for rule in group.rules:
            if rule.kind is RuleKind.ALERTING:
                found.setdefault(dict(rule.annotations)[RUNBOOK_URL].rpartition("/")[2], []).append(rule)
    yield from ((PAGES / f"{name}.md", rules) for name, rules in found.items())


def page_with_rule(text: str, rules: list[Rule]) -> str:
    """The page with the expressions in their place, before its thresholds."""
    parts = ["## Rule", "```promql", "\n".join(_expression(rule) for rule in rules), "```"]
    if any(":" in rule.expr for rule in rules):
        parts.append("The recording rules that it reads, and its annotations: `lapbell rules show`.")
    section = "\n".join(parts) + "\n\n"
    with_section = text if "## Rule\n" in text else text.replace("## Thresholds\n", "## Rule\n## Thresholds\n")
    return _RULE.sub(lambda _: section, with_section)


def _expression(rule: Rule) -> str:
    """The rule as it is written, and what ends it, with the severity as a comment."""
    lines = [f"# {dict(rule.labels)['severity']}", rule.expr]
    recovery = dict(rule.annotations).get(RECOVERY_EXPR)
    return "\n".join([*lines, f"# over when: {recovery}"] if recovery else lines)


def write() -> None:
    """Bring every page up to date."""
    for path, rules in pages():
        path.write_text(page_with_rule(path.read_text(encoding="utf-8"), rules), encoding="utf-8")
