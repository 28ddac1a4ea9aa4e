"""The gates for OTLP: who has each port, and whether an empty export is taken there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from lapbell import semconv
from lapbell_evaluator.cli.address import Address, address_of
from lapbell_evaluator.cli.doctor.daemon_thread import in_daemon_thread
from lapbell_evaluator.cli.doctor.evaluator import Evaluator
from lapbell_evaluator.cli.doctor.finding import Finding, Place
from lapbell_evaluator.cli.doctor.health import holder
from lapbell_evaluator.cli.doctor.installation import Installation
from lapbell_evaluator.cli.doctor.otlp import Reply, Taken, export_by_grpc, export_by_http
from lapbell_evaluator.cli.doctor.port import Port, look_at
from lapbell_evaluator.cli.doctor.process import owner_of
from lapbell_evaluator.cli.target import token_from
from lapbell_evaluator.config import Settings, admin_token_file
from lapbell_evaluator.model import EvaluatorError
from lapbell_evaluator.model.prometheus_names import SECONDS, label, metric
from lapbell_evaluator.receiver.replies import Signal

__all__ = ["GRPC", "HTTP", "REST", "Gate", "gates", "own_rest", "test"]

GRPC: Final = Place("gates.otlp_grpc", "listen.otlp_grpc")
HTTP: Final = Place("gates.otlp_http", "listen.otlp_http")
REST: Final = Place("gates.rest", "listen.rest")
_OTHERS: Final = (
    "Set listen.rest (and both listen.otlp_…) to free ports and run `lapbell serve`, or end the other; if it is yours,"
    " name its --config, or restart it: tokens are read at the start."
)


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate of the configuration.

    Attributes:
        place: where its findings belong.
        address: where it is looked for.
        headers: what an export carries.
    """

    place: Place
    address: Address
    headers: Mapping[str, str]

    async def export(self) -> Reply:
        """Send it an empty export of logs, which the evaluator counts and nothing more."""
        if self.place is GRPC:
            return await export_by_grpc(self.address, Signal.LOGS, self.headers, by_tls=False)
        return await export_by_http(f"http://{self.address}{Signal.LOGS.path}", self.headers)


def gates(installation: Installation, settings: Settings) -> tuple[Gate, Gate]:
    """Both gates for OTLP; beside an evaluator on another machine they are looked for there."""
    headers = _headers(settings)
    at = address_of(installation.url)
    pair = []
    for place, listen in ((HTTP, settings.listen.otlp_http), (GRPC, settings.listen.otlp_grpc)):
        address = Address.of_listen(listen)
        pair.append(Gate(place, address if at.is_here else Address(at.host, address.port), headers))
    return pair[0], pair[1]


async def test(gate: Gate, evaluator: Evaluator | None, installation: Installation) -> Finding:
    """Whether the evaluator takes exports there.

    Args:
        gate: which.
        evaluator: the one that answers; None if none does.
        installation: whose gate it is.
    """
    if gate.address.port == 0:
        return gate.place.skipped("port 0 takes a free one: the evaluator's log says which, after `ready:`")
    if evaluator is None and not gate.address.is_here:
        return gate.place.skipped(f"{gate.address} is not this machine's, and no evaluator answers there")
    port = await look_at(gate.address)
    if not port.is_taken:
        return await _empty(gate, port, evaluator)
    if evaluator is None:
        return await _taken(gate, port, installation)
    before = await _seconds_on_logs(evaluator)
    reply = await gate.export()
    if reply.taken is Taken.ACCEPTED:
        return _accepted(gate, port, evaluator.url, before, await _seconds_on_logs(evaluator))
    return _refused(gate, port, reply)


async def own_rest(installation: Installation, settings: Settings, evaluator: Evaluator) -> Finding:
    """Whether the evaluator that answers is the one that the configuration speaks of, with its data folder."""
    own = Address.of_listen(settings.listen.rest)
    if not own.is_same(address_of(installation.url)):
        message = f"{own} by this configuration, but the evaluator that answers is at {installation.url}"
        return REST.note(
            message, "Name its own configuration by --config (LAPBELL_CONFIG) to have its gates looked at."
        )
    with_folder = await in_daemon_thread(lambda: holder(installation))
    if with_folder is not None and own.port in with_folder.ports():
        return REST.ok(f"{own} is where it answers")
    token_file = admin_token_file(settings)
    try:
        token = token_from(None, token_file)
    except EvaluatorError as error:
        return REST.skipped(f"{own} is where one answers; whether it is this folder's is not known: {error.message}")
    if not token:
        return REST.note(f"{own} is where one answers; whether it is this folder's is not known: no {token_file}")
    if await evaluator.knows(token):
        return REST.ok(f"{own} is where it answers")
    owner = await in_daemon_thread(lambda: owner_of(own.port)) if own.is_here else None
    whose = f" ({owner})" if owner is not None else ""
    return REST.wrong(
        f"the evaluator at {own} is another's{whose}: it does not know the token in {token_file}", _OTHERS
    )


async def _empty(gate: Gate, port: Port, evaluator: Evaluator | None) -> Finding:
    if evaluator is None:
        return gate.place.ok(f"{gate.address} is free for `lapbell serve` ({port.trouble})")
    message = f"{gate.address}: {port.trouble}, though the evaluator at {evaluator.url} runs"
    rest = address_of(evaluator.url)
    owner = await in_daemon_thread(lambda: owner_of(rest.port)) if rest.is_here else None
    if owner is not None:
        message += f"; it listens on {', '.join(map(str, owner.ports()))}"
    return gate.place.warning(
        message, f"It has another {gate.place.looked_at}: let apps send there; name its --config here."
    )


async def _taken(gate: Gate, port: Port, installation: Installation) -> Finding:
    """Somebody is there and no evaluator answers: the one that has the database, or a stranger."""
    own = holder(installation)
    if own is not None and gate.address.port in own.ports():
        return gate.place.ok(f"{gate.address} is served by {own}")
    message = f"{gate.address} is taken by {port.who}"
    remedy = f"End it, or set {gate.place.looked_at} to a free port; as it is `lapbell serve` can't start."
    return gate.place.wrong(message, remedy)


def _accepted(gate: Gate, port: Port, url: str, before: float | None, after: float | None) -> Finding:
    if before is None or after is None:
        return gate.place.ok(f"{gate.address} takes exports")
    if after > before:
        return gate.place.ok(f"{gate.address} takes exports, and the evaluator gets them")
    message = f"{gate.address} takes exports, but they do not reach the evaluator at {url}: it is {port.who}"
    return gate.place.warning(
        message, "Right if it is a Collector that sends to the evaluator; else name another port."
    )


def _refused(gate: Gate, port: Port, reply: Reply) -> Finding:
    if reply.taken is Taken.TOKEN:
        return _without_right(gate, reply)
    if reply.taken is Taken.REFUSED:
        return gate.place.wrong(f"{gate.address} takes no exports: {reply.text}", "See the evaluator's log.")
    message = f"{gate.address} is {port.who}, and takes no OTLP ({reply.text})"
    return gate.place.wrong(message, f"End it, or set {gate.place.looked_at} to a free port, in the apps as well.")


def _without_right(gate: Gate, reply: Reply) -> Finding:
    if gate.headers:
        message = f"{gate.address} refuses the token of auth.ingest_token_file: {reply.text}"
        return gate.place.wrong(message, "Tokens are read at the start: restart the evaluator, or mend the file.")
    remedy = "Set auth.ingest_token_file; in apps OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20<token>."
    return gate.place.wrong(f"{gate.address} wants a token: {reply.text}", remedy)


async def _seconds_on_logs(evaluator: Evaluator) -> float | None:
    """How long the evaluator has worked on exports of logs: it grows with every one, an empty one too."""
    name = f"{metric(semconv.LAPBELL_RECEIVER_DECODE_TIME, SECONDS)}_total"
    try:
        readings = (await evaluator.metrics()).get(name, ())
    except EvaluatorError:
        return None
    of_logs = (
        sample.value for sample in readings if sample.labels.get(label(semconv.LAPBELL_SIGNAL)) == Signal.LOGS.label
    )
    return next(of_logs, None)


def _headers(settings: Settings) -> dict[str, str]:
    """What the configuration's own senders show; files that can't be read are told elsewhere."""
    file = settings.auth.ingest_token_file
    if file is None:
        return {}
    try:
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return {}
    return {"authorization": f"Bearer {token}"} if token else {}
