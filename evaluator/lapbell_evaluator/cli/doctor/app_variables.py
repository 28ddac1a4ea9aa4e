"""The app's side: which of its variables are set in this environment, and which contradict each other."""

from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

from lapbell_evaluator.cli.doctor.finding import Finding, Place
from lapbell_evaluator.cli.doctor.patient import Address, Patient, address_of
from lapbell_evaluator.cli.doctor.way_out import GRPC, HTTP, WayOut, way_out
from lapbell_evaluator.receiver.replies import Signal

__all__ = ["SIGNALS", "variables"]

PLACE: Final = Place("app.variables", "OTEL_ variables")
SIGNALS: Final = (Signal.METRICS, Signal.TRACES)
_OWN: Final = frozenset({"LAPBELL_PROVIDER", "LAPBELL_WEBHOOKS", "LAPBELL_TARGETS", "LAPBELL_URL"})
_EXPORTERS: Final = frozenset({"otlp", "otlp_proto_grpc", "otlp_proto_http", "console", "none"})
_USUAL_PORTS: Final = {GRPC: 4317, HTTP: 4318}
_LONGEST_INTERVAL_MS: Final = 15_000.0
_SHORTEST_INTERVAL_MS: Final = 100.0


def variables(patient: Patient) -> Iterator[Finding]:
    """What is set, and each contradiction."""
    environ = patient.environ
    found = [
        *_switches(environ),
        *(finding for signal in SIGNALS for finding in _way(way_out(signal, environ), patient)),
        *_sampling(environ),
        *_interval(environ),
        *_targets(environ),
        *_proxies(environ),
    ]
    yield from dict.fromkeys(found)
    given = sorted(name for name in environ if name.startswith("OTEL_") or name in _OWN)
    if not found:
        yield PLACE.ok(f"set here, none contradicts: {', '.join(given)}" if given else "none is set here")


def _switches(environ: Mapping[str, str]) -> Iterator[Finding]:
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        yield PLACE.wrong("OTEL_SDK_DISABLED=true: apps started here send nothing", "unset OTEL_SDK_DISABLED")
    disabled = environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "").split(",")
    if "lapbell" in map(str.strip, disabled):
        yield PLACE.warning(
            "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS turns lapbell off under opentelemetry-instrument",
            "Take lapbell out of OTEL_PYTHON_DISABLED_INSTRUMENTATIONS, or call lapbell.setup(app).",
        )
    if environ.get("OTEL_METRICS_EXEMPLAR_FILTER", "").strip().lower() == "always_off":
        yield PLACE.warning(
            "OTEL_METRICS_EXEMPLAR_FILTER=always_off: alerts can't name the traces of what they measured",
            "unset OTEL_METRICS_EXEMPLAR_FILTER",
        )


def _way(way: WayOut, patient: Patient) -> Iterator[Finding]:
    variable = f"OTEL_{way.signal.label.upper()}_EXPORTER"
    if way.exporter not in _EXPORTERS:
        remedy = f"{variable}=otlp; lapbell knows otlp, console and none."
        yield PLACE.wrong(f"{variable}={way.exporter}: lapbell.setup() refuses it", remedy)
    elif not way.is_otlp:
        told = f"{variable}={way.exporter}: no {way.signal.label} leave apps started here"
        yield PLACE.warning(told, f"unset {variable}")
    elif way.protocol not in _USUAL_PORTS:
        told = f"OTEL_EXPORTER_OTLP_PROTOCOL={way.protocol}: lapbell.setup() refuses it"
        yield PLACE.wrong(told, "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf, or grpc.")
    elif way.variable:
        yield from _endpoint(way, patient)


def _endpoint(way: WayOut, patient: Patient) -> Iterator[Finding]:
    said = f"{way.variable}={patient.environ[way.variable]}"
    try:
        address = address_of(way.url)
    except ValueError:
        yield PLACE.wrong(f"{said} is no URL", f"{way.variable}=http://127.0.0.1:4318")
        return
    if way.protocol == HTTP and urlsplit(way.url).scheme not in {"http", "https"}:
        yield PLACE.wrong(f"{said} has no http:// before it", f"{way.variable}=http://{address}")
    elif way.protocol == GRPC and way.by_tls and urlsplit(way.url).scheme != "https":
        told = f"{said} without http:// before it is spoken to by TLS"
        yield PLACE.warning(told, f"{way.variable}=http://{address}, or OTEL_EXPORTER_OTLP_INSECURE=true.")
    other = GRPC if way.protocol == HTTP else HTTP
    if address.port in _ports(other, patient) and address.port not in _ports(way.protocol, patient):
        told = f"{said} is the port of {other}, but the protocol is {way.protocol}"
        remedy = f"OTEL_EXPORTER_OTLP_PROTOCOL={other}, or port {_USUAL_PORTS[way.protocol]}."
        yield PLACE.wrong(told, remedy)
    if way.protocol == HTTP:
        yield from _path(way, said)


def _ports(protocol: str, patient: Patient) -> set[int]:
    if patient.settings is None:
        return {_USUAL_PORTS[protocol]}
    listen = patient.settings.listen
    own = Address.of_listen(listen.otlp_grpc if protocol == GRPC else listen.otlp_http)
    return {_USUAL_PORTS[protocol], own.port} - {0}


def _path(way: WayOut, said: str) -> Iterator[Finding]:
    """The common endpoint is a base, that of one signal is whole: mixed up, exports end at a path that is none."""
    path, is_base = urlsplit(way.url).path, way.variable == "OTEL_EXPORTER_OTLP_ENDPOINT"
    if is_base and path.count("/v1/") > 1:
        told = f"{said}: exports go to {path}"
        yield PLACE.wrong(told, f"Leave out the path: {way.variable} is what {way.signal.path} is added to.")
    if not is_base and not path.endswith(way.signal.path):
        told = f"{said} is used as it is, without {way.signal.path}"
        yield PLACE.warning(told, f"End {way.variable} with {way.signal.path}, or set OTEL_EXPORTER_OTLP_ENDPOINT.")


def _sampling(environ: Mapping[str, str]) -> Iterator[Finding]:
    sampler = environ.get("OTEL_TRACES_SAMPLER", "").strip()
    if sampler and sampler != "lapbell":
        yield PLACE.warning(
            f"OTEL_TRACES_SAMPLER={sampler}: under opentelemetry-instrument, metrics count sampled traces alone",
            "OTEL_TRACES_SAMPLER=lapbell (docs/how-to/sampling.md)",
        )
    yield from _number(
        "OTEL_TRACES_SAMPLER_ARG", environ, 0.0, 1.0, "OTEL_TRACES_SAMPLER_ARG=1, or a share from 0 to 1."
    )


def _interval(environ: Mapping[str, str]) -> Iterator[Finding]:
    remedy = "OTEL_METRIC_EXPORT_INTERVAL=5000 (milliseconds), or unset it: lapbell sends every 5 s."
    name = "OTEL_METRIC_EXPORT_INTERVAL"
    yield from _number(name, environ, _SHORTEST_INTERVAL_MS, _LONGEST_INTERVAL_MS, remedy)


def _number(name: str, environ: Mapping[str, str], least: float, most: float, remedy: str) -> Iterator[Finding]:
    said = environ.get(name, "").strip()
    if not said:
        return
    try:
        number = float(said)
    except ValueError:
        yield PLACE.wrong(f"{name}={said} is no number: lapbell.setup() refuses it", remedy)
        return
    if not least <= number <= most:
        yield PLACE.warning(f"{name}={said} is not between {least:g} and {most:g}", remedy)


def _targets(environ: Mapping[str, str]) -> Iterator[Finding]:
    said = environ.get("LAPBELL_TARGETS", "").strip()
    if not said:
        return
    try:
        target_s, requirement_s = (float(each) for each in said.split(","))
    except ValueError:
        target_s = requirement_s = 0.0
    if not 0 < target_s <= requirement_s:
        yield PLACE.wrong(f"LAPBELL_TARGETS={said}: lapbell refuses it", "LAPBELL_TARGETS=0.5,2")


def _proxies(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Python's exporters go through a proxy that the environment names, to this machine too."""
    known = {
        name.lower().removesuffix("_proxy"): text for name, text in environ.items() if name.lower().endswith("_proxy")
    }
    for way in (way_out(signal, environ) for signal in SIGNALS):
        scheme, host = urlsplit(way.url).scheme, urlsplit(way.url).hostname or ""
        if way.is_otlp and known.get(scheme) and not _is_direct(host, known.get("no", "")):
            told = f"{scheme.upper()}_PROXY is set: exports to {host} go through it"
            yield PLACE.warning(told, f"Add {host} to NO_PROXY.")


def _is_direct(host: str, no_proxy: str) -> bool:
    """Whether NO_PROXY names the host, or a domain that it is in."""
    entries = [each.strip().lower().removeprefix("*").lstrip(".") for each in no_proxy.split(",") if each.strip()]
    return any(not each or host == each or host.endswith(f".{each}") for each in entries)
