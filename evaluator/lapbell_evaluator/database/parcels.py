"""Parcels to bytes and back: msgpack, because JSON has neither NaN nor infinity, and alerts may have both as values."""

from typing import Final

import msgspec

from lapbell_evaluator.model import Alert, Incident, Silence, Transition

__all__ = ["alert", "incident", "pack", "silence", "transition"]

_ENCODER: Final = msgspec.msgpack.Encoder()
_ALERT: Final = msgspec.msgpack.Decoder(Alert)
_INCIDENT: Final = msgspec.msgpack.Decoder(Incident)
_SILENCE: Final = msgspec.msgpack.Decoder(Silence)
_TRANSITION: Final = msgspec.msgpack.Decoder(Transition)


def pack(parcel: Alert | Incident | Silence | Transition) -> bytes:
    """The parcel as msgpack."""
    return _ENCODER.encode(parcel)


def alert(parcel: bytes) -> Alert:
    """The alert again."""
    return _ALERT.decode(parcel)


def incident(parcel: bytes) -> Incident:
    """The incident again."""
    return _INCIDENT.decode(parcel)


def silence(parcel: bytes) -> Silence:
    """The silence again."""
    return _SILENCE.decode(parcel)


def transition(parcel: bytes) -> Transition:
    """The transition again."""
    return _TRANSITION.decode(parcel)
