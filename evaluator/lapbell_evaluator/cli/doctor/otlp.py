"""An empty export, which adds nothing anywhere: whether a gate of OTLP takes what it is sent."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import Final

import grpc
import httpx
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status
from grpc import aio

from lapbell_evaluator.cli.address import Address, address_of
from lapbell_evaluator.cli.doctor.daemon_thread import resolve
from lapbell_evaluator.cli.doctor.patience import patient
from lapbell_evaluator.cli.doctor.unanswered import why_unanswered
from lapbell_evaluator.receiver.replies import PROTOBUF, Signal

__all__ = ["Reply", "Taken", "export_by_grpc", "export_by_http"]

_TIMEOUT_S: Final = 1.5
_SHOWN: Final = 160
_OF_HTTP: Final = re.compile(r"parsing HTTP/2|http1\.x", re.IGNORECASE)


class Taken(Enum):
    """What became of an export."""

    ACCEPTED = "accepted"
    TOKEN = "its token is refused"  # noqa: S105 - no secret
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    NO_OTLP = "no OTLP"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the gate said.

    Attributes:
        taken: what became of the export.
        text: the gate's words, or what kept it from saying any.
    """

    taken: Taken
    text: str = ""


async def export_by_http(url: str, headers: Mapping[str, str]) -> Reply:
    """Send an empty export over OTLP/HTTP.

    Args:
        url: whole, with `/v1/…`.
        headers: as the exporter sends them.
    """
    try:
        await resolve(address_of(url))
        async with httpx.AsyncClient(timeout=patient(_TIMEOUT_S), trust_env=False) as client:
            answer = await client.post(url, content=b"", headers={**headers, "Content-Type": PROTOBUF})
    except httpx.RemoteProtocolError:
        return Reply(Taken.NO_OTLP, "it does not speak HTTP/1.1; is it the port of gRPC?")
    except (httpx.TransportError, httpx.InvalidURL, OSError) as error:
        return Reply(Taken.UNREACHABLE, why_unanswered(error))
    return _reply(answer)


def _reply(answer: httpx.Response) -> Reply:
    is_protobuf = answer.headers.get("content-type", "").startswith(PROTOBUF)
    text = f"{answer.status_code} {answer.reason_phrase}"
    if is_protobuf and answer.is_error:
        text = _message(answer.content) or text
    if answer.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return Reply(Taken.TOKEN, text)
    if answer.is_success and (is_protobuf or not answer.content):
        return Reply(Taken.ACCEPTED)
    return Reply(Taken.REFUSED if is_protobuf else Taken.NO_OTLP, text)


def _message(body: bytes) -> str:
    """The words of a `google.rpc.Status`."""
    try:
        return str(Status.FromString(body).message)[:_SHOWN]
    except DecodeError:
        return ""


async def export_by_grpc(address: Address, signal: Signal, headers: Mapping[str, str], *, by_tls: bool) -> Reply:
    """Send an empty export over OTLP/gRPC."""
    try:
        await resolve(address)
    except OSError as error:
        return Reply(Taken.UNREACHABLE, str(error))
    channel = _channel(str(address), by_tls=by_tls)
    try:
        await _call(channel, signal, headers)
    except aio.AioRpcError as error:
        return _refusal(error)
    finally:
        await channel.close()
    return Reply(Taken.ACCEPTED)


def _channel(target: str, *, by_tls: bool) -> aio.Channel:
    """A channel that goes there itself, past any proxy of the environment."""
    options = (("grpc.enable_http_proxy", 0),)
    if by_tls:
        return aio.secure_channel(target, grpc.ssl_channel_credentials(), options)
    return aio.insecure_channel(target, options)


async def _call(channel: aio.Channel, signal: Signal, headers: Mapping[str, str]) -> None:
    call: aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(f"/{signal.service}/Export")
    await call(
        b"", timeout=patient(_TIMEOUT_S), metadata=tuple((name.lower(), value) for name, value in headers.items())
    )


def _refusal(error: aio.AioRpcError) -> Reply:
    whole = error.details() or error.code().name
    text = whole[:_SHOWN]
    match error.code():
        case grpc.StatusCode.UNAUTHENTICATED | grpc.StatusCode.PERMISSION_DENIED:
            return Reply(Taken.TOKEN, text)
        case grpc.StatusCode.UNIMPLEMENTED:
            return Reply(Taken.NO_OTLP, "it speaks gRPC, but takes no OTLP")
        case grpc.StatusCode.UNAVAILABLE if "refused" in whole:
            return Reply(Taken.UNREACHABLE, "nobody listens")
        case grpc.StatusCode.UNAVAILABLE if _OF_HTTP.search(whole):
            return Reply(Taken.NO_OTLP, "it does not speak gRPC; is it the port of HTTP?")
        case grpc.StatusCode.UNAVAILABLE:
            return Reply(Taken.UNREACHABLE, text)
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return Reply(Taken.UNREACHABLE, f"no answer within {patient(_TIMEOUT_S):g} s")
        case _:
            return Reply(Taken.REFUSED, text)
