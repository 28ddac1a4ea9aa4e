"""The app's side: whether what an app sends from this environment is taken."""

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
    found = []
    for way in usable:
        try:
            reply = await _reply(way)
        except ValueError:
            continue  # told among the variables
        found.append(_finding(way, reply))
    taken = [each for each in found if each.verdict == "ok"]
    if len(taken) == len(SIGNALS) and len({way.url.removesuffix(way.signal.path) for way in usable}) == 1:
        url = usable[0].url.removesuffix(usable[0].signal.path)
        return (PLACE.ok(f"{url} takes metrics and spans ({usable[0].protocol})"),)
    return tuple(found)


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
    address_of(way.url)
    return await export_by_http(way.url, way.headers)


def _finding(way: WayOut, reply: Reply) -> Finding:
    told = f"{way.url} ({way.signal.label}, {way.protocol})"
    match reply.taken:
        case Taken.ACCEPTED:
            return PLACE.ok(f"{told} takes exports")
        case Taken.TOKEN:
            return PLACE.wrong(f"{told} refuses the token: {reply.told}", _HEADERS)
        case Taken.UNREACHABLE:
            return PLACE.wrong(f"{told}: {reply.told}", f"Start what should listen there, or mend {way.variable}.")
        case _:
            remedy = f"Mend {way.variable}, or OTEL_EXPORTER_OTLP_PROTOCOL (now {way.protocol})."
            return PLACE.wrong(f"{told} takes no exports: {reply.told}", remedy)
