"""Starlette, and FastAPI on it: the middleware around every app of the process."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, Final

from starlette.applications import Starlette

from lapbell.integrations.asgi import Hooks, WebhookMiddleware

__all__ = ["watch_every_app", "watch_no_app"]

_BUILD: Final = "build_middleware_stack"

_originals: Final[dict[type[Starlette], Callable[[Any], Any]]] = {}
"""The classes' own methods while ours stand in their places."""


def watch_every_app(hooks: Hooks) -> None:
    """Put the middleware around every app that has not answered a request yet.

    Args:
        hooks: who wants to know what the middleware sees.
    """
    for kind in _kinds():
        if kind not in _originals:
            _originals[kind] = kind.build_middleware_stack
            setattr(kind, _BUILD, _watched(kind.build_middleware_stack, hooks))


def watch_no_app() -> None:
    """Give the classes their own methods back; apps that were built meanwhile keep the middleware."""
    while _originals:
        kind, original = _originals.popitem()
        setattr(kind, _BUILD, original)


def _kinds() -> list[type[Starlette]]:
    """The classes that build a stack in their own way."""
    if find_spec("fastapi") is None:
        return [Starlette]
    from fastapi import FastAPI  # noqa: PLC0415 - may not be installed

    return [kind for kind in (Starlette, FastAPI) if _BUILD in vars(kind)]


def _watched(build: Callable[[Any], Any], hooks: Hooks) -> Callable[[Any], Any]:
    def build_watched(app: Starlette) -> WebhookMiddleware:
        return WebhookMiddleware(build(app), hooks)

    return build_watched
