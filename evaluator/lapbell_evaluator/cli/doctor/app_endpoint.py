"""The app's side: whether what an app sends from this environment is taken."""

from collections.abc import Sequence
from typing import Final

from lapbell_evaluator.cli.doctor.app_variables import SIGNALS
from lapbell_evaluator.cli.doctor.finding import Finding, Place
from lapbell_evaluator.cli.doctor.otlp import Reply, Taken, export_by_grpc, export_by_http
from lapbell_evaluator.cli.doctor.patient import Address, Patient, address_of
from lapbell_evaluator.cli.doctor.way_out import DEFAULT_URLS, GRPC, HTTP, WayOut, way_out

__all__ = ["endpoint"]

PLACE: Final = Place("app.endpoint", "where an app sends")
_PROTOCOLS: Final = frozenset({GRPC, HTTP})
_HEADERS: Final = "OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20<token>"


async def endpoint(patient: Patient) -> tuple[Finding, ...]:
    """Whether an empty export of metrics, and one of spans, is taken where an app that is started here sends."""
    ways = [way for way in (way_out(signal, patient.environ) for signal in SIGNALS) if way.is_otlp]
    usable = [way for way in ways if way.protocol in _PROTOCOLS]
    if not usable:
        return (PLACE.skipped("no OTLP exporter in this environment"),)
    if not any(way.variable for way in usable):
        return (_default(usable[0], patient),)
    told: dict[tuple[str, str, Reply], list[WayOut]] = {}
    for way in usable:
        try:
            reply = await _reply(way)
        except ValueError:
            continue  # told among the variables
        told.setdefault((way.url.removesuffix(way.signal.path), way.protocol, reply), []).append(way)
    return tuple(_finding(url, ways, reply) for (url, _, reply), ways in told.items())


def _default(way: WayOut, patient: Patient) -> Finding:
    url = DEFAULT_URLS[way.protocol]
    told = f"no OTEL_EXPORTER_OTLP_ENDPOINT here: apps send to {url}"
    if patient.settings is None:
        return PLACE.note(told)
    listen = patient.settings.listen
    gate = Address.of_listen(listen.otlp_grpc if way.protocol == GRPC else listen.otlp_http)
    if gate.is_same(address_of(url)):
        return PLACE.ok(f"{told}, this evaluator's gate")
    remedy = f"In the app's environment: OTEL_EXPORTER_OTLP_ENDPOINT=http://{gate}"
    return PLACE.warning(f"{told}, but this evaluator's gate is {gate}", remedy)


async def _reply(way: WayOut) -> Reply:
    if way.protocol == GRPC:
        return await export_by_grpc(address_of(way.url), way.signal, way.headers, by_tls=way.by_tls)
    return await export_by_http(way.url, way.headers)


def _finding(url: str, ways: Sequence[WayOut], reply: Reply) -> Finding:
    signals = " and ".join(way.signal.label for way in ways)
    told = f"{url} ({ways[0].protocol}, {signals})"
    match reply.taken:
        case Taken.ACCEPTED:
            return PLACE.ok(f"{told} takes exports")
        case Taken.TOKEN:
            return PLACE.wrong(f"{told} refuses the token: {reply.told}", _HEADERS)
        case Taken.UNREACHABLE:
            remedy = f"Start what should listen there, or mend {ways[0].variable}."
            return PLACE.wrong(f"{told}: {reply.told}", remedy)
        case _:
            other = HTTP if ways[0].protocol == GRPC else GRPC
            remedy = f"Try OTEL_EXPORTER_OTLP_PROTOCOL={other}, or mend {ways[0].variable}."
            return PLACE.wrong(f"{told} takes no exports: {reply.told}", remedy)
