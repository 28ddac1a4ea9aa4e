"""Observable values, answered from memory: a slow callback would stall every metric of the process."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from opentelemetry.metrics import CallbackOptions, Observation

from lapbell import faults
from lapbell.seam import Seam

__all__ = ["Gauges", "Source"]


class Source(Protocol):
    """Knows the present values of some gauges."""

    @property
    def gauges(self) -> tuple[str, ...]:
        """Names of the gauges it knows."""
        ...

    def observe(self, gauge: str) -> Iterable[Observation]:
        """The present values of one gauge, at once and from memory; nothing if they are not known or too old."""
        ...


class Gauges:
    """Registers each gauge once, and asks whoever knows its values at the moment.

    Args:
        seam: where the gauges are made.
    """

    def __init__(self, seam: Seam) -> None:
        self._seam = seam
        self._sources: dict[str, list[Source]] = {}

    def add(self, source: Source) -> None:
        """Ask this source from now on."""
        for gauge in source.gauges:
            if gauge not in self._sources:
                self._sources[gauge] = []
                self._seam.watch(gauge, self._asker(gauge))
            self._sources[gauge].append(source)

    def remove(self, source: Source) -> None:
        """Ask this source no longer."""
        for gauge in source.gauges:
            if source in self._sources.get(gauge, []):
                self._sources[gauge].remove(source)

    def _asker(self, gauge: str) -> "_Asker":
        return _Asker(gauge, self._sources[gauge])


class _Asker:
    """The callback of one gauge."""

    def __init__(self, gauge: str, sources: list[Source]) -> None:
        self._gauge = gauge
        self._sources = sources

    def __call__(self, _options: CallbackOptions) -> Iterator[Observation]:
        for source in tuple(self._sources):
            try:
                yield from source.observe(self._gauge)
            except Exception as fault:  # noqa: BLE001 - one gauge that fails must not cost the others
                faults.report(f"gauge {self._gauge}", fault)
