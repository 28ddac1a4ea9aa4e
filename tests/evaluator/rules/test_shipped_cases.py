"""The shipped rules against samples: what fires and what does not, told alike by us and by promtool of two ages."""

import subprocess
from pathlib import Path

import pytest

from lapbell_evaluator.config import Thresholds
from lapbell_evaluator.rule_tests import run_file
from lapbell_evaluator.rules import printed, shipped
from peers.locate import require

CASES = {path.stem: path for path in (Path(__file__).parent / "shipped").glob("*.yaml")}
GROUPS = {
    "webhook": ("lapbell-webhook",),
    "redis": ("lapbell-redis", "lapbell-circuit"),
    "task_queue": ("lapbell-task-queue",),
    "system": ("lapbell-system",),
}


@pytest.fixture
def file(request, tmp_path) -> Path:
    """The cases of one subject beside the groups that they speak of."""
    name = request.param
    groups = [group for group in shipped(Thresholds()) if group.name in GROUPS[name]]
    (tmp_path / "rules.yaml").write_text(printed(groups), encoding="utf-8")
    path = tmp_path / "cases.yaml"
    path.write_text(CASES[name].read_text(encoding="utf-8"), encoding="utf-8")
    return path


def test_each_file_of_cases_is_run():
    assert CASES.keys() == GROUPS.keys()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("file", GROUPS, indirect=True)
async def test_they_fire_as_the_cases_say(file):
    report = await run_file(file)
    assert report.error == ""
    assert {case.name: case.failures for case in report.cases if case.failures} == {}


@pytest.mark.parametrize("program", ["promtool", "/usr/bin/promtool"])
@pytest.mark.parametrize("file", GROUPS, indirect=True)
def test_promtool_of_both_ages_says_the_same(program, file):
    told = subprocess.run(
        [require(program), "test", "rules", file.name], cwd=file.parent, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stdout + told.stderr
