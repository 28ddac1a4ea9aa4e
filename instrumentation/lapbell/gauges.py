"""Observable values, answered from memory: a slow callback would stall every metric of the process."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from lapbell import faults
from lapbell.seam import watch

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
        meter: makes the gauges.
    """

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._sources: dict[str, list[Source]] = {}

    def add(self, source: Source) -> None:
        """Ask this source from now on."""
        for gauge in source.gauges:
            if gauge not in self._sources:
                self._sources[gauge] = []
                watch(self._meter, gauge, _Asker(gauge, self._sources[gauge]))
            self._sources[gauge].append(source)

    def remove(self, source: Source) -> None:
        """Ask this source no longer."""
        for gauge in source.gauges:
            if source in self._sources.get(gauge, []):
                self._sources[gauge].remove(source)


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
