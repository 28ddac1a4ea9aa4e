"""Random questions to our engine and to the real Prometheus: `fuzz.py [--seed N] [--count N]`.

Prints the seed, how many agree, and every question that has two answers.
"""

import argparse
import asyncio
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from budget import scaled
from peers.prometheus import prometheus
from promql_kit.duel import duel


def main() -> int:
    """Run a duel; 0 if at least 99.5 % agree."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    arguments.add_argument("--count", type=int, default=scaled(2_000))
    options = arguments.parse_args()
    start_ms = (int(time.time()) - 3_600) * 1_000
    with prometheus() as server:
        verdict = asyncio.run(duel(server.url, options.seed, options.count, start_ms))
    print("\n".join(verdict.differences))
    agreed = verdict.queries - len(verdict.differences)
    print(
        f"seed {options.seed}: {agreed} of {verdict.queries} agree ({agreed / verdict.queries:.2%}); "
        f"{verdict.answered} had an answer that was not empty"
    )
    return int(agreed < 0.995 * verdict.queries)


if __name__ == "__main__":
    raise SystemExit(main())
