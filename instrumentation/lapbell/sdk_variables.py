"""OpenTelemetry's variables that hold nonsense: told once, and then as if they were not set, as the specification says.

The SDK raises for some of them, a few already while it is imported; the app that is watched must not end by that. What
lapbell reads itself (`OTEL_METRIC_EXPORT_INTERVAL`, `OTEL_TRACES_SAMPLER_ARG`, the names of exporters and protocols) is
checked by `setup()`. https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

import math
from collections.abc import Callable, Mapping, MutableMapping
from importlib.metadata import entry_points
from typing import Final

from lapbell import faults

__all__ = ["drop_nonsense", "sensible"]

_MOST_SECONDS: Final = 86_400.0
_WITHOUT_LIMIT: Final = "unset"
_SIGNALS: Final = ("", "TRACES_", "METRICS_")


def sensible(environment: Mapping[str, str]) -> Mapping[str, str]:
    """The variables without those that hold nonsense, which are reported."""
    kept = dict(environment)
    drop_nonsense(kept)
    return kept


def drop_nonsense(environment: MutableMapping[str, str]) -> None:
    """Take the variables out that hold nonsense, and report them; those that hold nothing too."""
    for name, (is_sensible, wanted) in _VARIABLES.items():
        value = environment.pop(name, "").strip()
        if is_sensible(value):
            environment[name] = value
        elif value:
            faults.report(name, f"it holds {value!r}: write {wanted}; it is taken as not set")
    for name in _ENDPOINTS:
        value = environment.get(name, "").strip()
        if value and "grpc" not in _protocols(environment) and not value.lower().startswith(("http://", "https://")):
            remedy = f"write a URL with its scheme, such as http://{value}; until then nothing arrives"
            faults.report(name, f"it holds {value!r}: {remedy}")


def _protocols(environment: Mapping[str, str]) -> set[str]:
    """A gRPC exporter takes an endpoint without a scheme."""
    names = ("OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", *(f"OTEL_EXPORTER_OTLP_{s}PROTOCOL" for s in _SIGNALS))
    return {environment.get(name, "").strip().lower().removeprefix("otlp_proto_") for name in names}


def _is_whole(least: int) -> Callable[[str], bool]:
    def is_sensible(text: str) -> bool:
        try:
            return int(text) >= least
        except ValueError:
            return False

    return is_sensible


def _is_limit(text: str) -> bool:
    return text.lower() == _WITHOUT_LIMIT or _is_whole(0)(text)


def _is_timeout(text: str) -> bool:
    try:
        seconds = float(text)
    except ValueError:
        return False
    return math.isfinite(seconds) and 0 < seconds <= _MOST_SECONDS


def _is_one_of(*names: str) -> Callable[[str], bool]:
    return lambda text: text.lower() in names


def _are_installed(group: str, *others: str) -> Callable[[str], bool]:
    def is_sensible(text: str) -> bool:
        installed = {point.name for point in entry_points(group=group)} | {*others}
        return bool(text) and {name.strip() for name in text.split(",")} <= installed

    return is_sensible


_LIMITS: Final = (
    "OTEL_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "OTEL_SPAN_EVENT_COUNT_LIMIT",
    "OTEL_SPAN_LINK_COUNT_LIMIT",
)
_BATCHES: Final = (
    "OTEL_BSP_EXPORT_TIMEOUT",
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
    "OTEL_BSP_MAX_QUEUE_SIZE",
    "OTEL_BSP_SCHEDULE_DELAY",
)
_ENDPOINTS: Final = tuple(f"OTEL_EXPORTER_OTLP_{signal}ENDPOINT" for signal in _SIGNALS)
_VARIABLES: Final[Mapping[str, tuple[Callable[[str], bool], str]]] = {
    **dict.fromkeys(_LIMITS, (_is_limit, "a whole number that is not negative")),
    **{name: (_is_whole(1), "a whole number above 0") for name in _BATCHES},
    **{
        f"OTEL_EXPORTER_OTLP_{signal}TIMEOUT": (_is_timeout, f"seconds, above 0 and at most {_MOST_SECONDS:.0f}")
        for signal in _SIGNALS
    },
    **{
        f"OTEL_EXPORTER_OTLP_{signal}COMPRESSION": (_is_one_of("gzip", "deflate", "none"), "gzip, deflate or none")
        for signal in _SIGNALS
    },
    "OTEL_METRICS_EXEMPLAR_FILTER": (
        {"always_on", "always_off", "trace_based"}.__contains__,
        "always_on, always_off or trace_based",
    ),
    "OTEL_PROPAGATORS": (_are_installed("opentelemetry_propagator", "none"), "propagators that are installed"),
    "OTEL_PYTHON_TRACER_PROVIDER": (_are_installed("opentelemetry_tracer_provider"), "a provider that is installed"),
    "OTEL_PYTHON_METER_PROVIDER": (_are_installed("opentelemetry_meter_provider"), "a provider that is installed"),
}
