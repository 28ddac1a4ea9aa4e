"""`/runbooks`: what to do about each shipped alert, for whoever follows a link from a message.

Everybody may read them: they are the text of the package and tell nothing of this evaluator, and a browser on a phone
has no token to show.
"""

from base64 import b64encode
from hashlib import sha256
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse

from lapbell_evaluator.api.errors import PROBLEM, ApiError
from lapbell_evaluator.api.guarded_route import GuardedRoute
from lapbell_evaluator.api.security_headers import CONTENT_POLICY
from lapbell_evaluator.api.services import Services
from lapbell_evaluator.model import Role
from lapbell_evaluator.runbooks import STYLE, Runbook, as_html, index, runbook, runbooks

__all__ = ["router"]

_HTML: Final = "text/html"
_MARKDOWN: Final = "text/markdown"
_SUFFIX: Final = ".md"
_STYLE_HASH: Final = b64encode(sha256(STYLE.encode()).digest()).decode()
_HEADERS: Final = {"Vary": "Accept", "Content-Security-Policy": f"{CONTENT_POLICY}; style-src 'sha256-{_STYLE_HASH}'"}
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {_HTML: {"schema": {"type": "string"}}, _MARKDOWN: {"schema": {"type": "string"}}}}
}


def router(services: Services) -> APIRouter:
    """The index, and a page for each alert."""
    routes = APIRouter(
        route_class=GuardedRoute,
        tags=["runbooks"],
        dependencies=[Depends(services.access.requires(Role.NOBODY))],
        default_response_class=HTMLResponse,
        responses={"4XX": PROBLEM, **_ANSWERS},
    )
    first, by_name = index(), {page.name: page for page in runbooks()}

    @routes.get("/runbooks")
    async def every_runbook(request: Request) -> Response:
        """The runbooks of the shipped alerts, as HTML or Markdown; everybody may read them."""
        return _answer(first, is_source=_prefers_markdown(request))

    @routes.get("/runbooks/{name}")
    async def one_runbook(name: str, request: Request) -> Response:
        """What one shipped alert means and what to do; `.md` behind the name, or `Accept`, asks for Markdown."""
        page = by_name.get(name.removesuffix(_SUFFIX)) or runbook(name)
        if page is None:
            raise ApiError(
                HTTPStatus.NOT_FOUND, "unknown_runbook", "There is no such runbook.", "/runbooks names those there are."
            )
        return _answer(page, is_source=name.endswith(_SUFFIX) or _prefers_markdown(request))

    return routes


def _answer(page: Runbook, *, is_source: bool) -> Response:
    if is_source:
        return Response(page.text, media_type=_MARKDOWN, headers=_HEADERS)
    return HTMLResponse(as_html(page), headers=_HEADERS)


def _prefers_markdown(request: Request) -> bool:
    """Whether a caller names Markdown, and no higher wish for HTML (RFC 9110, 12.5.1)."""
    ranges = ",".join(request.headers.getlist("accept")).split(",")
    wishes = {media: _weight(parameters) for media, *parameters in map(_parts, ranges)}
    return wishes.get(_MARKDOWN, 0.0) > 0.0 and wishes[_MARKDOWN] >= wishes.get(_HTML, 0.0)


def _parts(media_range: str) -> list[str]:
    return [part.strip().lower() for part in media_range.split(";")]


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, number = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(number)
            except ValueError:
                return 0.0
    return 1.0
