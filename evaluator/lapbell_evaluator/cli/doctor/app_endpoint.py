"""The app's side: whether what an app sends from this environment is taken."""

from collections.abc import Sequence
from typing import Final

from lapbell_evaluator.cli.address import Address, address_of
from lapbell_evaluator.cli.doctor.app_variables import SIGNALS
from lapbell_evaluator.cli.doctor.finding import Finding, Place
from lapbell_evaluator.cli.doctor.installation import Installation
from lapbell_evaluator.cli.doctor.otlp import Reply, Taken, export_by_grpc, export_by_http
from lapbell_evaluator.cli.doctor.otlp_target import DEFAULT_URLS, GRPC, HTTP, OtlpTarget, otlp_target

__all__ = ["endpoint"]

PLACE: Final = Place("app.endpoint", "where an app sends")
_PROTOCOLS: Final = frozenset({GRPC, HTTP})
_HEADERS: Final = "OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20<token>"


async def endpoint(installation: Installation) -> tuple[Finding, ...]:
    """Whether an empty export of metrics, and one of spans, is taken where an app that is started here sends."""
    targets = [target for target in (otlp_target(signal, installation.environ) for signal in SIGNALS) if target.is_otlp]
    usable = [target for target in targets if target.protocol in _PROTOCOLS]
    if not usable:
        return (PLACE.skipped("no OTLP exporter in this environment"),)
    if not any(target.variable for target in usable):
        return (_default(usable[0], installation),)
    by_reply: dict[tuple[str, str, Reply], list[OtlpTarget]] = {}
    for target in usable:
        try:
            reply = await _reply(target)
        except ValueError:
            continue  # told among the variables
        by_reply.setdefault((target.url.removesuffix(target.signal.path), target.protocol, reply), []).append(target)
    return tuple(_finding(url, targets, reply) for (url, _, reply), targets in by_reply.items())


def _default(target: OtlpTarget, installation: Installation) -> Finding:
    url = DEFAULT_URLS[target.protocol]
    message = f"no OTEL_EXPORTER_OTLP_ENDPOINT here: apps send to {url}"
    if installation.settings is None:
        return PLACE.note(message)
    listen = installation.settings.listen
    gate = Address.of_listen(listen.otlp_grpc if target.protocol == GRPC else listen.otlp_http)
    if gate.is_same(address_of(url)):
        return PLACE.ok(f"{message}, this evaluator's gate")
    remedy = f"In the app's environment: OTEL_EXPORTER_OTLP_ENDPOINT=http://{gate}"
    return PLACE.warning(f"{message}, but this evaluator's gate is {gate}", remedy)


async def _reply(target: OtlpTarget) -> Reply:
    if target.protocol == GRPC:
        return await export_by_grpc(address_of(target.url), target.signal, target.headers, by_tls=target.by_tls)
    return await export_by_http(target.url, target.headers)


def _finding(url: str, targets: Sequence[OtlpTarget], reply: Reply) -> Finding:
    signals = " and ".join(target.signal.label for target in targets)
    message = f"{url} ({targets[0].protocol}, {signals})"
    match reply.taken:
        case Taken.ACCEPTED:
            return PLACE.ok(f"{message} takes exports")
        case Taken.TOKEN:
            return PLACE.wrong(f"{message} refuses the token: {reply.text}", _HEADERS)
        case Taken.UNREACHABLE:
            remedy = f"Start what should listen there, or mend {targets[0].variable}."
            return PLACE.wrong(f"{message}: {reply.text}", remedy)
        case _:
            other = HTTP if targets[0].protocol == GRPC else GRPC
            remedy = f"Try OTEL_EXPORTER_OTLP_PROTOCOL={other}, or mend {targets[0].variable}."
            return PLACE.wrong(f"{message} takes no exports: {reply.text}", remedy)
