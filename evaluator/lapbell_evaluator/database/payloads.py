"""Payloads to bytes and back: msgpack, because JSON has neither NaN nor infinity, and an alert may have both."""

import zlib
from typing import Final

import msgspec

from lapbell_evaluator.model import Alert, Incident, Silence, Trace, Transition

__all__ = ["alert", "incident", "pack", "pack_trace", "silence", "trace", "transition"]

_ENCODER: Final = msgspec.msgpack.Encoder()
_ALERT: Final = msgspec.msgpack.Decoder(Alert)
_INCIDENT: Final = msgspec.msgpack.Decoder(Incident)
_SILENCE: Final = msgspec.msgpack.Decoder(Silence)
_TRANSITION: Final = msgspec.msgpack.Decoder(Transition)
_TRACE: Final = msgspec.msgpack.Decoder(Trace)
_MOST_UNPACKED: Final = 16 * 1024 * 1024


def pack(payload: Alert | Incident | Silence | Transition) -> bytes:
    """The payload as msgpack."""
    return _ENCODER.encode(payload)


def alert(payload: bytes) -> Alert:
    """The alert again."""
    return _ALERT.decode(payload)


def incident(payload: bytes) -> Incident:
    """The incident again."""
    return _INCIDENT.decode(payload)


def silence(payload: bytes) -> Silence:
    """The silence again."""
    return _SILENCE.decode(payload)


def transition(payload: bytes) -> Transition:
    """The transition again."""
    return _TRANSITION.decode(payload)


def pack_trace(trace: Trace) -> bytes:
    """The trace as msgpack, compressed: names and attributes are the same in most of its spans."""
    return zlib.compress(_ENCODER.encode(trace))


def trace(payload: bytes) -> Trace:
    """The trace again; ValueError if that is no payload of a trace."""
    try:
        return _TRACE.decode(zlib.decompressobj().decompress(payload, _MOST_UNPACKED))
    except zlib.error as error:
        raise ValueError(f"not compressed as it should be: {error}") from None
