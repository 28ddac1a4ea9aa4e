"""Both gates on free ports of this machine, with a store behind them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.types import Receive, Scope, Send

from lapbell_evaluator.model import Role, SystemClock, Tokens
from lapbell_evaluator.receiver import (
    Access,
    Durable,
    GrpcReceiver,
    Ingest,
    Limits,
    Sink,
    Translated,
    WriteApp,
    http_app,
)
from lapbell_evaluator.series import ExemplarRing
from lapbell_evaluator.server import ConnectionLimits, Server
from otlp_kit.plain_store import PlainStore

INGEST_TOKEN = "ingest-secret"
VIEWER_TOKEN = "viewer-secret"
TOKENS = Tokens(((Role.INGEST, INGEST_TOKEN), (Role.VIEWER, VIEWER_TOKEN)))


@dataclass
class Gates:
    """Two gates that listen."""

    store: PlainStore
    exemplars: ExemplarRing = field(default_factory=ExemplarRing)
    ingest: Ingest = field(init=False)
    grpc_port: int = 0
    http_port: int = 0
    received: list[Translated] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def receive(self, translated: Translated) -> None:
        self.received.append(translated)
        self.changed.set()

    async def until(self, condition: Callable[[], object]) -> None:
        """Return when `condition()` holds; asked whenever metrics came."""
        async with asyncio.timeout(20):
            while not condition():
                await self.changed.wait()
                self.changed.clear()

    @property
    def grpc(self) -> str:
        return f"http://127.0.0.1:{self.grpc_port}"

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"


@asynccontextmanager
async def open_gates(
    limits: Limits | None = None,
    *,
    allow_loopback: bool = True,
    durable: Durable | None = None,
    sink: Sink | None = None,
    connections: ConnectionLimits | None = None,
    grpc_port: int = 0,
    http_port: int = 0,
) -> AsyncIterator[Gates]:
    limits = limits or Limits()
    store = PlainStore()
    gates = Gates(store)
    ingest = Ingest(
        sink or store, store, gates.exemplars, SystemClock(), limits, durable=durable, on_received=gates.receive
    )
    access = Access(TOKENS, allow_loopback)
    grpc_gate = GrpcReceiver(f"127.0.0.1:{grpc_port}", ingest, access, limits)
    otlp, write = http_app(ingest, access, limits), WriteApp(ingest, access, limits)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await (write if scope["path"] == "/api/v1/write" else otlp)(scope, receive, send)

    http_gate = Server(app, f"127.0.0.1:{http_port}", connections)
    await grpc_gate.start()
    await http_gate.start()
    try:
        gates.ingest, gates.grpc_port, gates.http_port = ingest, grpc_gate.port, http_gate.port
        yield gates
    finally:
        await http_gate.stop()
        await grpc_gate.stop()
        await ingest.stop()
