"""Payloads to bytes and back: msgpack, because JSON has neither NaN nor infinity, and an alert may have both."""

from typing import Final

import msgspec

from lapbell_evaluator.model import Alert, Incident, Silence, Transition

__all__ = ["alert", "incident", "pack", "silence", "transition"]

_ENCODER: Final = msgspec.msgpack.Encoder()
_ALERT: Final = msgspec.msgpack.Decoder(Alert)
_INCIDENT: Final = msgspec.msgpack.Decoder(Incident)
_SILENCE: Final = msgspec.msgpack.Decoder(Silence)
_TRANSITION: Final = msgspec.msgpack.Decoder(Transition)


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
