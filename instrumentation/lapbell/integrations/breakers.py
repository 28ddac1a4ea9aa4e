"""pybreaker's circuit breakers, which call whatever has the methods of its listeners."""

from typing import Any, Protocol

from lapbell.circuits import circuit

__all__ = ["watch_breaker"]


class Breaker(Protocol):
    """A breaker of pybreaker, as far as it is asked."""

    @property
    def name(self) -> str | None:
        """The name it was given."""
        ...

    @property
    def current_state(self) -> str:
        """closed, open or half-open."""
        ...

    def add_listener(self, listener: Any) -> None:  # noqa: ANN401 - pybreaker's own class, which may not be installed
        """Call its methods from now on."""
        ...


def watch_breaker(breaker: Breaker, name: str | None = None, system: str = "") -> None:
    """Report the state of a breaker, and every change of it.

    Args:
        breaker: of pybreaker.
        name: on metrics; the breaker's own, or `breaker`, if not given.
        system: what it guards, as `db.system.name` has it, such as `redis`; that is also known by a name with `redis`.
    """
    circuit_name = name or breaker.name or "breaker"
    breaker.add_listener(_Listener(circuit_name, system))
    circuit(circuit_name, breaker.current_state, system)


class _Listener:
    """The four methods of pybreaker's listeners."""

    def __init__(self, name: str, system: str) -> None:
        self._name = name
        self._system = system

    def before_call(self, breaker: Breaker, *call: object, **options: object) -> None:
        """A call begins."""

    def success(self, breaker: Breaker) -> None:
        """A call went well."""

    def failure(self, breaker: Breaker, error: BaseException) -> None:
        """A call failed."""

    def state_change(self, breaker: Breaker, old_state: Any, new_state: Any) -> None:  # noqa: ANN401, ARG002 - pybreaker's
        """The breaker has changed."""
        circuit(self._name, new_state.name, self._system)
