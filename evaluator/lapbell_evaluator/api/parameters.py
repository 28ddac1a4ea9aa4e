"""Query parameters: one that a route does not know is refused, because a misspelt filter would filter nothing."""

from collections.abc import Iterator
from http import HTTPStatus

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from lapbell_evaluator.api.errors import ApiError

__all__ = ["only_known_parameters"]


async def only_known_parameters(request: Request) -> None:
    """A dependency of routes: raises ApiError 422 if the query string names something that the route does not take."""
    route = request.scope["route"]
    assert isinstance(route, APIRoute)  # noqa: S101 # only those have dependencies
    known = sorted(set(_names(route.dependant)))
    unknown = sorted(set(request.query_params) - set(known))
    if unknown:
        names = ", ".join(repr(name[:40]) for name in unknown[:5])
        raise ApiError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "unknown_parameter",
            f"{request.url.path} takes no parameter {names}.",
            f"It takes {', '.join(known)}." if known else "It takes none.",
        )


def _names(dependant: Dependant) -> Iterator[str]:
    """The query parameters of a route and of everything that it depends on."""
    for field in dependant.query_params:
        yield field.alias
    for inner in dependant.dependencies:
        yield from _names(inner)
