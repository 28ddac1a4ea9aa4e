"""Starlette, and FastAPI on it: the middleware around every app of the process."""

from collections.abc import Callable
from typing import Any, Final

from starlette.applications import Starlette

from lapbell.integrations.asgi import Answered, WebhookMiddleware

__all__ = ["watch_every_app", "watch_no_app"]

_BUILD: Final = "build_middleware_stack"


class _Original:
    """Holds Starlette's own method while ours stands in its place."""

    build: Callable[[Any], Any] | None = None


def watch_every_app(answered: Answered, stopped: Callable[[], None]) -> None:
    """Put the middleware around every app that has not answered a request yet.

    Args:
        answered: told when the last chunk of a response has left.
        stopped: called when an app has shut down.
    """
    if _Original.build is not None:
        return
    build = Starlette.build_middleware_stack

    def build_watched(app: Starlette) -> WebhookMiddleware:
        return WebhookMiddleware(build(app), answered, stopped=stopped)

    _Original.build = build
    setattr(Starlette, _BUILD, build_watched)


def watch_no_app() -> None:
    """Give Starlette its own method back; apps that were built meanwhile keep the middleware."""
    if _Original.build is not None:
        setattr(Starlette, _BUILD, _Original.build)
        _Original.build = None
