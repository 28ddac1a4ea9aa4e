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


def lint(house: Path) -> tuple[bool, str]:
    paths = f"{house / 'instrumentation'}:{house / 'evaluator'}"
    answer = subprocess.run(
        [LINT, "--no-cache"],
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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "planted"),
    [
        ("instrumentation/lapbell/breakdown.py", "from lapbell import reader"),
        ("instrumentation/lapbell/reader.py", "from lapbell import gauges"),
        ("instrumentation/lapbell/phases.py", "import lapbell_evaluator.model"),
        ("evaluator/lapbell_evaluator/model/clock.py", "from lapbell_evaluator import series"),
        ("evaluator/lapbell_evaluator/alerts/book.py", "from lapbell_evaluator import rules"),
        ("evaluator/lapbell_evaluator/api/health.py", "from lapbell_evaluator import receiver"),
        ("evaluator/lapbell_evaluator/evidence/blame.py", "from lapbell import wiring"),
        ("evaluator/lapbell_evaluator/attic.py", "x = 1"),
        ("instrumentation/lapbell/attic.py", "x = 1"),
    ],
    ids=[
        "upwards",
        "library strangers",
        "evaluator",
        "evaluator upwards",
        "rooms",
        "gates",
        "vocabulary",
        "new room",
        "new module",
    ],
)
def test_a_planted_violation_is_caught(house, file, planted):
    target = house / file
    target.write_text((target.read_text() if target.exists() else "") + f"\n{planted}\n")
    assert lint(house)[0] is False
