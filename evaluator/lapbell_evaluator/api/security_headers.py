"""What browsers are told not to do with an answer."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["CONTENT_POLICY", "SecurityHeaders"]

CONTENT_POLICY: Final = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
"""What a page may load or do: nothing."""

_HEADERS: Final = {
    b"x-content-type-options": b"nosniff",
    b"content-security-policy": CONTENT_POLICY.encode(),
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
    b"cache-control": b"no-store",
}


class SecurityHeaders:
    """Adds them to every answer; a route that sets one of them by itself, such as a page with scripts, is believed.

    Answers are told never to be kept: they name services, routes and failures.

    Args:
        app: what answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [(name.lower(), value) for name, value in message.get("headers", ())]
                there = {name for name, _ in own}
                message = {**message, "headers": own + [row for row in _HEADERS.items() if row[0] not in there]}
            await send(message)

        await self._app(scope, receive, with_headers)
