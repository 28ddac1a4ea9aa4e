"""Runs Prometheus' PromQL test scripts on our engine: `promqltest.py [-v] FILE…`.

Prints `<file> <passed>/<total>` for each file, and a last line for all. With `-v`, what was wrong with each failure.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from promql_kit.running import run_file


def main(arguments: list[str]) -> int:
    """Run the files; 0 if everything was right."""
    is_verbose = "-v" in arguments
    passed = total = 0
    for path in [Path(argument) for argument in arguments if argument != "-v"]:
        outcome = run_file(path)
        print(path.name, f"{outcome.passed}/{outcome.total}")
        if is_verbose:
            print("\n".join(f"  {failure}" for failure in outcome.failures))
        passed, total = passed + outcome.passed, total + outcome.total
    print("total", f"{passed}/{total}")
    return int(passed < total)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
