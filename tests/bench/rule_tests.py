"""What unit tests of rules cost beside promtool: the cases of the shipped rules, each file by both command lines.

`rule_tests.py [--trials N] [FILE...]` prints the median of CPU of each, and their ratio; what both take to start and to
end is printed too, and is part of the figures. Files of your own are run where they stand.
"""

import argparse
import resource
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from lapbell_evaluator.config import Thresholds  # noqa: E402
from lapbell_evaluator.rules import printed, shipped  # noqa: E402
from peers.locate import require  # noqa: E402
from peers.process import scratch  # noqa: E402

OURS = (sys.executable, "-m", "lapbell_evaluator")


def shipped_cases(folder: Path) -> Iterator[Path]:
    """The cases of the shipped rules, each beside all the rules."""
    (folder / "rules.yaml").write_text(printed(shipped(Thresholds())), encoding="utf-8")
    for cases in sorted((ROOT / "evaluator/rules/shipped").glob("*.yaml")):
        file = folder / cases.name
        file.write_text(cases.read_text(encoding="utf-8"), encoding="utf-8")
        yield file


def cpu_of(*argv: str | Path) -> float:
    """Seconds of CPU of a program; a failing test is no trouble here."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(argv, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compared(what: str, trials: int, ours: Sequence[str | Path], theirs: Sequence[str | Path]) -> tuple[float, float]:
    """The medians, printed."""
    pairs = [(cpu_of(*ours), cpu_of(*theirs)) for _ in range(trials)]
    own, their = (statistics.median(each) for each in zip(*pairs, strict=True))
    print(f"{what:<18} lapbell {own:6.2f} s of CPU, promtool {their:6.2f} s, ratio {own / their:.1f}", flush=True)
    return own, their


def main(trials: int, files: Sequence[Path]) -> None:
    """Run every file by both."""
    promtool = require("promtool")
    compared("start and end", trials, (*OURS, "--version"), (promtool, "--version"))
    with scratch("rule-tests") as folder:
        costs = [
            compared(file.name, trials, (*OURS, "test", "rules", file), (promtool, "test", "rules", file))
            for file in files or shipped_cases(folder)
        ]
    own, their = (sum(each) for each in zip(*costs, strict=True))
    print(f"{'all':<18} lapbell {own:6.2f} s of CPU, promtool {their:6.2f} s, ratio {own / their:.1f}")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--trials", type=int, default=3)
    arguments.add_argument("files", type=Path, nargs="*")
    given = arguments.parse_args()
    main(given.trials, given.files)
