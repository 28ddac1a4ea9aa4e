"""Whether rule files can be used, and what a person may want to know about them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lapbell_evaluator.model import Labels, OnNoData, Rule, RuleGroup, RuleKind
from lapbell_evaluator.promql import parses_remembered
from lapbell_evaluator.rules.analysis import analyse
from lapbell_evaluator.rules.errors import RuleFileError
from lapbell_evaluator.rules.rule_file import SEVERAL_DOCUMENTS, read

__all__ = ["FileCheck", "check_file"]


@dataclass(frozen=True, slots=True)
class FileCheck:
    """What a check of one file found.

    Attributes:
        file: which.
        rules: how many there are; 0 if it can't be used.
        errors: one line for each thing to mend, with line and column.
        hints: what works, but may not be meant.
        duplicates: those of the hints that tell of rules that write the same series: promtool's lint.
    """

    file: Path
    rules: int
    errors: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    duplicates: tuple[str, ...] = ()

    @property
    def is_success(self) -> bool:
        """Whether the file can be used."""
        return not self.errors


def check_file(file: Path) -> FileCheck:
    """Check one rule file."""
    with parses_remembered():
        return _checked(file)


def _checked(file: Path) -> FileCheck:
    try:
        content = read(file.read_text(encoding="utf-8"), str(file))
    except RuleFileError as error:
        return FileCheck(file, 0, tuple(str(error).splitlines()))
    except (OSError, UnicodeDecodeError) as error:
        return FileCheck(file, 0, (f"{file}: {error}",))
    several = (f"{SEVERAL_DOCUMENTS}, as by Prometheus; make a file of each.",) if content.is_followed else ()
    duplicates = _duplicates(content.groups)
    return FileCheck(
        file,
        sum(len(group.rules) for group in content.groups),
        hints=(*several, *duplicates, *_hints(content.groups)),
        duplicates=duplicates,
    )


def _hints(groups: Sequence[RuleGroup]) -> Iterator[str]:
    rules = [(group, rule) for group in groups for rule in group.rules]
    for group, rule in rules:
        if rule.kind is RuleKind.ALERTING and rule.on_no_data is OnNoData.RESOLVE and analyse(rule).value_expr is None:
            yield (
                f'group "{group.name}", "{rule.name}": the expression compares nothing, so an empty result is all that'
                " can resolve it; lapbell_recovery_expr can name a value to look at."
            )


def _duplicates(groups: Sequence[RuleGroup]) -> tuple[str, ...]:
    seen = Counter((rule.name, _merged(group, rule)) for group in groups for rule in group.rules)
    return tuple(
        f"{count} rules have the name {name} and the labels {_shown(own)}: they write the same series."
        for (name, own), count in seen.items()
        if count > 1
    )


def _shown(own: Labels) -> str:
    return "{" + ", ".join(f'{name}="{value}"' for name, value in own) + "}"


def _merged(group: RuleGroup, rule: Rule) -> Labels:
    return tuple(sorted((dict(group.labels) | dict(rule.labels)).items()))
