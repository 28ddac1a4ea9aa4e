"""An evaluator's database alone in a process: `leader.py URL` opens it and writes until it is killed or replaced.

It prints `open` when the database is its own, the id of each transition once it is written, and `lost` at the end.
"""

import asyncio
import sys

from alertlife.story import Story
from lapbell_evaluator.alerts import Condition
from lapbell_evaluator.database import Database, LeaseLostError
from lapbell_evaluator.model import SystemClock, everyone


async def main(url: str) -> None:
    clock = SystemClock()
    database = await Database.open(url, clock.now())
    print("open", flush=True)
    story = Story()
    try:
        while True:
            for condition in (Condition.MET, Condition.CLEARED):
                story.see(clock.now(), condition)
                await database.commit(story.changes[-1], everyone("one"))
                print(story.told[-1].id, flush=True)
    except LeaseLostError:
        print("lost", flush=True)
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
