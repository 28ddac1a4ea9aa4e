"""OTLP/gRPC."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, NoReturn

import grpc
from grpc import aio

from lapbell_evaluator.model import EvaluatorError
from lapbell_evaluator.receiver.access import Access
from lapbell_evaluator.receiver.body import encoding_seen
from lapbell_evaluator.receiver.envelope import Envelope
from lapbell_evaluator.receiver.ingest import Ingest
from lapbell_evaluator.receiver.limits import Limits
from lapbell_evaluator.receiver.refusal import Reason, Refusal
from lapbell_evaluator.receiver.replies import Signal, retry_info, status_of, success

__all__ = ["GrpcReceiver"]

_STATUS_TRAILER: Final = "grpc-status-details-bin"
_RETRY_TRAILER: Final = "google.rpc.retryinfo-bin"
_STOP_GRACE_S: Final = 2.0
_KEEPALIVE_MS: Final = 60_000
_KEEPALIVE_TIMEOUT_MS: Final = 20_000
_PING_APART_MS: Final = 10_000
_GRACE_MS: Final = 30_000
_METADATA_BYTES: Final = 16 * 1024
_MS_PER_S: Final = 1000

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
        self.port = 0

    async def start(self) -> None:
        """Listen; `port` says where.

        Raises:
            EvaluatorError: the address is taken.
        """
        server = aio.server(
            options=_options(self._limits),
            # No maximum_concurrent_rpcs: gRPC then answers RESOURCE_EXHAUSTED without RetryInfo, which OTLP reads as
            # "do not send again". Here a call is judged at once, by its metadata, and holds a place or is over.
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
        # On the wire a stream of one message is a unary call. But gRPC calls this handler before the message has come,
        # so that who sends nothing is known and timed, and who may not send is refused without being read.
        handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_unary_rpc_method_handler(self._export(signal))
        return grpc.method_handlers_generic_handler(signal.service, {"Export": handler})

    def _export(self, signal: Signal) -> Callable[[object, _Context], Awaitable[bytes]]:
        async def export(_: object, context: _Context) -> bytes:
            try:
                sender = self._access.check(_host(context.peer()), _headers(context), "2")
                with self._ingest.room.hold(sender) as hold:
                    request = await self._message(context)
                    hold.add(len(request))
                    outcome = await self._ingest.take(
                        Envelope(signal, request, sender, context.peer(), encoding_seen(request))
                    )
            except Refusal as refusal:
                self._ingest.refused(signal, refusal)
                await self._abort(context, refusal)
            return success(signal, outcome).SerializeToString()

        return export

    async def _message(self, context: _Context) -> bytes:
        """The message of a call.

        Raises:
            Refusal: it did not come in time, or the sender ended without one.
        """
        try:
            async with asyncio.timeout(self._limits.call_s):
                message = await context.read()
        except TimeoutError:
            raise Refusal(Reason.TOO_SLOW, "No message came with this call.", "Send smaller batches.") from None
        if not isinstance(message, bytes):
            raise Refusal(Reason.UNDECODABLE, "The sender ended its call without a message.")
        return message

    async def _abort(self, context: _Context, refusal: Refusal) -> NoReturn:
        """Answer with a status, and the delay in both places that senders look for it."""
        delay_s = self._limits.retry_after_s
        trailers = [(_STATUS_TRAILER, status_of(refusal, delay_s).SerializeToString())]
        if refusal.reason.is_retryable:
            trailers.append((_RETRY_TRAILER, retry_info(delay_s).SerializeToString()))
        await context.abort(refusal.reason.grpc_status, str(refusal), tuple(trailers))


def _options(limits: Limits) -> tuple[tuple[str, int], ...]:
    """Source: gRPC core, `include/grpc/impl/channel_arg_names.h`."""
    return (
        ("grpc.max_receive_message_length", limits.body_bytes),
        # gRPC would unpack all messages at once, before anybody counts their bytes; it tells nobody how they were
        # packed, but their first bytes do.
        ("grpc.per_message_decompression", 0),
        ("grpc.so_reuseport", 0),
        ("grpc.max_concurrent_streams", limits.calls_each),
        ("grpc.max_allowed_incoming_connections", limits.grpc_connections),
        ("grpc.max_metadata_size", _METADATA_BYTES),
        ("grpc.server_handshake_timeout_ms", int(limits.handshake_s * _MS_PER_S)),
        ("grpc.max_connection_idle_ms", int(limits.grpc_idle_s * _MS_PER_S)),
        ("grpc.max_connection_age_ms", int(limits.grpc_age_s * _MS_PER_S)),
        ("grpc.max_connection_age_grace_ms", _GRACE_MS),
        # A peer that is gone without a word is noticed; one that asks whether we are there may, every ten seconds.
        ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
        ("grpc.keepalive_timeout_ms", _KEEPALIVE_TIMEOUT_MS),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", _PING_APART_MS),
    )


def _headers(context: _Context) -> Iterable[tuple[str, str]]:
    metadata = context.invocation_metadata() or ()
    return ((name, value) for name, value in metadata if isinstance(value, str))


def _host(peer: str) -> str:
    """The address in gRPC's peer: `ipv4:127.0.0.1:5050`, `ipv6:%5B::1%5D:5050`, `unix:`."""
    scheme, _, rest = peer.partition(":")
    if scheme == "unix":
        return "localhost"
    return rest.rpartition(":")[0].replace("%5B", "").replace("%5D", "")
