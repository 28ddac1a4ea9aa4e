"""The floors hold, and a violation of each kind is caught."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT = Path(sys.executable).with_name("lint-imports")


@pytest.fixture
def house(tmp_path):
    """A copy of the sources, to plant things in."""
    for source in ("instrumentation", "evaluator"):
        shutil.copytree(ROOT / source, tmp_path / source, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(house: Path, *options: str) -> tuple[bool, str]:
    paths = f"{house / 'instrumentation'}:{house / 'evaluator'}"
    answer = subprocess.run(
        [LINT, "--no-cache", *options],
        cwd=house,
        env={"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    return answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.slow
def test_the_house_as_it_stands_keeps_its_floors(house):
    assert lint(house)[0]


LIBRARY, EVALUATOR = "instrumentation/lapbell", "evaluator/lapbell_evaluator"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("contract", "file", "planted"),
    [
        ("library", f"{LIBRARY}/breakdown.py", "from lapbell import reader"),
        ("library", f"{LIBRARY}/reader.py", "from lapbell import gauges"),
        ("independence", f"{LIBRARY}/phases.py", "import lapbell_evaluator.model"),
        ("evaluator", f"{EVALUATOR}/model/clock.py", "from lapbell_evaluator import series"),
        ("evaluator", f"{EVALUATOR}/alerts/store.py", "from lapbell_evaluator import rules"),
        ("evaluator", f"{EVALUATOR}/api/health.py", "from lapbell_evaluator import receiver"),
        ("vocabulary", f"{EVALUATOR}/evidence/phases.py", "from lapbell import wiring"),
        ("promql", f"{EVALUATOR}/promql/syntax/ast.py", "from lapbell_evaluator.promql import engine"),
        ("promql", f"{EVALUATOR}/promql/histograms/classic.py", "from lapbell_evaluator.promql import evaluator"),
        ("promql", f"{EVALUATOR}/promql/ranges/rates.py", "from lapbell_evaluator.promql import aggregation"),
        ("cycles", f"{EVALUATOR}/promql/syntax/printer.py", "from lapbell_evaluator.promql.syntax import ast"),
        ("cycles", f"{EVALUATOR}/series/frame.py", "from lapbell_evaluator.series import ring"),
        ("cycles", f"{LIBRARY}/queues/message.py", "from lapbell.queues import queue"),
        ("evaluator", f"{EVALUATOR}/attic.py", "x = 1"),
        ("promql", f"{EVALUATOR}/promql/attic.py", "x = 1"),
        ("library", f"{LIBRARY}/attic.py", "x = 1"),
        ("tracing", f"{LIBRARY}/monitor/reported.py", "from opentelemetry.sdk.trace import Span"),
        ("tracing", f"{LIBRARY}/pipeline.py", "from opentelemetry.sdk.trace.export import SpanExporter"),
    ],
    ids=[
        "upwards",
        "library strangers",
        "evaluator",
        "evaluator upwards",
        "rooms",
        "gates",
        "vocabulary",
        "syntax knows the engine",
        "promql upwards",
        "promql strangers",
        "cycle in syntax",
        "cycle of modules",
        "cycle in the library",
        "new room",
        "new room of promql",
        "new module",
        "spans beside the door",
        "exporters beside the door",
    ],
)
def test_a_planted_violation_is_caught(house, contract, file, planted):
    target = house / file
    target.write_text((target.read_text() if target.exists() else "") + f"\n{planted}\n")
    holds, report = lint(house, "--contract", contract)
    assert holds is False, report
    assert "Contracts: 0 kept, 1 broken." in report, report
