"""Test scripts of the Prometheus project as commands."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from lapbell_evaluator.model import Labels
from lapbell_evaluator.promql.syntax.durations import duration_seconds
from lapbell_evaluator.promql.syntax.quoting import unquoted
from promql_kit.series_text import Point, parse_series

_LOAD = re.compile(r"load(?:_(with_nhcb))?\s+(.+?)$")
_INSTANT = re.compile(r"eval(?:_(fail|warn|ordered|info))?\s+instant\s+(?:at\s+(.+?))?\s+(.+)$")
_RANGE = re.compile(r"eval(?:_(fail|warn|info))?\s+range\s+from\s+(.+)\s+to\s+(.+)\s+step\s+(.+?)\s+(.+)$")
_EXPECT = re.compile(r"expect\s+(ordered|fail|warn|no_warn|info|no_info)(?:\s+(regex|msg):(.+))?$")
_EXPECT_RANGE = re.compile(r"expect range vector\s+from\s+(.+)\s+to\s+(.+)\s+step\s+(.+)$")
_NUMBER = re.compile(r"[+-]?(\d[\d_.]*(e[+-]?\d+)?|\.\d+|0x[0-9a-f]+|inf|nan)$", re.IGNORECASE)


@dataclass(frozen=True)
class Clear:
    """Forget all series."""


@dataclass(frozen=True)
class Load:
    """Keep series whose points lie `step_s` apart, from time 0 on."""

    step_s: float
    series: list[tuple[Labels, list[Point]]]
    with_custom_buckets: bool


@dataclass(frozen=True)
class Expectation:
    """What the answer must say beside its values: `pattern` is None where anything will do."""

    kind: str
    pattern: re.Pattern[str] | None = None

    def matches(self, text: str) -> bool:
        """Whether a message is meant."""
        return self.pattern is None or self.pattern.search(text) is not None


@dataclass
class Eval:
    """Evaluate and compare."""

    line: int
    expr: str
    start: float
    end: float
    step: float = 0.0
    expectations: list[Expectation] = field(default_factory=list)
    series: list[tuple[Labels, list[Point]]] = field(default_factory=list)
    scalar: float | None = None
    text: str | None = None
    points: tuple[float, float, float] | None = None

    @property
    def is_range(self) -> bool:
        """Whether it is a range query."""
        return self.step > 0

    def expects(self, kind: str) -> list[Expectation]:
        """All expectations of one kind."""
        return [one for one in self.expectations if one.kind == kind]


Command = Clear | Load | Eval


def read_script(path: Path) -> list[Command]:
    """The commands of a file, in order."""
    lines = [line.strip() for line in path.read_text(encoding="utf-8").split("\n")]
    lines = ["" if line.startswith("#") else line for line in lines]
    commands: list[Command] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        end = at + 1
        if line:
            while end < len(lines) and lines[end]:
                end += 1
        if line == "clear":
            commands.append(Clear())
            end = at + 1
        elif line.startswith("load"):
            commands.append(_read_load(lines[at:end]))
        elif line.startswith("eval"):
            command, used = _read_eval(at + 1, lines[at:end])
            commands.append(command)
            end = at + used
        elif line:
            raise ValueError(f"{path}:{at + 1}: {line!r} is no command")
        at = end
    return commands


def _read_load(lines: list[str]) -> Load:
    head = _LOAD.match(lines[0])
    assert head is not None
    return Load(_seconds(head[2]), [parse_series(line) for line in lines[1:]], head[1] is not None)


def _read_eval(line: int, lines: list[str]) -> tuple[Eval, int]:
    ranged = _RANGE.match(lines[0])
    if ranged is not None:
        command = Eval(line, ranged[5], _seconds(ranged[2]), _seconds(ranged[3]), _seconds(ranged[4]))
        modifier = ranged[1]
    else:
        instant = _INSTANT.match(lines[0])
        assert instant is not None, lines[0]
        command = Eval(line, instant[3], _seconds(instant[2]), _seconds(instant[2]))
        modifier = instant[1]
    if modifier:
        command.expectations.append(Expectation(modifier))
    for at, own in enumerate(lines[1:], 1):
        if _read_expectation(command, own):
            continue
        if _NUMBER.match(own):
            command.scalar = float(own)
            return command, at + 1
        command.series.append(parse_series(own))
    return command, len(lines)


def _read_expectation(command: Eval, line: str) -> bool:
    if match := _EXPECT_RANGE.match(line):
        command.points = (_seconds(match[1]), _seconds(match[2]), _seconds(match[3]))
        return True
    if line.startswith("expect string"):
        command.text = unquoted(line.removeprefix("expect string").strip())
        return True
    for old in ("expected_fail_message", "expected_fail_regexp"):
        if line.startswith(old):
            text = line.removeprefix(old).strip()
            command.expectations.append(_expectation("fail", "msg" if old.endswith("message") else "regex", text))
            return True
    if match := _EXPECT.match(line):
        command.expectations.append(_expectation(match[1], match[2], (match[3] or "").strip()))
        return True
    return False


def _expectation(kind: str, way: str | None, text: str) -> Expectation:
    if way is None:
        return Expectation(kind)
    return Expectation(kind, re.compile(re.escape(text) + r"\Z" if way == "msg" else text))


def _seconds(text: str) -> float:
    negative = text.startswith("-")
    seconds = duration_seconds(text.lstrip("-"))
    if seconds is None:
        seconds = float(text.lstrip("-"))
    return -seconds if negative else seconds
