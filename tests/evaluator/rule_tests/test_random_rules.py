"""Random series under random `for` and `keep_firing_for`: a plain oracle, promtool and we agree on what fires when."""

import random
import subprocess
from pathlib import Path

import pytest
import yaml

from budget import scaled
from lapbell_evaluator.rule_tests import run_file, shown
from peers.locate import require

MINUTES = 24
LOOKBACK = 5
GROUPS = 40


def values(chance: random.Random) -> list[str]:
    """Runs of down, up, gaps and stale markers."""
    found: list[str] = []
    while len(found) < MINUTES:
        found.extend([chance.choice("000011_s")] * chance.randint(1, 6))
    return ["stale" if each == "s" else each for each in found[:MINUTES]]


def seen_at(series: list[str], minute: int) -> str | None:
    """The sample that an instant selector finds: the newest within five minutes, unless it is a stale marker."""
    for back in range(min(LOOKBACK, minute + 1)):
        if series[minute - back] != "_":
            return None if series[minute - back] == "stale" else series[minute - back]
    return None


def firing(series: list[str], for_min: int, keep_min: int) -> list[bool]:
    """Prometheus' rules for one alert, minute by minute."""
    active_at = cleared_at = None
    is_firing = False
    found = []
    for minute in range(MINUTES):
        if seen_at(series, minute) == "0":
            active_at = minute if active_at is None else active_at
            cleared_at = None
            is_firing = is_firing or minute - active_at >= for_min
        elif active_at is not None:
            cleared_at = minute if cleared_at is None else cleared_at
            if not is_firing or minute - cleared_at >= keep_min:
                active_at = cleared_at = None
                is_firing = False
        found.append(is_firing)
    return found


def promtool(file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([require("promtool"), "test", "rules", file], capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 1 + scaled(3)))
async def test_an_oracle_promtool_and_we_agree_at_every_minute(seed, tmp_path):
    chance = random.Random(seed)
    policy = [(chance.randint(0, 6), chance.randint(0, 5)) for _ in range(6)]
    rules = [
        {"alert": f"Down{number}", "expr": "up == 0", "for": f"{hold}m", "keep_firing_for": f"{keep}m"}
        for number, (hold, keep) in enumerate(policy)
    ]
    tests = []
    for number in range(GROUPS):
        series = {name: values(chance) for name in ("a", "b")}
        expected = [
            {
                "eval_time": f"{minute}m",
                "alertname": f"Down{rule}",
                "exp_alerts": [
                    {"exp_labels": {"instance": name}}
                    for name, own in series.items()
                    if firing(own, hold, keep)[minute]
                ],
            }
            for rule, (hold, keep) in enumerate(policy)
            for minute in range(MINUTES)
        ]
        inputs = [{"series": f'up{{instance="{name}"}}', "values": " ".join(own)} for name, own in series.items()]
        tests.append({"name": str(number), "interval": "1m", "input_series": inputs, "alert_rule_test": expected})
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": rules}]}))
    file = tmp_path / "tests.yaml"
    file.write_text(yaml.safe_dump({"rule_files": ["rules.yaml"], "tests": tests}))
    theirs = promtool(file)
    assert theirs.returncode == 0, theirs.stderr
    report = await run_file(file)
    assert report.is_success, shown(report)
