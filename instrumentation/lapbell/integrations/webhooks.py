"""Which requests are webhooks, and whose."""

import fnmatch
import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar, cast, runtime_checkable

from opentelemetry import trace

from lapbell import faults, semconv
from lapbell.processor import ProviderOf

__all__ = ["Webhooks", "provider_of", "webhook"]

F = TypeVar("F", bound=Callable[..., Any])
_POST = "POST"


@runtime_checkable
class Router(Protocol):
    """Has routes, as FastAPI's and Starlette's routers do."""

    @property
    def routes(self) -> Sequence[Any]:
        """Each with a path."""
        ...


Webhooks: TypeAlias = str | Sequence[str] | Router | None


def provider_of(provider: str | Mapping[str, str], webhooks: Webhooks) -> ProviderOf:
    """Tells from a method and a route's template whose webhook a request is, None if it is none.

    Args:
        provider: the provider's name, or names by patterns of routes: `{"/webhook/stripe": "stripe", "/webhook/*":
            "twilio"}`.
        webhooks: patterns of routes, such as `/webhook/*`, or a router whose routes are webhooks. Without it every
            POST is one.
    """
    named = {"*": provider} if isinstance(provider, str) else provider
    is_webhook = _matcher(webhooks)

    @functools.lru_cache(maxsize=1_024)
    def find(method: str, route: str) -> str | None:
        if not is_webhook(method, route):
            return None
        return next((name for pattern, name in named.items() if fnmatch.fnmatchcase(route, pattern)), "")

    return find


def webhook(provider: str = "") -> Callable[[F], F]:
    """Mark an endpoint as a webhook of this provider, whatever its method and route.

    Args:
        provider: who sends it.
    """

    def mark(endpoint: F) -> F:
        def mark_span() -> None:
            try:
                trace.get_current_span().set_attribute(semconv.WEBHOOK_PROVIDER, provider or semconv.UNKNOWN_PROVIDER)
            except Exception as fault:  # noqa: BLE001 - the endpoint must run whatever is wrong with us
                faults.report("webhook", fault)

        if inspect.iscoroutinefunction(endpoint):

            @functools.wraps(endpoint)
            async def marked_coroutine(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the endpoint takes
                mark_span()
                return await endpoint(*args, **kwargs)

            return cast("F", marked_coroutine)

        @functools.wraps(endpoint)
        def marked(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the endpoint takes
            mark_span()
            return endpoint(*args, **kwargs)

        return cast("F", marked)

    return mark


def _matcher(webhooks: Webhooks) -> Callable[[str, str], bool]:
    if webhooks is None:
        return lambda method, _route: method == _POST
    if isinstance(webhooks, str):
        return lambda _method, route: fnmatch.fnmatchcase(route, webhooks)
    if isinstance(webhooks, Router):
        # Asked when the first request comes: routes are added after set-up, and the app may include the router below a
        # prefix.
        return lambda _method, route: any(route.endswith(own.path) for own in webhooks.routes if own.path)
    patterns = tuple(webhooks)
    return lambda _method, route: any(fnmatch.fnmatchcase(route, pattern) for pattern in patterns)
