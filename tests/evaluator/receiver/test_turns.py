"""Senders take turns in the one thread that decodes, and work that nobody waits for is not done."""

import asyncio
import threading
from contextlib import asynccontextmanager

import grpc
import pytest

from lapbell_evaluator.receiver.replies import Signal
from lapbell_evaluator.receiver.turns import Turns
from lapbell_evaluator.server import Sender
from otlp_kit import gauge, metrics_export, number
from otlp_kit.reception import open_gates

EXPORT = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
ONE_POINT = metrics_export(gauge("g", [number(1, 1_100)])).SerializeToString()
HEAD = b"POST /v1/metrics HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n"

BUSY, QUIET = Sender("ingest", "192.0.2.1"), Sender("ingest", "192.0.2.2")


@asynccontextmanager
async def all_others_wait(turns):
    """Until the block ends, one work keeps the thread."""
    began, end = threading.Event(), threading.Event()

    def work():
        began.set()
        end.wait()

    first = asyncio.ensure_future(turns.run(Sender("ingest", "192.0.2.9"), "", work))
    await asyncio.to_thread(began.wait)
    try:
        yield
    finally:
        end.set()
        await first


@pytest.fixture
def turns():
    turns = Turns("test")
    yield turns
    turns.stop()


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - nobody tells the test when a sender is gone
            await asyncio.sleep(0)


async def order(turns, works):
    """In which order works that wait together are done: each has a number, a sender and a connection."""
    done = []
    async with all_others_wait(turns):
        waiting = [
            asyncio.ensure_future(turns.run(sender, connection, lambda n=n: done.append(n)))
            for n, sender, connection in works
        ]
        await asyncio.sleep(0)
    await asyncio.gather(*waiting)
    return done


async def test_who_sends_much_lets_others_between(turns):
    works = [(1, BUSY, "a"), (2, BUSY, "a"), (3, BUSY, "a"), (4, QUIET, "b"), (5, QUIET, "b")]
    assert await order(turns, works) == [1, 4, 2, 5, 3]


async def test_connections_of_one_sender_take_turns_as_well(turns):
    works = [(1, BUSY, "a"), (2, BUSY, "a"), (3, BUSY, "b"), (4, QUIET, "c")]
    assert await order(turns, works) == [1, 4, 3, 2]


async def test_many_connections_do_not_give_a_sender_more_turns(turns):
    works = [*((n, BUSY, str(n)) for n in range(4)), (10, QUIET, "a"), (11, QUIET, "a")]
    assert await order(turns, works) == [0, 10, 1, 11, 2, 3]


async def test_two_identities_at_one_address_are_two_senders(turns):
    works = [(1, BUSY, "a"), (2, BUSY, "a"), (3, Sender("admin", BUSY.peer), "b")]
    assert await order(turns, works) == [1, 3, 2]


async def sizes_in_order(turns, works):
    """In which order works of one sender that wait together are done: each has a size and a connection."""
    done = []
    async with all_others_wait(turns):
        waiting = [
            asyncio.ensure_future(turns.run(BUSY, connection, lambda n=n, size=size: done.append((n, size)), size=size))
            for n, (size, connection) in enumerate(works)
        ]
        await asyncio.sleep(0)
    await asyncio.gather(*waiting)
    return done


async def test_a_small_work_does_not_wait_for_large_ones_of_other_connections(turns):
    works = [*((4_000_000, str(n)) for n in range(50)), (100, "probe")]
    assert (await sizes_in_order(turns, works))[0] == (50, 100)


async def test_a_large_work_waits_for_small_ones_as_long_as_a_fair_share_lasts(turns):
    works = [(30_000, "large"), *((10_000, "small") for _ in range(10))]
    assert (await sizes_in_order(turns, works))[:4] == [(1, 10_000), (2, 10_000), (0, 30_000), (3, 10_000)]


async def test_works_of_one_connection_are_done_as_they_came_whatever_their_size(turns):
    works = [(4_000_000, "a"), (100, "a")]
    assert await sizes_in_order(turns, works) == [(0, 4_000_000), (1, 100)]


async def test_works_of_no_size_have_a_cost(turns):
    works = [*((0, "a") for _ in range(3)), (0, "b")]
    assert await sizes_in_order(turns, works) == [(0, 0), (3, 0), (1, 0), (2, 0)]


async def test_who_is_cancelled_before_its_turn_has_nothing_done_and_leaves_nothing(turns):
    done = []
    async with all_others_wait(turns):
        waiting = asyncio.ensure_future(turns.run(BUSY, "a", lambda: done.append(1)))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        waits = turns.waiting
    await turns.run(BUSY, "a", lambda: done.append(2))
    assert {"waits": waits, "done": done} == {"waits": 0, "done": [2]}


async def test_what_goes_wrong_is_told_to_who_waits_for_it(turns):
    def fails():
        raise LookupError("lost")

    with pytest.raises(LookupError, match="lost"):
        await turns.run(BUSY, "a", fails)
    assert await turns.run(BUSY, "a", lambda: "goes on") == "goes on"


async def test_a_stop_does_what_waits():
    turns = Turns("test")
    async with all_others_wait(turns):
        waiting = asyncio.ensure_future(turns.run(BUSY, "a", lambda: "done"))
        await asyncio.sleep(0)
    await asyncio.to_thread(turns.stop)
    assert await waiting == "done"


async def test_an_export_whose_sender_hung_up_is_never_decoded_over_http():
    async with open_gates() as gates:
        async with all_others_wait(gates.ingest.turns):
            _, writer = await asyncio.open_connection("127.0.0.1", gates.http_port)
            writer.write(HEAD + b"Content-Length: %d\r\n\r\n%s" % (len(ONE_POINT), ONE_POINT))
            await until(lambda: gates.ingest.turns.waiting == 1)
            writer.close()
            await until(lambda: gates.ingest.turns.waiting == 0)
            await until(lambda: gates.ingest.room.used_bytes == 0)
        items = gates.ingest.telemetry.items[Signal.METRICS]
    assert items == 0


async def test_an_export_whose_sender_hung_up_is_never_decoded_over_grpc():
    async with open_gates() as gates:
        async with all_others_wait(gates.ingest.turns):
            async with grpc.aio.insecure_channel(f"127.0.0.1:{gates.grpc_port}") as channel:
                call = channel.unary_unary(EXPORT, bytes, bytes)(ONE_POINT)
                waiting = asyncio.ensure_future(call.wait_for_connection())
                await until(lambda: gates.ingest.turns.waiting == 1)
                waiting.cancel()
                call.cancel()
                await until(lambda: gates.ingest.turns.waiting == 0)
            await until(lambda: gates.ingest.room.used_bytes == 0)
        items = gates.ingest.telemetry.items[Signal.METRICS]
    assert items == 0
