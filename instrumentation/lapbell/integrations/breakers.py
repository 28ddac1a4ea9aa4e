"""pybreaker's circuit breakers."""

from typing import Any

import pybreaker

from lapbell.circuits import circuit

__all__ = ["watch_breaker"]


def watch_breaker(breaker: pybreaker.CircuitBreaker, name: str | None = None) -> None:
    """Report the state of a breaker, and every change of it.

    Args:
        breaker: of pybreaker.
        name: on metrics; the breaker's own, or `breaker`, if not given.
    """
    known = name or breaker.name or "breaker"
    breaker.add_listener(_Listener(known))
    circuit(known, breaker.current_state)


class _Listener(pybreaker.CircuitBreakerListener):
    def __init__(self, name: str) -> None:
        self._name = name

    def state_change(self, cb: pybreaker.CircuitBreaker, old_state: Any, new_state: Any) -> None:  # noqa: ANN401, ARG002 - pybreaker's signature
        """The breaker has changed."""
        circuit(self._name, new_state.name)
