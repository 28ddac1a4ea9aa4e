"""One request and its response, as they pass through the middleware."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import Context
from typing import Any, Final, TypeAlias

from opentelemetry import trace
from opentelemetry.trace import Span

from lapbell import faults
from lapbell.faults import harmless
from lapbell.integrations.routes import Scope, route_of
from lapbell.integrations.server_span import ServerSpan, metric_attributes
from lapbell.processor import ActiveRequest, ActiveRequests, current_request

__all__ = ["App", "Exchange", "Message", "Receive", "Send"]

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_DISCONNECT: Final = "http.disconnect"


class Exchange:
    """Passes messages on in both directions, and notes what they say of the request.

    A client that goes away is told to whoever asks the server for the next message, and an app that works asks for
    none. So, when a request has run for a while, we ask in its place; what else than the disconnect comes is kept for
    the app, at most one message, so that the server's back pressure stays.

    Args:
        scope: ASGI's.
        receive: asks the server.
        send: answers.
        route: the route's name for an app without routes of its own.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, route: str = "") -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._route = route
        self._requests: ActiveRequests | None = None
        self._request: ActiveRequest | None = None
        self._own: ServerSpan | None = None
        self._status: int | None = None
        self._trailers = False
        self._asking = 0
        self._has_body = False
        self._buffered: deque[Message] = deque()
        self._watching: asyncio.Task[None] | None = None

    def watched_by(self, requests: ActiveRequests, own: ServerSpan | None, others: Span | None) -> None:
        """Let it be known as a request that runs.

        Args:
            requests: keeps those that run.
            own: the SERVER span that we make, None if somebody else does.
            others: the SERVER span of somebody else.
        """
        self._own = own
        self._requests = requests
        self._request = requests.begin(
            own.span if own is not None else others,
            str(self._scope.get("method", "")),
            lambda: route_of(self._scope) or self._route,
            self._watch_client,
            metric_attributes(self._scope) if own is not None else None,
        )
        current_request.set(self._request)

    async def receive(self) -> Message:
        """The next message for the app."""
        if self._request is not None and self._request.trace is None:
            self._link(self._request)
        while not self._buffered:
            if self._watching is None or self._watching.done():
                return await self._ask()
            # It is asking in our place; waiting does not cancel it when the app cancels us.
            await asyncio.wait({self._watching})
        return self._buffered.popleft()

    async def _ask(self) -> Message:
        self._asking += 1
        try:
            message = await self._receive()
        finally:
            self._asking -= 1
        self._note(message)
        return message

    def _note(self, message: Message) -> None:
        if message["type"] == _DISCONNECT:
            self._abandon()
        elif not message.get("more_body", False):
            self._has_body = True

    @harmless("abandoned request")
    def _abandon(self) -> None:
        if self._requests is not None and self._request is not None:
            self._requests.abandon(self._request)

    @harmless("disconnect")
    def _watch_client(self) -> None:
        """Ask in the app's place, unless it asks itself, or something is kept that it must take first."""
        is_asked = self._asking or (self._watching is not None and not self._watching.done())
        if not is_asked and (not self._buffered or self._has_body) and not self._is_gone:
            asking = self._ask_for_the_app()
            self._watching = asyncio.get_running_loop().create_task(asking, context=Context())

    @property
    def _is_gone(self) -> bool:
        return any(message["type"] == _DISCONNECT for message in self._buffered)

    async def _ask_for_the_app(self) -> None:
        try:
            self._buffered.append(await self._ask())
        except Exception as fault:  # noqa: BLE001 - the app will ask, and meet it itself
            faults.report("disconnect", fault)

    async def send(self, message: Message) -> None:
        """Pass a part of the response on; the request ends with the last one."""
        request = self._request
        if request is None:
            await self._send(message)
            return
        if message["type"] == "http.response.start":
            request.has_begun = True
            self._status = message["status"]
            self._trailers = bool(message.get("trailers"))
        is_last = _is_last(message, trailers=self._trailers)
        if is_last:
            request.is_handed_over = True
            if request.trace is None:
                self._link(request)
        await self._send(message)
        if is_last:
            self._over(None)

    @harmless("request span")
    def _link(self, request: ActiveRequest) -> None:
        """Find the SERVER span that somebody has made further in; the app's code runs inside it."""
        if self._requests is not None:
            self._requests.link(request, trace.get_current_span())

    def end(self, error: BaseException | None = None) -> None:
        """The app has returned, or raised; after the last chunk that says nothing of the request any more."""
        request = self._request
        if request is not None and request.answered_ns is None:
            request.error = error
            if isinstance(error, asyncio.CancelledError):
                self._abandon()
            self._over(error)
        # The request knows us: without this a cycle of every request would wait for the collector of garbage.
        self._request = None

    @harmless("request end")
    def _over(self, error: BaseException | None) -> None:
        if self._requests is not None and self._request is not None:
            if self._request.is_handed_over:
                self._request.answered_ns = self._requests.unix_ns()
            self._requests.end(self._request)
        if self._watching is not None:
            self._watching.cancel()
        if self._own is not None:
            self._own.end(self._status, error)


def _is_last(message: Message, *, trailers: bool) -> bool:
    match message["type"]:
        case "http.response.body":
            return not message.get("more_body", False) and not trailers
        case "http.response.trailers":
            return not message.get("more_trailers", False)
        case kind:
            return bool(kind == "http.response.pathsend")
