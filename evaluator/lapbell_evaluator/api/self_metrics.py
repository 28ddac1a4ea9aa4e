"""`/metrics`: what the evaluator says about itself, for any Prometheus."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from fastapi import APIRouter, Depends, Response
from fastapi.responses import PlainTextResponse
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from lapbell_evaluator.api.errors import PROBLEM
from lapbell_evaluator.api.guarded_route import GuardedRoute
from lapbell_evaluator.api.services import Services
from lapbell_evaluator.model import Reading, ReadingKind, Role
from lapbell_evaluator.model.prometheus_names import label

__all__ = ["router"]

_UNITS: Final = {"s": "seconds", "By": "bytes"}


def router(services: Services) -> APIRouter:
    """The route of the evaluator's own telemetry."""
    routes = APIRouter(route_class=GuardedRoute, tags=["health"], responses={"4XX": PROBLEM})
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Readings(services.readings))
    viewer = Depends(services.access.requires(Role.VIEWER))

    @routes.get("/metrics", dependencies=[viewer], response_class=PlainTextResponse)
    async def metrics() -> Response:
        """The evaluator's own telemetry in Prometheus' text format."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return routes


class _Readings(Collector):
    """Readings as prometheus_client wants them."""

    def __init__(self, readings: Callable[[], Iterable[Reading]]) -> None:
        self._readings = readings

    def collect(self) -> Iterator[Metric]:
        """One family for each name, with all its attributes."""
        families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
        for reading in self._readings():
            names = tuple(label(name) for name, _ in reading.attributes)
            family = families.get(reading.name)
            if family is None:
                family = families[reading.name] = _family(reading, names)
            family.add_metric([value for _, value in reading.attributes], reading.value)
        yield from families.values()


def _family(reading: Reading, names: tuple[str, ...]) -> CounterMetricFamily | GaugeMetricFamily:
    kind = CounterMetricFamily if reading.kind is ReadingKind.COUNTER else GaugeMetricFamily
    return kind(label(reading.name), reading.help, labels=names, unit=_UNITS.get(reading.unit, ""))
