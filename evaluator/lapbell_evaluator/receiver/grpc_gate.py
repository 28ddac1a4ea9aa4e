"""OTLP/gRPC."""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

import grpc
from grpc import aio

from lapbell_evaluator.model import EvaluatorError
from lapbell_evaluator.receiver.access import Access
from lapbell_evaluator.receiver.ingest import Envelope, Ingest
from lapbell_evaluator.receiver.limits import Limits
from lapbell_evaluator.receiver.refusal import Reason, Refusal
from lapbell_evaluator.receiver.replies import Signal, retry_info, status_of, success

__all__ = ["GrpcReceiver"]

_STATUS_TRAILER: Final = "grpc-status-details-bin"
_RETRY_TRAILER: Final = "google.rpc.retryinfo-bin"
_STOP_GRACE_S: Final = 2.0
# gRPC's own limit answers RESOURCE_EXHAUSTED without RetryInfo, which OTLP reads as "do not send again". So the gate
# refuses by itself, and gRPC's limit bounds only how many requests may wait to be refused.
_BACKSTOP: Final = 2

_Context = aio.ServicerContext[bytes, bytes]


class GrpcReceiver:
    """The gate for OTLP/gRPC: metrics, traces and logs.

    Args:
        listen: `host:port`; port 0 takes a free one.
        ingest: what takes the exports.
        access: who may send.
        limits: see `Limits`.
    """

    def __init__(self, listen: str, ingest: Ingest, access: Access, limits: Limits) -> None:
        self._listen = listen
        self._ingest = ingest
        self._access = access
        self._limits = limits
        self._server: aio.Server | None = None
        self._under_way = 0
        self.port = 0

    async def start(self) -> None:
        """Listen; `port` says where.

        Raises:
            EvaluatorError: the address is taken.
        """
        server = aio.server(
            options=(
                ("grpc.max_receive_message_length", self._limits.body_bytes),
                ("grpc.so_reuseport", 0),
            ),
            maximum_concurrent_rpcs=_BACKSTOP * self._limits.senders,
        )
        server.add_generic_rpc_handlers(tuple(self._handlers(signal) for signal in Signal))
        try:
            self.port = server.add_insecure_port(self._listen)
        except RuntimeError:
            raise EvaluatorError(
                f"Can't listen on {self._listen}: the address is taken, or none of this machine's.",
                "Set `listen.otlp_grpc` to a free address.",
            ) from None
        await server.start()
        self._server = server

    async def stop(self) -> None:
        """Finish what is under way, for two seconds at most, and close the port."""
        if self._server is not None:
            await self._server.stop(_STOP_GRACE_S)

    def _handlers(self, signal: Signal) -> grpc.GenericRpcHandler:
        handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(self._export(signal))
        return grpc.method_handlers_generic_handler(signal.service, {"Export": handler})

    def _export(self, signal: Signal) -> Callable[[bytes, _Context], Awaitable[bytes]]:
        async def export(request: bytes, context: _Context) -> bytes:
            try:
                self._access.check(_host(context.peer()), _headers(context))
                with self._place(), self._ingest.room.hold() as hold:
                    hold.add(len(request))
                    outcome = await self._ingest.take(Envelope(signal, request))
            except Refusal as refusal:
                self._ingest.refused(signal, refusal)
                await self._abort(context, refusal)
            return success(signal, outcome).SerializeToString()

        return export

    @contextmanager
    def _place(self) -> Iterator[None]:
        """One of the exports under way.

        Raises:
            Refusal: there are as many as `limits.senders` already.
        """
        if self._under_way >= self._limits.senders:
            raise Refusal(Reason.BUSY, f"{self._under_way} exports are under way, no more may be.", "Send again later.")
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    async def _abort(self, context: _Context, refusal: Refusal) -> NoReturn:
        """Answer with a status, and the delay in both places that senders look for it."""
        delay_s = self._limits.retry_after_s
        trailers = [(_STATUS_TRAILER, status_of(refusal, delay_s).SerializeToString())]
        if refusal.reason.is_retryable:
            trailers.append((_RETRY_TRAILER, retry_info(delay_s).SerializeToString()))
        await context.abort(refusal.reason.grpc_status, str(refusal), tuple(trailers))


def _headers(context: _Context) -> Iterable[tuple[str, str]]:
    metadata = context.invocation_metadata() or ()
    return ((name, value) for name, value in metadata if isinstance(value, str))


def _host(peer: str) -> str:
    """The address in gRPC's peer: `ipv4:127.0.0.1:5050`, `ipv6:%5B::1%5D:5050`, `unix:`."""
    scheme, _, rest = peer.partition(":")
    if scheme == "unix":
        return "localhost"
    return rest.rpartition(":")[0].replace("%5B", "").replace("%5D", "")
