"""What an evaluation of the shipped rules costs, and what is won by reading the ends of windows only.

`shipped_rules.py [--services N] [--cycles N]` sends half an hour of services into a store, then prints CPU time per
cycle of all rules, every alert's life included, and how much longer a function takes that looks at every sample of a
30-minute window of the same series (`sum_over_time`) than one that does so for series that fell (`min_over_time`).
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from alertlife.timeline import Timeline
from lapbell_evaluator.promql import parse
from weeks_kit.life import world_timeline
from weeks_kit.world import STEP_S, World

WARM_STEPS = 1800 // STEP_S
REPEATS = 50
COUNTER = "webhook_request_duration_seconds_count"


async def measured(services: int, cycles: int) -> None:
    """Print the figures."""
    world = World(1, services, (WARM_STEPS + cycles) * STEP_S + 12_000)
    with tempfile.TemporaryDirectory() as folder:
        async with world_timeline(world, Path(folder)) as (line, exports):
            for step in range(WARM_STEPS):
                await line.at(exports.send(step))
            started = time.process_time()
            for step in range(WARM_STEPS, WARM_STEPS + cycles):
                await line.at(exports.send(step))
            print(f"{services} services: {(time.process_time() - started) / cycles * 1000:.1f} ms of CPU per cycle")
            ends, whole = (cost_of(line, f"{name}({COUNTER}[30m])") for name in ("min_over_time", "sum_over_time"))
            print(f"sum_over_time takes {whole / ends:.1f} times as long as min_over_time of the same counters")


def cost_of(line: Timeline, expr: str) -> float:
    """Seconds of CPU for some evaluations."""
    node, now = parse(expr), line.clock.now()
    line.engine.evaluate(node, now)
    started = time.process_time()
    for _ in range(REPEATS):
        line.engine.evaluate(node, now)
    return time.process_time() - started


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--services", type=int, default=200)
    arguments.add_argument("--cycles", type=int, default=100)
    given = arguments.parse_args()
    asyncio.run(measured(given.services, given.cycles))
