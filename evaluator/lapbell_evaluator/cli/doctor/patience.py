"""How long an examination waits for what may never answer."""

from contextvars import ContextVar

__all__ = ["patient", "set_patience"]

_FACTOR: ContextVar[float] = ContextVar("lapbell_doctor_patience", default=1.0)


def set_patience(factor: float) -> None:
    """Let all that is begun from here on wait `factor` times as long: for a busy machine, or one far away."""
    _FACTOR.set(factor)


def patient(limit_s: float) -> float:
    """A time limit, as often as the examination's patience."""
    return limit_s * _FACTOR.get()
