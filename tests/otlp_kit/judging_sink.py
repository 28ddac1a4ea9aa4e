"""An OTLP/HTTP endpoint that judges each request by the log records in it."""

from collections.abc import AsyncIterator, Callable, MutableMapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from lapbell_evaluator.server import Server

__all__ = ["Answer", "JudgingSink", "judging_sink", "names"]

_OK = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """What the endpoint answers."""

    status: int = _OK
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/x-protobuf"),)


Judge = Callable[[Sequence[LogRecord]], Answer]


@dataclass(slots=True)
class JudgingSink:
    """A running endpoint; `judge` may be replaced at any time.

    Attributes:
        url: the base, to which `/v1/logs` is added.
        judge: gives the answer to a request.
        taken: the records of requests that were answered 200, in order.
        asked: how many requests with log records came.
    """

    url: str
    judge: Judge
    taken: list[LogRecord] = field(default_factory=list)
    asked: int = 0

    def answer(self, records: Sequence[LogRecord]) -> Answer:
        """Judge, and keep what is taken."""
        self.asked += 1
        answer = self.judge(records)
        if answer.status == _OK:
            self.taken += records
        return answer


def names(records: Sequence[LogRecord]) -> list[str]:
    """The label `job` of each record, in order."""
    return [pair.value.string_value for record in records for pair in record.attributes if pair.key == "job"]


@asynccontextmanager
async def judging_sink(judge: Judge) -> AsyncIterator[JudgingSink]:
    """An endpoint on a free port."""
    sink = JudgingSink("", judge)

    async def app(
        scope: MutableMapping[str, Any], receive: Callable[[], Any], send: Callable[[MutableMapping[str, Any]], Any]
    ) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        answer = Answer()
        if scope["path"].endswith("/v1/logs"):
            request = ExportLogsServiceRequest.FromString(body)
            answer = sink.answer(
                [each for of in request.resource_logs for scoped in of.scope_logs for each in scoped.log_records]
            )
        headers = [(name.encode(), value.encode()) for name, value in answer.headers]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    server = Server(app, "127.0.0.1:0")
    await server.start()
    sink.url = f"http://127.0.0.1:{server.port}"
    try:
        yield sink
    finally:
        await server.stop()
