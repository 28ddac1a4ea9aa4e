"""Prometheus' own PromQL test scripts, and ours in the same grammar: floors that may only rise."""

from pathlib import Path

import pytest

from promql_kit.running import run_file

OWN = Path(__file__).with_name("cases")
GIVEN = Path(__file__).resolve().parents[4] / "shared" / "data" / "promqltest"

# What is not passed: Prometheus' storage forgets that a native histogram was reset
# (its issue 15346), so that its answers carry no warning where ours do.
FLOORS = {
    "aggregators.test": 160,
    "at_modifier.test": 78,
    "collision.test": 2,
    "duration_expression.test": 59,
    "fill-modifier.test": 46,
    "functions.test": 431,
    "info.test": 53,
    "limit.test": 37,
    "literals.test": 25,
    "name_label_dropping.test": 30,
    "native_histograms.test": 514,
    "range_queries.test": 18,
    "selectors.test": 31,
    "trig_functions.test": 19,
    "type_and_unit.test": 58,
}


@pytest.mark.skipif(not GIVEN.is_dir(), reason="Prometheus' test scripts are not beside the repository")
@pytest.mark.parametrize(("name", "floor"), FLOORS.items())
def test_prometheus_scripts_pass_as_many_cases_as_ever(name, floor):
    outcome = run_file(GIVEN / name)
    assert outcome.passed >= floor, "\n".join(outcome.failures)


@pytest.mark.parametrize("path", sorted(OWN.glob("*.test")), ids=lambda path: path.stem)
def test_our_own_scripts_pass_whole(path):
    assert run_file(path).failures == []
