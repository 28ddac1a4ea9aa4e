"""The app's side: which of its variables are set in this environment, and which contradict each other."""

from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

from lapbell_evaluator.cli.address import Address, address_of
from lapbell_evaluator.cli.doctor.finding import Finding, Place
from lapbell_evaluator.cli.doctor.installation import Installation
from lapbell_evaluator.cli.doctor.otlp_target import GRPC, HTTP, OtlpTarget, otlp_target
from lapbell_evaluator.receiver.replies import Signal

__all__ = ["SIGNALS", "variables"]

PLACE: Final = Place("app.variables", "OTEL_ variables")
SIGNALS: Final = (Signal.METRICS, Signal.TRACES)
_OWN: Final = frozenset({"LAPBELL_PROVIDER", "LAPBELL_WEBHOOKS", "LAPBELL_TARGETS", "LAPBELL_URL"})
_EXPORTERS: Final = frozenset({"otlp", "otlp_proto_grpc", "otlp_proto_http", "console", "none"})
_USUAL_PORTS: Final = {GRPC: 4317, HTTP: 4318}
_LONGEST_INTERVAL_MS: Final = 15_000.0
_SHORTEST_INTERVAL_MS: Final = 100.0


def variables(installation: Installation) -> Iterator[Finding]:
    """What is set, and each contradiction."""
    environ = installation.environ
    findings = [
        *_switches(environ),
        *(finding for signal in SIGNALS for finding in _target(otlp_target(signal, environ), installation)),
        *_sampling(environ),
        *_interval(environ),
        *_targets(environ),
        *_proxies(environ),
    ]
    yield from dict.fromkeys(findings)
    names = sorted(name for name in environ if name.startswith("OTEL_") or name in _OWN)
    if not findings:
        yield PLACE.ok(f"set here, none contradicts: {', '.join(names)}" if names else "none is set here")


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


def _target(target: OtlpTarget, installation: Installation) -> Iterator[Finding]:
    variable = f"OTEL_{target.signal.label.upper()}_EXPORTER"
    if target.exporter not in _EXPORTERS:
        remedy = f"{variable}=otlp; lapbell knows otlp, console and none."
        yield PLACE.wrong(f"{variable}={target.exporter}: lapbell.setup() refuses it", remedy)
    elif not target.is_otlp:
        message = f"{variable}={target.exporter}: no {target.signal.label} leave apps started here"
        yield PLACE.warning(message, f"unset {variable}")
    elif target.protocol not in _USUAL_PORTS:
        message = f"OTEL_EXPORTER_OTLP_PROTOCOL={target.protocol}: lapbell.setup() refuses it"
        yield PLACE.wrong(message, "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf, or grpc.")
    elif target.variable:
        yield from _endpoint(target, installation)


def _endpoint(target: OtlpTarget, installation: Installation) -> Iterator[Finding]:
    assignment = f"{target.variable}={installation.environ[target.variable]}"
    try:
        address = address_of(target.url)
    except ValueError:
        yield PLACE.wrong(f"{assignment} is no URL", f"{target.variable}=http://127.0.0.1:4318")
        return
    if target.protocol == HTTP and urlsplit(target.url).scheme not in {"http", "https"}:
        yield PLACE.wrong(f"{assignment} has no http:// before it", f"{target.variable}=http://{address}")
    elif target.protocol == GRPC and target.by_tls and urlsplit(target.url).scheme != "https":
        message = f"{assignment} without http:// before it is spoken to by TLS"
        yield PLACE.warning(message, f"{target.variable}=http://{address}, or OTEL_EXPORTER_OTLP_INSECURE=true.")
    other = GRPC if target.protocol == HTTP else HTTP
    if address.port in _ports(other, installation) and address.port not in _ports(target.protocol, installation):
        message = f"{assignment} is the port of {other}, but the protocol is {target.protocol}"
        remedy = f"OTEL_EXPORTER_OTLP_PROTOCOL={other}, or port {_USUAL_PORTS[target.protocol]}."
        yield PLACE.wrong(message, remedy)
    if target.protocol == HTTP:
        yield from _path(target, assignment)


def _ports(protocol: str, installation: Installation) -> set[int]:
    if installation.settings is None:
        return {_USUAL_PORTS[protocol]}
    listen = installation.settings.listen
    own = Address.of_listen(listen.otlp_grpc if protocol == GRPC else listen.otlp_http)
    return {_USUAL_PORTS[protocol], own.port} - {0}


def _path(target: OtlpTarget, assignment: str) -> Iterator[Finding]:
    """The common endpoint is a base, that of one signal is whole: mixed up, exports end at a path that is none."""
    path, is_base = urlsplit(target.url).path, target.variable == "OTEL_EXPORTER_OTLP_ENDPOINT"
    if is_base and path.count("/v1/") > 1:
        message = f"{assignment}: exports go to {path}"
        yield PLACE.wrong(message, f"Leave out the path: {target.variable} is what {target.signal.path} is added to.")
    if not is_base and not path.endswith(target.signal.path):
        message = f"{assignment} is used as it is, without {target.signal.path}"
        yield PLACE.warning(
            message, f"End {target.variable} with {target.signal.path}, or set OTEL_EXPORTER_OTLP_ENDPOINT."
        )


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
    text = environ.get(name, "").strip()
    if not text:
        return
    try:
        number = float(text)
    except ValueError:
        yield PLACE.wrong(f"{name}={text} is no number: lapbell.setup() refuses it", remedy)
        return
    if not least <= number <= most:
        yield PLACE.warning(f"{name}={text} is not between {least:g} and {most:g}", remedy)


def _targets(environ: Mapping[str, str]) -> Iterator[Finding]:
    text = environ.get("LAPBELL_TARGETS", "").strip()
    if not text:
        return
    try:
        target_s, requirement_s = (float(entry) for entry in text.split(","))
    except ValueError:
        target_s = requirement_s = 0.0
    if not 0 < target_s <= requirement_s:
        yield PLACE.wrong(f"LAPBELL_TARGETS={text}: lapbell refuses it", "LAPBELL_TARGETS=0.5,2")


def _proxies(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Python's exporters go through a proxy that the environment names, to this machine too."""
    proxies = {
        name.lower().removesuffix("_proxy"): text for name, text in environ.items() if name.lower().endswith("_proxy")
    }
    for target in (otlp_target(signal, environ) for signal in SIGNALS):
        scheme, host = urlsplit(target.url).scheme, urlsplit(target.url).hostname or ""
        if target.is_otlp and proxies.get(scheme) and not _is_direct(host, proxies.get("no", "")):
            message = f"{scheme.upper()}_PROXY is set: exports to {host} go through it"
            yield PLACE.warning(message, f"Add {host} to NO_PROXY.")


def _is_direct(host: str, no_proxy: str) -> bool:
    """Whether NO_PROXY names the host, or a domain that it is in."""
    entries = [entry.strip().lower().removeprefix("*").lstrip(".") for entry in no_proxy.split(",") if entry.strip()]
    return any(not entry or host == entry or host.endswith(f".{entry}") for entry in entries)
