"""A WSGI app, as gevent's workers serve them: OpenTelemetry's middleware makes its SERVER spans."""

import functools
import os
import threading
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware

import lapbell

lapbell.setup(None, provider="twilio")


@functools.cache
def barrier(parties: int) -> threading.Barrier:
    """Lets so many go on once all of them are there; made late, of what gevent has put in the place of threads."""
    return threading.Barrier(parties)


def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer a webhook, `/webhook/20` when twenty are there in one worker, or whether it is ready."""
    kind, _, number = environ["PATH_INFO"].removeprefix("/").partition("/")
    if kind == "webhook":
        with lapbell.phase("cache_lookup"):
            barrier(int(number)).wait()
        with lapbell.phase("business_logic"):
            barrier(int(number)).wait()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [b'{"worker": "%d"}' % os.getpid()]


app = OpenTelemetryMiddleware(answer)
