"""What `opentelemetry-instrument` finds: everything but named phases, without a line in the app."""

import math
import os
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from lapbell import semconv
from lapbell.errors import LapbellError
from lapbell.process import process
from lapbell.wiring import Handle, setup

__all__ = ["LapbellInstrumentor"]


class LapbellInstrumentor:
    """Watches every FastAPI and Starlette app of the process, and Redis where it is installed.

    Its settings are variables: `LAPBELL_PROVIDER`, `LAPBELL_WEBHOOKS` (patterns of routes, separated by commas) and
    `LAPBELL_TARGETS` (two numbers of seconds, separated by a comma). `OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=lapbell`
    turns it off.
    """

    def instrument(self, **_options: Any) -> None:  # noqa: ANN401 - OpenTelemetry's interface
        """Watch the process."""
        settings = os.environ
        handle = setup(
            provider=settings.get("LAPBELL_PROVIDER", ""),
            webhooks=_patterns(settings),
            redis=_has_redis(),
            targets=_targets(settings),
        )
        # `opentelemetry-instrument` keeps no instance: whichever is asked to take it away must find it.
        process.put(Handle, handle)
        if find_spec("starlette") is not None:
            from lapbell.integrations.starlette import watch_every_app  # noqa: PLC0415 - may not be installed

            watch_every_app(handle.hooks)

    def uninstrument(self, **_options: Any) -> None:  # noqa: ANN401 - OpenTelemetry's interface
        """Leave everything as it was."""
        if find_spec("starlette") is not None:
            from lapbell.integrations.starlette import watch_no_app  # noqa: PLC0415 - may not be installed

            watch_no_app()
        if _has_redis():
            from lapbell.integrations.redis import uninstrument_redis  # noqa: PLC0415 - an extra

            uninstrument_redis()
        handle = process.find(Handle)
        process.put(Handle, None)
        if handle is not None:
            handle.shutdown()


def _has_redis() -> bool:
    return find_spec("redis") is not None and find_spec(semconv.REDIS_INSTRUMENTATION_SCOPE) is not None


def _patterns(settings: Mapping[str, str]) -> list[str] | None:
    return [pattern.strip() for pattern in settings.get("LAPBELL_WEBHOOKS", "").split(",") if pattern.strip()] or None


def _targets(settings: Mapping[str, str]) -> tuple[float, float]:
    text = settings.get("LAPBELL_TARGETS")
    if not text:
        return semconv.DEFAULT_TARGET_S, semconv.DEFAULT_REQUIREMENT_S
    remedy = "write two numbers of seconds, such as 0.5,2"
    try:
        target_s, requirement_s = (float(number) for number in text.split(","))
    except ValueError as wrong:
        raise LapbellError(f"LAPBELL_TARGETS is {text!r}: {remedy}") from wrong
    if not 0 < target_s <= requirement_s < math.inf:
        raise LapbellError(f"LAPBELL_TARGETS is {text!r}: {remedy}, the target first")
    return target_s, requirement_s
