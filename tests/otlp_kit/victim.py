"""An evaluator's way in, with history behind it, in a process that can be killed: `python victim.py FILE`.

Prints the port of OTLP/HTTP, then serves until it ends.
"""

import asyncio
import sys
from pathlib import Path

from lapbell_evaluator.evidence import RecentTraces
from lapbell_evaluator.history import History
from lapbell_evaluator.model import SystemClock, Tokens
from lapbell_evaluator.receiver import Access, Ingest, Limits, http_app
from lapbell_evaluator.series import SeriesStore
from lapbell_evaluator.server import Server


async def serve(path: Path) -> None:
    clock, limits = SystemClock(), Limits()
    history = History(SeriesStore(), path, clock)
    ingest = Ingest(history, RecentTraces(), clock, limits, durable=history, recovered=history.recovered)
    server = Server(http_app(ingest, Access(Tokens(())), limits), "127.0.0.1:0")
    await server.start()
    print(server.port, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
