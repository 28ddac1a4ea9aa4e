"""An evaluator's way in, with history behind it, in a process that can be killed: `python victim.py FILE`.

Prints the ports of OTLP/HTTP and OTLP/gRPC, then serves until it ends.
"""

import asyncio
import sys
from pathlib import Path

import uvloop

from lapbell_evaluator.evidence import RecentTraces
from lapbell_evaluator.history import History
from lapbell_evaluator.model import SystemClock, Tokens
from lapbell_evaluator.receiver import Access, GrpcReceiver, Ingest, Limits, http_app
from lapbell_evaluator.series import ExemplarRing, SeriesStore
from lapbell_evaluator.server import Server


async def serve(path: Path) -> None:
    clock, limits = SystemClock(), Limits()
    history = History(SeriesStore(), path, clock)
    ingest = Ingest(
        history, RecentTraces(), ExemplarRing(), clock, limits, durable=history, recovered=history.recovered
    )
    access = Access(Tokens(()))
    server = Server(http_app(ingest, access, limits), "127.0.0.1:0")
    grpc = GrpcReceiver("127.0.0.1:0", ingest, access, limits)
    await server.start()
    await grpc.start()
    print(server.port, grpc.port, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(Path(sys.argv[1])))
