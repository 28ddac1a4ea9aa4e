"""What a receiver refuses for ever stands in nobody's way, is kept, and can be sent once more."""

import asyncio
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from alertlife.story import Story
from alertlife.timeline import HandClock
from budget import scaled
from lapbell import semconv
from lapbell_evaluator.alerts import Condition
from lapbell_evaluator.database import Database
from lapbell_evaluator.model import AuditEntry, Change, EvaluatorError, Muted, Muter, Reason, State, everyone, labels
from lapbell_evaluator.notify import (
    AlertCount,
    Delivery,
    DeliveryError,
    DeniedError,
    Destination,
    DoubtfulError,
    OtlpReceiver,
)
from otlp_kit.judging_sink import Answer, JudgingSink, judging_sink, names

REFUSED = Answer(400, Status(code=3, message="poison is not for us").SerializeToString())
BROKEN = Answer(500)


@pytest.fixture
async def database(tmp_path):
    opened = await Database.open(f"sqlite:///{tmp_path}/alerts.db", 0.0)
    yield opened
    await opened.close()


def nobody_is_muted() -> Muter:
    return lambda _: Muted()


def no_counts() -> tuple[AlertCount, ...]:
    return ()


def incident_of(job: str, *conditions: Condition) -> list[Change]:
    """The changes of one incident whose records carry this job, a second after another."""
    story = Story()
    for at, condition in enumerate(conditions, start=1):
        story.see(at, condition)
    key = f"{random.Random(job).getrandbits(64):016x}"
    changes = []
    for change in story.changes:
        moves = tuple(
            replace(
                move,
                id=f"{key}-{move.id}",
                incident=replace(move.incident, key=key, id=key, labels=labels({"alertname": "Slow", "job": job})),
            )
            for move in change.transitions
        )
        changes.append(Change(transitions=moves))
    return changes


async def fired(database: Database, *jobs: str) -> None:
    for job in jobs:
        for change in incident_of(job, Condition.MET):
            await database.commit(change, everyone("otlp"))


def refuses(poison: str, answer: Answer = REFUSED):
    return lambda records: answer if any(poison in name for name in names(records)) else Answer()


async def rounds(sink: JudgingSink, database: Database, count: int = 1) -> list[type[DeliveryError]]:
    """Deliver so often; what went wrong, in order."""
    errors: list[type[DeliveryError]] = []
    async with OtlpReceiver(
        Destination(sink.url, "http/protobuf"), HandClock(50), no_counts, nobody_is_muted
    ) as receiver:
        delivery = Delivery("otlp", receiver, database, HandClock(50))
        for _ in range(count):
            try:
                await delivery.deliver()
            except DeliveryError as error:
                errors.append(type(error))
    return errors


async def dead(database: Database) -> list[tuple[str, str]]:
    """Status and reason of each dead letter, the oldest first."""
    return [(letter.status, letter.error) for letter in (await database.dead_letters()).items[::-1]]


async def test_one_poisoned_record_of_250_is_a_dead_letter_and_all_others_arrive_in_order(database):
    jobs = [f"app-{number}" for number in range(250)]
    jobs[137] = "poison"
    await fired(database, *jobs)
    async with judging_sink(refuses("poison")) as sink:
        assert await rounds(sink, database) == []
    (letter,) = (await database.dead_letters()).items
    assert names(sink.taken) == [job for job in jobs if job != "poison"]
    assert replace(letter, transition="", incident_key="") == replace(
        letter,
        transition="",
        incident_key="",
        receiver="otlp",
        what=State.FIRING,
        reason=Reason.BREACHED,
        at=1.0,
        attempts=7,
        sent_at=50,
        refused_at=50,
        is_doubtful=False,
        status="400",
        error=f"{sink.url} answers 400: poison is not for us",
    )
    assert sink.asked == 3 + 2 * 6


async def test_what_follows_of_a_poisoned_incident_still_arrives(database):
    for change in incident_of("app", Condition.MET, Condition.CLEARED):
        await database.commit(change, everyone("otlp"))

    def judge(records: Sequence[LogRecord]) -> Answer:
        return REFUSED if any(each.event_name == "lapbell.alert.firing" for each in records) else Answer()

    async with judging_sink(judge) as sink:
        await rounds(sink, database)
    assert [each.event_name for each in sink.taken] == ["lapbell.alert.resolved"]


@pytest.mark.slow
async def test_random_poison_among_random_incidents_loses_nothing_and_keeps_the_order_of_each_incident(tmp_path):
    for seed in range(scaled(20)):
        dice = random.Random(seed)
        database = await Database.open(f"sqlite:///{tmp_path}/{seed}.db", 0.0)
        answer = dice.choice([REFUSED, BROKEN, Answer(413), Answer(403)])
        jobs = [f"{dice.choice(['app', 'app', 'poison'])}-{number}" for number in range(dice.randrange(1, 40))]
        moves = [incident_of(job, Condition.MET, Condition.CLEARED) for job in jobs]
        while any(moves):
            await database.commit(dice.choice([each for each in moves if each]).pop(0), everyone("otlp"))
        async with judging_sink(refuses("poison", answer)) as sink:
            await rounds(sink, database, 10)
            for job in ("late", "last"):  # where a poisoned end alone is left, another record shows it to be to blame
                await fired(database, job)
                await rounds(sink, database, 5)
        letters = (await database.dead_letters(1000)).items
        sent = [(name, record.event_name) for name, record in zip(names(sink.taken), sink.taken, strict=True)]
        assert {job: [event for name, event in sent if name == job] for job in jobs} == {
            job: [] if "poison" in job else ["lapbell.alert.firing", "lapbell.alert.resolved"] for job in jobs
        }, seed
        assert len(letters) == 2 * sum("poison" in job for job in jobs), seed
        await database.close()


@pytest.mark.parametrize("status", [500, 403])
async def test_a_receiver_that_fails_on_everything_is_to_blame_itself_and_gets_all_of_it_once_it_is_well(
    database, status
):
    await fired(database, "a", "b", "c")
    async with judging_sink(lambda _: Answer(status)) as sink:
        errors = await rounds(sink, database, 6)
        letters = await dead(database)
        sink.judge = lambda _: Answer()
        await rounds(sink, database)
    assert errors == [DoubtfulError] * 6
    assert letters == []
    assert names(sink.taken) == ["a", "b", "c"]


async def test_a_record_that_the_receiver_fails_on_is_to_blame_if_it_takes_others(database):
    await fired(database, "a", "poison", "c")
    async with judging_sink(refuses("poison", BROKEN)) as sink:
        errors = await rounds(sink, database, 3)
    assert errors == [DoubtfulError] * 2
    assert names(sink.taken) == ["a", "c"]
    assert await dead(database) == [("500", f"{sink.url} answers 500: Internal Server Error")]


async def test_after_an_hour_of_failures_a_lonely_record_goes_out_of_the_way(database):
    await fired(database, "poison")
    async with judging_sink(lambda _: BROKEN) as sink:
        errors = await rounds(sink, database, 130)
    assert len(errors) == 120
    assert [status for status, _ in await dead(database)] == ["500"]


@pytest.mark.parametrize("status", [401, 404, 307])
async def test_a_wrong_token_path_or_redirect_makes_no_dead_letter(database, status):
    await fired(database, "a")
    answer = Answer(status, headers=(("location", "http://127.0.0.1:1/elsewhere"),))
    async with judging_sink(lambda _: answer) as sink:
        errors = await rounds(sink, database, 5)
    assert errors == [DeniedError] * 5
    assert sink.asked == 5
    assert await dead(database) == []


async def test_of_a_partial_success_everything_that_may_be_lost_is_kept_and_nothing_is_sent_again(database):
    await fired(database, "a", "b", "c")
    partial = ExportLogsServiceResponse()
    partial.partial_success.rejected_log_records = 1
    partial.partial_success.error_message = "one has no name"
    async with judging_sink(lambda _: Answer(200, partial.SerializeToString())) as sink:
        await rounds(sink, database, 2)
        letters = (await database.dead_letters()).items
    assert sink.asked == 1
    assert {(letter.is_doubtful, letter.status, letter.error) for letter in letters} == {
        (True, "partial_success", "The endpoint rejected 1 of 3 records: one has no name")
    }
    assert len(letters) == 3


async def test_a_partial_success_that_took_nothing_leaves_no_doubt(database):
    await fired(database, "a")
    partial = ExportLogsServiceResponse()
    partial.partial_success.rejected_log_records = 1
    async with judging_sink(lambda _: Answer(200, partial.SerializeToString())) as sink:
        await rounds(sink, database)
    assert [letter.is_doubtful for letter in (await database.dead_letters()).items] == [False]


async def test_a_record_that_can_not_be_encoded_is_a_dead_letter(database):
    await fired(database, "a", "c")
    (change,) = incident_of("b", Condition.MET)
    (move,) = change.transitions
    broken = replace(move, incident=replace(move.incident, value="no number"))  # type: ignore[arg-type]  # damage

    class Broken:
        async def send(self, notices):
            await receiver.send([replace(each, transition=broken) if each.id == 2 else each for each in notices])

    async with (
        judging_sink(lambda _: Answer()) as sink,
        OtlpReceiver(Destination(sink.url, "http/protobuf"), HandClock(0), no_counts, nobody_is_muted) as receiver,
    ):
        await Delivery("otlp", Broken(), database, HandClock(0)).deliver()
    assert names(sink.taken) == ["a"]
    assert [status for status, _ in await dead(database)] == ["encoding"]


async def test_dead_letters_are_delivered_in_their_order_when_they_are_replayed(database):
    await fired(database, "poison-1", "a", "poison-2", "poison-3")
    async with judging_sink(refuses("poison")) as sink:
        await rounds(sink, database)
        letters = (await database.dead_letters()).items
        audit = AuditEntry(60.0, "ann", "replay", "", "the endpoint was mended")
        counts = [await database.replay([letters[0].id], audit), await database.replay(None, audit)]
        sink.judge = lambda _: Answer()
        await rounds(sink, database)
    assert counts == [1, 2]
    assert names(sink.taken) == ["a", "poison-1", "poison-2", "poison-3"]
    assert (await database.dead_letters()).items == ()
    assert [(entry.actor, entry.action) for entry in (await database.audit()).items] == [("ann", "replay")] * 2


async def test_metrics_tell_refusals_apart_from_a_receiver_that_is_down(database):
    await fired(database, "a", "poison")
    clock = HandClock(50)
    async with (
        judging_sink(refuses("poison")) as sink,
        OtlpReceiver(Destination(sink.url, "http/protobuf"), clock, no_counts, nobody_is_muted) as receiver,
    ):
        delivery = Delivery("otlp", receiver, database, clock)
        await delivery.deliver()
        clock.at = 60
        values = {reading.name: reading.value for reading in delivery.readings()}
    assert values == {
        semconv.LAPBELL_DELIVERY_FAILING_TIME: 0.0,
        semconv.LAPBELL_DELIVERY_DELIVERED: 1,
        semconv.LAPBELL_DELIVERY_REFUSED: 1,
        semconv.LAPBELL_DELIVERY_DEAD_LETTERS: 1,
    }


async def test_a_record_too_large_in_company_is_taken_alone(database):
    await fired(database, "a", "b", "c", "d", "e")
    async with judging_sink(lambda records: Answer(413 if len(records) > 1 else 200)) as sink:
        await rounds(sink, database)
    assert names(sink.taken) == ["a", "b", "c", "d", "e"]
    assert await dead(database) == []


async def test_a_hanging_receiver_is_given_up_in_time_and_what_waits_still_waits(database):
    await fired(database, "a")

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    to = Destination(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", "http/protobuf", timeout_s=0.2)
    async with server, OtlpReceiver(to, HandClock(0), no_counts, nobody_is_muted) as receiver:
        with pytest.raises(DeliveryError, match="does not answer"):
            await Delivery("otlp", receiver, database, HandClock(0)).deliver()
    assert len(await database.pending("otlp", 10)) == 1


async def test_an_answer_of_a_gigabyte_is_not_read_to_its_end(database):
    await fired(database, "a")
    written = 0

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")
        with suppress(ConnectionError):
            while written < 1 << 30 and not writer.is_closing():
                writer.write(bytes(65_536))
                await writer.drain()
                written += 65_536
        writer.close()

    server = await asyncio.start_server(endless, "127.0.0.1", 0)
    to = Destination(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", "http/protobuf")
    async with server, OtlpReceiver(to, HandClock(0), no_counts, nobody_is_muted) as receiver:
        delivered = await Delivery("otlp", receiver, database, HandClock(0)).deliver()
    assert delivered == 1
    assert written < 64 << 20


def retry_info(seconds: int) -> bytes:
    delay = RetryInfo(retry_delay=Duration(seconds=seconds))
    packed = AnyMessage()
    packed.Pack(delay)
    return Status(code=8, details=[packed]).SerializeToString()


@pytest.mark.parametrize(
    ("code", "trailers", "kind", "wait_s"),
    [
        (grpc.StatusCode.UNAVAILABLE, (("grpc-status-details-bin", retry_info(7)),), DeliveryError, 7.0),
        (
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            (("google.rpc.retryinfo-bin", RetryInfo(retry_delay=Duration(seconds=3)).SerializeToString()),),
            DeliveryError,
            3.0,
        ),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, (("grpc-status-details-bin", b"\xff"),), DoubtfulError, None),
        (grpc.StatusCode.UNAUTHENTICATED, (), DeniedError, None),
    ],
)
async def test_over_grpc_the_endpoints_wish_is_read(database, code, trailers, kind, wait_s):
    def export(_: bytes, context: grpc.ServicerContext) -> bytes:
        context.set_trailing_metadata(trailers)
        context.abort(code, "no")

    server = grpc.server(ThreadPoolExecutor(2))
    methods: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {"Export": grpc.unary_unary_rpc_method_handler(export)}
    service = "opentelemetry.proto.collector.logs.v1.LogsService"
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    await fired(database, "a")
    async with OtlpReceiver(
        Destination(f"http://127.0.0.1:{port}"), HandClock(0), no_counts, nobody_is_muted
    ) as receiver:
        with pytest.raises(DeliveryError) as caught:
            await Delivery("otlp", receiver, database, HandClock(0)).deliver()
    server.stop(None)
    assert type(caught.value) is kind
    assert {"wait": caught.value.retry_after_s, "status": caught.value.status} == {"wait": wait_s, "status": code.name}


async def test_over_http_as_well(database):
    await fired(database, "a")
    answer = Answer(429, headers=(("retry-after", "1"),))
    async with (
        judging_sink(lambda _: answer) as sink,
        OtlpReceiver(Destination(sink.url, "http/protobuf"), HandClock(0), no_counts, nobody_is_muted) as receiver,
    ):
        with pytest.raises(DeliveryError) as caught:
            await Delivery("otlp", receiver, database, HandClock(0)).deliver()
    assert caught.value.retry_after_s == 1.0


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
async def test_a_certificate_that_is_not_there_is_told_at_the_start(tmp_path, protocol):
    to = Destination("https://127.0.0.1:1", protocol, ca_file=tmp_path / "none.pem")
    with pytest.raises(EvaluatorError, match=r"certificates for the endpoint of export can't be used"):
        OtlpReceiver(to, HandClock(0), no_counts, nobody_is_muted)
