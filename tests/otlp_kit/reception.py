"""Both gates on free ports of this machine, with a notebook behind them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from lapbell_evaluator.model import Role, SystemClock, Tokens
from lapbell_evaluator.receiver import Access, GrpcReceiver, Ingest, Limits, Translated, http_app
from lapbell_evaluator.server import Server
from otlp_kit.notebook import Notebook

INGEST_TOKEN = "ingest-secret"
VIEWER_TOKEN = "viewer-secret"
TOKENS = Tokens(((Role.INGEST, INGEST_TOKEN), (Role.VIEWER, VIEWER_TOKEN)))


@dataclass
class Gates:
    """Two gates that listen."""

    notebook: Notebook
    grpc_port: int
    http_port: int
    received: list[Translated] = field(default_factory=list)

    @property
    def grpc(self) -> str:
        return f"http://127.0.0.1:{self.grpc_port}"

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"


@asynccontextmanager
async def open_gates(
    limits: Limits | None = None, *, allow_loopback: bool = True, sink: object = None
) -> AsyncIterator[Gates]:
    limits = limits or Limits()
    notebook = Notebook()
    received: list[Translated] = []
    ingest = Ingest(sink or notebook, notebook, SystemClock(), limits, on_received=received.append)
    access = Access(TOKENS, allow_loopback)
    grpc_gate = GrpcReceiver("127.0.0.1:0", ingest, access, limits)
    http_gate = Server(http_app(ingest, access, limits), "127.0.0.1:0")
    await grpc_gate.start()
    await http_gate.start()
    try:
        yield Gates(notebook, grpc_gate.port, http_gate.port, received)
    finally:
        await http_gate.stop()
        await grpc_gate.stop()
        await ingest.stop()
