"""What leaves the evaluator: alerts by OTLP, links to traces."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import httpx

from lapbell_evaluator.cli.address import address_of
from lapbell_evaluator.cli.doctor.daemon_thread import resolve
from lapbell_evaluator.cli.doctor.finding import Finding, Place
from lapbell_evaluator.cli.doctor.otlp import Reply, Taken, export_by_grpc, export_by_http
from lapbell_evaluator.cli.doctor.patience import patient
from lapbell_evaluator.cli.doctor.unanswered import why_unanswered
from lapbell_evaluator.config import ConfigError, Export, Settings, export_headers
from lapbell_evaluator.receiver.replies import Signal

__all__ = ["endpoint", "trace_url"]

ENDPOINT: Final = Place("leaving.endpoint", "export.endpoint")
TRACE_URL: Final = Place("leaving.trace_url", "trace_url")
_TIMEOUT_S: Final = 1.8


async def endpoint(settings: Settings) -> tuple[Finding, ...]:
    """Whether alerts, as log records, and the metric of alerts are taken there."""
    export = settings.export
    if export.endpoint is None:
        return (ENDPOINT.skipped("not set: no alert leaves by OTLP"),)
    logs = await _reply(export, export.endpoint, Signal.LOGS)
    if logs.taken is not Taken.ACCEPTED:
        return (_refused(export, export.endpoint, logs),)
    metrics = await _reply(export, export.endpoint, Signal.METRICS)
    if metrics.taken is not Taken.ACCEPTED:
        message = f"{export.endpoint} takes alerts, but not their metric: {metrics.text}"
        return (ENDPOINT.warning(message, "Let the endpoint take metrics as well as logs: a pipeline for each."),)
    return (ENDPOINT.ok(f"{export.endpoint} takes exports ({export.protocol})"),)


def _refused(export: Export, url: str, reply: Reply) -> Finding:
    match reply.taken:
        case Taken.TOKEN:
            return ENDPOINT.wrong(f"{url} refuses the credentials: {reply.text}", "Set export.headers_file.")
        case Taken.UNREACHABLE:
            return ENDPOINT.wrong(f"{url} ({export.protocol}): {reply.text}", "Start it, or mend export.endpoint.")
        case _:
            other = "http/protobuf" if export.protocol == "grpc" else "grpc"
            return ENDPOINT.wrong(
                f"{url} takes no logs by {export.protocol}: {reply.text}",
                f"Try export.protocol: {other}, or let the endpoint take logs.",
            )


async def _reply(export: Export, url: str, signal: Signal) -> Reply:
    headers = _headers(export)
    if export.protocol == "grpc":
        return await export_by_grpc(address_of(url), signal, headers, by_tls=url.startswith("https"))
    return await export_by_http(f"{url.rstrip('/')}{signal.path}", headers)


async def trace_url(settings: Settings) -> Finding:
    """Whether somebody answers where links to traces lead."""
    if settings.trace_url is None:
        return TRACE_URL.skipped("not set: links of alerts lead to the traces that this evaluator keeps")
    parts = urlsplit(settings.trace_url)
    root = f"{parts.scheme}://{parts.netloc}/"
    remedy = "Start Jaeger (it gets traces from the apps or the Collector, not from the evaluator), or mend trace_url."
    try:
        await resolve(address_of(root))
        async with httpx.AsyncClient(timeout=patient(_TIMEOUT_S), trust_env=False) as client:
            answer = await client.get(root)
    except (httpx.TransportError, OSError) as error:
        return TRACE_URL.warning(f"{root}: {why_unanswered(error)}", remedy)
    if answer.is_server_error:
        return TRACE_URL.warning(f"{root} answers {answer.status_code}", remedy)
    return TRACE_URL.ok(f"{root} answers")


def _headers(export: Export) -> Mapping[str, str]:
    """What is sent with each export; a file that can't be read is told among the token files."""
    try:
        return dict(export_headers(export))
    except ConfigError:
        return {}
