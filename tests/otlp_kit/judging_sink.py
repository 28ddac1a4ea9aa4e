"""An OTLP/HTTP endpoint that judges each request by the log records in it."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from peers.answering import Answer, Request, answering

__all__ = ["Answer", "JudgingSink", "judging_sink", "names"]


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
        if answer.is_success:
            self.taken += records
        return answer


def names(records: Sequence[LogRecord]) -> list[str]:
    """The label `job` of each record, in order."""
    return [pair.value.string_value for record in records for pair in record.attributes if pair.key == "job"]


@asynccontextmanager
async def judging_sink(judge: Judge) -> AsyncIterator[JudgingSink]:
    """An endpoint on a free port."""
    sink = JudgingSink("", judge)

    def answer_of(request: Request) -> Answer:
        if not request.path.endswith("/v1/logs"):
            return Answer()
        export = ExportLogsServiceRequest.FromString(request.body)
        return sink.answer([each for of in export.resource_logs for own in of.scope_logs for each in own.log_records])

    async with answering(answer_of) as sink.url:
        yield sink
