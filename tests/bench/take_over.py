"""How long nobody has the database: `python tests/bench/take_over.py [TRIALS]`, with a real PostgreSQL.

A leader that writes without pause is killed, or stopped; a follower waits for the lease all the while. The clock runs
from the signal until the follower has read what the leader left. A leader that was stopped is woken then: what it still
writes is counted. Side by side with the lease's length, which is the least that a follower must wait in the mean minus
half a renewal.
"""

import asyncio
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from alertlife.databases import postgres_url  # noqa: E402
from lapbell_evaluator.database import Database  # noqa: E402
from lapbell_evaluator.database.lease import LEASE_S  # noqa: E402
from lapbell_evaluator.model import HistoryQuery  # noqa: E402
from peers.postgres import postgres  # noqa: E402
from peers.process import pipe  # noqa: E402

LEADER = ROOT / "alertlife/leader.py"


async def trial(url: str, by: signal.Signals, wait_s: float) -> tuple[float, int]:
    """Seconds until the follower works, and how many transitions came after."""
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, LEADER, url], stdout=subprocess.PIPE, text=True, env=env) as leader:  # noqa: ASYNC220 - a blocked loop harms nobody here
        pipe(leader.stdout).readline()
        waits = asyncio.Event()
        follows = asyncio.create_task(Database.open(url, time.time(), on_waiting=lambda _: waits.set()))
        await waits.wait()
        await asyncio.sleep(wait_s)
        began = time.monotonic()
        leader.send_signal(by)
        follower = await follows
        took_s = time.monotonic() - began
        before = await follower.history(HistoryQuery(limit=1))
        leader.send_signal(signal.SIGCONT)
        if by is signal.SIGSTOP:
            await asyncio.to_thread(pipe(leader.stdout).read)
        after = await follower.history(HistoryQuery(limit=1_000))
        await follower.close()
        leader.kill()
    late = [transition.id for transition in after.items].index(before.items[0].id)
    return took_s, late


def main(trials: int) -> None:
    dice = random.Random(5)
    with postgres() as server:
        for by in (signal.SIGKILL, signal.SIGSTOP):
            results = [asyncio.run(trial(postgres_url(server), by, dice.uniform(0.5, 1.5))) for _ in range(trials)]
            median_s = statistics.median(took_s for took_s, _ in results)
            worst_s = max(took_s for took_s, _ in results)
            print(
                f"{by.name}: median {median_s:.2f} s ({median_s / LEASE_S:.2f} leases), worst {worst_s:.2f} s,"
                f" {sum(late for _, late in results)} late writes in {trials} trials"
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
