"""docs/faults.md names tests and benchmarks that are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_command_of_the_table_of_faults_can_be_run():
    page = (ROOT / "docs/faults.md").read_text(encoding="utf-8")
    paths = set(re.findall(r"tests/[\w/]+(?:\.py)?", page))
    assert {path for path in paths if not (ROOT / path).exists()} == set()
