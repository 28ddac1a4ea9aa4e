"""Circuit breakers: the state each one is in, and every change of it."""

import threading
from collections.abc import Callable, Iterator, Mapping

from opentelemetry.metrics import Observation

from lapbell import faults, seam, semconv
from lapbell.process import process

__all__ = ["Circuits", "circuit"]


def _nothing() -> None:
    """Nobody exports before `setup()`."""


class Circuits:
    """Knows the circuits of this process."""

    def __init__(self) -> None:
        self._states: dict[str, str] = {}
        self.request_export: Callable[[], None] = _nothing
        self._renew()
        process.register(renew_after_fork=self._renew)

    def _renew(self) -> None:
        """A child has its own breakers, in the states in which the fork found them, and none of them has opened yet."""
        self._lock = threading.Lock()
        self._trips = 0

    @property
    def gauges(self) -> tuple[str, ...]:
        """The gauge whose values it knows."""
        return (semconv.CIRCUIT_BREAKER_STATUS,)

    @property
    def states(self) -> Mapping[str, str]:
        """The state of each circuit by its name."""
        with self._lock:
            return dict(self._states)

    @property
    def trips(self) -> int:
        """How often a circuit has opened."""
        return self._trips

    def report(self, name: str, state: str) -> None:
        """A circuit is in this state; the first report of a circuit is no change.

        Args:
            name: of the circuit, of few distinct values.
            state: closed, open or half_open, in any spelling.
        """
        to = state.strip().lower().replace("-", "_").replace(" ", "_")
        if to not in semconv.CIRCUIT_STATES:
            faults.report("circuit breaker", f"{name} reports the state {state!r}: closed, open or half_open are known")
            return
        with self._lock:
            before = self._states.get(name)
            self._states[name] = to
            opened = to == semconv.CIRCUIT_OPEN and before != to
            self._trips += opened
        if before is not None and before != to:
            names = {semconv.CIRCUIT_BREAKER_NAME: name}
            change = {semconv.CIRCUIT_BREAKER_FROM: before, semconv.CIRCUIT_BREAKER_TO: to}
            seam.current().count(semconv.CIRCUIT_BREAKER_TRANSITIONS, 1, names | change)
        if opened:
            self.request_export()

    def observe(self, _gauge: str) -> Iterator[Observation]:
        """1 for the state that each circuit is in, 0 for the others."""
        for name, present in self.states.items():
            for state in semconv.CIRCUIT_STATES:
                named = {semconv.CIRCUIT_BREAKER_NAME: name, semconv.CIRCUIT_BREAKER_STATE: state}
                yield Observation(int(state == present), named)


def circuit(name: str, state: str) -> None:
    """Report the state of a circuit breaker of any library, from its callback: `lapbell.circuit("redis", "open")`.

    Args:
        name: of the circuit, of few distinct values.
        state: closed, open or half_open, in any spelling.
    """
    try:
        process.obtain(Circuits).report(name, state)
    except Exception as fault:  # noqa: BLE001 - a breaker must do its work whatever is wrong with us
        faults.report("circuit breaker", fault)
