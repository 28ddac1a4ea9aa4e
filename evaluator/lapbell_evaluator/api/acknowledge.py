"""`/acknowledge/{token}`: a page for whoever follows the link in a message, to take the incident.

The link is all that somebody needs: a phone has no token of ours, and a browser that a mail program opens no session.
Opening it changes nothing, because mail scanners and previews in chats open links; only the button does, once.
"""

from base64 import b64encode
from hashlib import sha256
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from lapbell_evaluator.api.acknowledge_page import STYLE, Outcome, link_page, unknown_page
from lapbell_evaluator.api.errors import PROBLEM, ApiError
from lapbell_evaluator.api.guarded_route import GuardedRoute
from lapbell_evaluator.api.services import Services
from lapbell_evaluator.model import Role
from lapbell_evaluator.service import LinkStanding, OpenedLink, UnknownLinkError

__all__ = ["router"]

_STYLE_HASH: Final = b64encode(sha256(STYLE.encode()).digest()).decode()
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self';"
    f" style-src 'sha256-{_STYLE_HASH}'",
    "Referrer-Policy": "same-origin",  # with none, browsers send `Origin: null` with the form, which is nobody's
    "X-Robots-Tag": "noindex, nofollow",
}
_REFUSAL: Final[dict[str, Any]] = {
    "description": "A page that says why not; a Problem, if no page can.",
    "content": {"text/html": {"schema": {"type": "string"}}, **PROBLEM["content"]},
}
_MOST_FORM_BYTES: Final = 4_096
_MOST_DIGITS: Final = 9
_MOST_NAME_CHARS: Final = 64


def router(services: Services) -> APIRouter:
    """The page, and what its button does."""
    routes = APIRouter(
        route_class=GuardedRoute,
        tags=["acknowledge"],
        dependencies=[Depends(services.access.requires(Role.NOBODY))],
        default_response_class=HTMLResponse,
        responses={"4XX": _REFUSAL},
    )

    @routes.get("/acknowledge/{token}")
    async def show_acknowledge_page(token: str) -> HTMLResponse:
        """The incident of a link in a message, and a button to take it: changes nothing, 410 if the link is used up."""
        try:
            link = await services.links.opened(token)
        except UnknownLinkError:
            return _answer(unknown_page(), HTTPStatus.NOT_FOUND)
        return _page(services, link, Outcome.ASKS if link.standing is LinkStanding.OPEN else Outcome.of(link.standing))

    @routes.post("/acknowledge/{token}")
    async def acknowledge_by_link(token: str, request: Request) -> HTMLResponse:
        """Takes the incident of a link in a message, once: who has the link is an editor of this one incident."""
        try:
            await services.links.opened(token)  # a stranger's form is not waited for
            link = await services.links.acknowledge(token, _name(await _form(request)))
        except UnknownLinkError:
            return _answer(unknown_page(), HTTPStatus.NOT_FOUND)
        return _page(services, link, Outcome.TAKEN if link.standing is LinkStanding.OPEN else Outcome.of(link.standing))

    return routes


def _page(services: Services, link: OpenedLink, outcome: Outcome) -> HTMLResponse:
    is_fine = link.standing is LinkStanding.OPEN
    return _answer(link_page(link, outcome, services.clock.now()), HTTPStatus.OK if is_fine else HTTPStatus.GONE)


def _answer(page: str, status: HTTPStatus) -> HTMLResponse:
    return HTMLResponse(page, status, _HEADERS)


async def _form(request: Request) -> bytes:
    """The form, unless it says that it is no name."""
    if not {"content-length", "transfer-encoding"} & {*request.headers}:
        return b""
    size = request.headers.get("content-length", "")
    if size.isdecimal() and len(size) < _MOST_DIGITS and int(size) <= _MOST_FORM_BYTES:
        return await request.body()
    raise ApiError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", "This form has a name, no more.")


def _name(form: bytes) -> str:
    """The name in a form, as far as it can be shown in one line."""
    typed = parse_qs(form.decode(errors="replace")).get("name", [""])[0]
    shown = "".join(character if character.isprintable() else " " for character in typed)
    return " ".join(shown.split())[:_MOST_NAME_CHARS].strip()
