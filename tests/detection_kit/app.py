"""An app with as many routes and queues as it is told, which writes down what it does: the record of the oracle.

`DETECTION_SCRAPED` makes it show its metrics to a Prometheus instead of sending them.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fastapi import FastAPI, Response
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from prometheus_client import make_asgi_app

import lapbell
from lapbell.queues import RedisLists

Message = MutableMapping[str, Any]
_REDIS = os.environ["DETECTION_REDIS"]
_QUEUES = [
    RedisLists({"normal": f"queue{number}"}, limit=500, destination=f"queue{number}", url=_REDIS)
    for number in range(int(os.environ["DETECTION_ROUTES"]))
]
_SERVER_ERROR = 500
_PREFIX = "/webhook/"
_record = os.open(os.environ["DETECTION_RECORD"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


class Recorded:
    """Around the app: a line for each webhook, when its answer is sent: Unix seconds, name, seconds, whether it failed.

    Args:
        app: the app.
    """

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Callable[[], Any], send: Callable[[Message], Any]) -> None:
        """One request."""
        began = time.perf_counter()
        status = 0

        async def noted(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)
            if message["type"] == "http.response.body" and scope["path"].startswith(_PREFIX):
                took = time.perf_counter() - began
                line = f"{time.time():.6f} {scope['path'][len(_PREFIX) :]} {took:.6f} {int(status >= _SERVER_ERROR)}\n"
                os.write(_record, line.encode())

        await self._app(scope, receive, noted)


service = FastAPI()


def _route(name: str) -> None:
    @service.post(f"{_PREFIX}{name}", name=name)
    async def webhook(seconds: float = 0.0, status: int = 200) -> Response:
        """Answer after some seconds, with a status."""
        with lapbell.phase("validation"):
            await asyncio.sleep(seconds)
        return Response(status_code=status)


@service.get("/ready")
async def ready() -> dict[str, str]:
    """Whether it answers."""
    return {}


for number in range(len(_QUEUES)):
    _route(f"route{number}")
if os.environ.get("DETECTION_SCRAPED"):
    service.mount("/metrics", make_asgi_app())
    lapbell.setup(service, provider="twilio", queues=_QUEUES, system=False, readers=[PrometheusMetricReader()])
else:
    lapbell.setup(service, provider="twilio", queues=_QUEUES, system=False)
app = Recorded(service)
