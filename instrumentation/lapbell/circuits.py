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
        self._systems: dict[str, str] = {}
        self._is_over = False
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

    def start(self) -> None:
        """Tell the states."""
        self._is_over = False

    def stop(self) -> None:
        """The process ends, and its circuits with it: what is told last is that they are in no state any more."""
        self._is_over = True

    def report(self, name: str, state: str, system: str = "") -> None:
        """A circuit is in this state; the first report of a circuit is no change.

        Args:
            name: of the circuit, of few distinct values.
            state: closed, open or half_open, in any spelling.
            system: what it guards, as `db.system.name` has it; `redis` if the circuit's name says so, empty otherwise.
        """
        to = state.strip().lower().replace("-", "_").replace(" ", "_")
        if to not in semconv.CIRCUIT_STATES:
            faults.report("circuit breaker", f"{name} reports the state {state!r}: closed, open or half_open are known")
            return
        with self._lock:
            before = self._states.get(name)
            self._states[name] = to
            self._systems[name] = system or self._systems.get(name) or _system_of(name)
            opened = to == semconv.CIRCUIT_OPEN and before != to
            self._trips += opened
        if before is not None and before != to:
            names = self._named(name)
            change = {semconv.CIRCUIT_BREAKER_FROM: before, semconv.CIRCUIT_BREAKER_TO: to}
            seam.current().count(semconv.CIRCUIT_BREAKER_TRANSITIONS, 1, names | change)
        if opened:
            self.request_export()

    def observe(self, _gauge: str) -> Iterator[Observation]:
        """1 for the state that each circuit is in, 0 for the others; 0 for all once the process ends."""
        for name, present in self.states.items():
            for state in semconv.CIRCUIT_STATES:
                named = self._named(name) | {semconv.CIRCUIT_BREAKER_STATE: state}
                yield Observation(int(state == present and not self._is_over), named)

    def _named(self, name: str) -> dict[str, str]:
        system = self._systems.get(name, "")
        named = {semconv.CIRCUIT_BREAKER_NAME: name}
        return named | {semconv.DB_SYSTEM_NAME: system} if system else named


def _system_of(name: str) -> str:
    return semconv.REDIS if semconv.REDIS in name.lower() else ""


def circuit(name: str, state: str, system: str = "") -> None:
    """Report the state of a circuit breaker of any library, from its callback: `lapbell.circuit("redis", "open")`.

    Args:
        name: of the circuit, of few distinct values.
        state: closed, open or half_open, in any spelling.
        system: what it guards, as `db.system.name` has it, such as `redis`; that is also known by a name with `redis`.
    """
    try:
        process.obtain(Circuits).report(name, state, system)
    except Exception as fault:  # noqa: BLE001 - a breaker must do its work whatever is wrong with us
        faults.report("circuit breaker", fault)
