"""How a signal leaves an app that is started in this environment, by OpenTelemetry's own variables.

Source: opentelemetry.io/docs/specs/otel/protocol/exporter, and Python's exporters where it leaves a choice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from opentelemetry.util.re import parse_env_headers

from lapbell_evaluator.receiver.replies import Signal

__all__ = ["DEFAULT_URLS", "GRPC", "HTTP", "OtlpTarget", "otlp_target"]

GRPC: Final = "grpc"
HTTP: Final = "http/protobuf"
DEFAULT_URLS: Final = {GRPC: "http://localhost:4317", HTTP: "http://localhost:4318"}
_BY_NAME: Final = {"otlp_proto_grpc": GRPC, "otlp_proto_http": HTTP}


@dataclass(frozen=True, slots=True)
class OtlpTarget:
    """Where one signal goes.

    Attributes:
        signal: which.
        variable: what names the endpoint; empty if nothing does.
        exporter: `otlp`, `console`, `none`, or whatever the variable says.
        protocol: `grpc`, `http/protobuf`, or whatever the variable says.
        url: of the endpoint; whole, path and all, over HTTP.
        headers: sent with each export.
        by_tls: whether the connection is encrypted.
    """

    signal: Signal
    variable: str
    exporter: str
    protocol: str
    url: str
    headers: Mapping[str, str]
    by_tls: bool

    @property
    def is_otlp(self) -> bool:
        """Whether it leaves by OTLP."""
        return self.exporter == "otlp" or self.exporter in _BY_NAME


def otlp_target(signal: Signal, environ: Mapping[str, str]) -> OtlpTarget:
    """The target of one signal."""
    name = signal.label.upper()
    exporter = environ.get(f"OTEL_{name}_EXPORTER", "").strip().lower() or "otlp"
    protocol = _BY_NAME.get(exporter) or _either(environ, name, "PROTOCOL").lower() or HTTP
    own, common = f"OTEL_EXPORTER_OTLP_{name}_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"
    variable = next((name for name in (own, common) if environ.get(name, "").strip()), "")
    url = environ.get(variable, "").strip() or DEFAULT_URLS.get(protocol, DEFAULT_URLS[HTTP])
    if protocol != GRPC and variable != own:
        url = f"{url.rstrip('/')}{signal.path}"
    return OtlpTarget(
        signal=signal,
        variable=variable,
        exporter=exporter,
        protocol=protocol,
        url=url,
        headers=parse_env_headers(_either(environ, name, "HEADERS"), liberal=True),
        by_tls=_by_tls(url, _either(environ, name, "INSECURE").lower()),
    )


def _either(environ: Mapping[str, str], signal: str, setting: str) -> str:
    """The signal's own variable, else the common one."""
    own = environ.get(f"OTEL_EXPORTER_OTLP_{signal}_{setting}", "").strip()
    return own or environ.get(f"OTEL_EXPORTER_OTLP_{setting}", "").strip()


def _by_tls(url: str, insecure: str) -> bool:
    scheme = urlsplit(url).scheme
    if scheme == "https":
        return True
    return insecure != "true" if insecure else scheme != "http"
