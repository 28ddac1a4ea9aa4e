"""Which alerts nobody is notified of: silences of people, inhibition by rules, maintenance that recurs."""

import asyncio
from collections.abc import Iterable, Sequence
from uuid import uuid4

from lapbell_evaluator.alerts import AlertStore, Inhibition, MaintenanceWindows, Silences, matches
from lapbell_evaluator.database import Database
from lapbell_evaluator.model import (
    NOBODY,
    Alert,
    Clock,
    InhibitRule,
    Labels,
    MaintenanceState,
    Muted,
    Muter,
    Silence,
    State,
)

__all__ = ["Muting"]


class Muting:
    """Silences, inhibition and maintenance; silences are written before they count.

    Args:
        store: the alerts.
        database: where silences are kept; what it restored is where they go on.
        clock: the time.
        inhibit_rules: of the configuration.
        windows: maintenance, of the configuration.

    Attributes:
        inhibit_rules: as they are now.
        windows: as they are now.
    """

    def __init__(
        self,
        store: AlertStore,
        database: Database,
        clock: Clock,
        inhibit_rules: Sequence[InhibitRule] = (),
        windows: MaintenanceWindows | None = None,
    ) -> None:
        self._store = store
        self._database = database
        self._clock = clock
        self._silences = Silences(database.restored.silences)
        self._writing = asyncio.Lock()
        self.inhibit_rules = tuple(inhibit_rules)
        self.windows = MaintenanceWindows() if windows is None else windows

    def maintenance(self) -> tuple[MaintenanceState, ...]:
        """Where each maintenance window stands, in the order of the configuration."""
        return self.windows.states(self._clock.now())

    def began_at(self, muted: Muted) -> float | None:
        """Unix seconds since when an alert is muted by the silences and maintenance that mute it; None if none does."""
        on = {state.window.name: state.began_at for state in self.maintenance()}
        silences = [self._silences.get(key).starts_at for key in muted.silenced_by]
        windows = [at for name in muted.maintained_by if (at := on.get(name)) is not None]
        return min([*silences, *windows], default=None)

    def silences(self) -> tuple[Silence, ...]:
        """Every silence, expired ones for five days, the one that ends last first."""
        return self._silences.all(self._clock.now())

    def silence(self, key: str) -> Silence:
        """The silence of that id.

        Raises:
            UnknownSilenceError: there is none.
        """
        return self._silences.get(key)

    async def put(self, silence: Silence, by: str = "") -> Silence:
        """Make a silence (without an id), or change one; the silence as it is now, with its id.

        Args:
            silence: with the name of its author.
            by: the role that was proven.

        Raises:
            SilenceError: it matches everything, or its times are wrong.
            UnknownSilenceError: it has an id that there is none of.
        """
        async with self._writing:
            change = self._silences.put(silence, str(uuid4()), self._clock.now(), by)
            await self._database.commit(change, NOBODY)
            self._silences.apply(change)
            return change.silences[-1]

    async def expire(self, key: str, by: str) -> None:
        """End a silence now.

        Raises:
            UnknownSilenceError: there is none with this id.
            SilenceError: it has ended already.
        """
        async with self._writing:
            change = self._silences.expire(key, by, self._clock.now())
            await self._database.commit(change, NOBODY)
            self._silences.apply(change)

    def muter(self) -> Muter:
        """What says which alerts are muted now: made once for many alerts."""
        now = self._clock.now()
        inhibition = Inhibition(self.inhibit_rules, self._firing() if self.inhibit_rules else ())
        on = self.windows.on(now)
        return lambda labels: Muted(self._silences.muting(labels, now), inhibition.of(labels), _maintaining(on, labels))

    def _firing(self) -> Iterable[Labels]:
        alerts: Iterable[Alert] = (alert for key in self._store.incidents for alert in self._store.of_incident(key))
        return (alert.labels for alert in alerts if alert.state is State.FIRING)


def _maintaining(on: Sequence[MaintenanceState], labels: Labels) -> tuple[str, ...]:
    return tuple(state.window.name for state in on if matches(state.window.matchers, dict(labels)))
