"""Whom spans and metrics speak of: the service, its version, the process, the host and the container."""

import os
from collections.abc import Mapping
from typing import Final

from opentelemetry.sdk.resources import Resource

from lapbell import semconv
from lapbell.system import this_machine

__all__ = ["resource_of"]

_ATTRIBUTES: Final = "OTEL_RESOURCE_ATTRIBUTES"
_SERVICE_NAME: Final = "OTEL_SERVICE_NAME"
_FASTAPI_DEFAULT: Final = "0.1.0"
"""The version of every FastAPI app that was not given one: it says nothing."""


def resource_of(app: object, service_name: str | None, environment: Mapping[str, str]) -> Resource:
    """The resource of this process; what the standard variables say beats what is found here.

    Args:
        app: whose `version` is `service.version`, if it has one.
        service_name: `service.name`.
        environment: where `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` are read.
    """
    attributes: dict[str, str | int] = {**this_machine().resource, semconv.PROCESS_PID: os.getpid()}
    if service_name and not environment.get(_SERVICE_NAME):
        attributes[semconv.SERVICE_NAME] = service_name
    if version := _version_of(app):
        attributes[semconv.SERVICE_VERSION] = version
    named = {pair.partition("=")[0].strip() for pair in environment.get(_ATTRIBUTES, "").split(",")}
    return Resource.create({name: value for name, value in attributes.items() if name not in named})


def _version_of(app: object) -> str:
    version = getattr(app, "version", None)
    return version if isinstance(version, str) and version != _FASTAPI_DEFAULT else ""
