"""Who asks Redis what waits in its lists, and what the answer says."""

import contextlib
import json
import select
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import redis

from lapbell.queues import Poller, RedisLists
from lapkit.redis_lists import bench, client, lists, server
from peers import free_port

__all__ = ["bench", "client", "server"]  # fixtures


def test_the_oldest_message_is_as_old_as_it_says(bench, server, client):
    now = [1_000.0]
    queue = lists(server, wall_clock=lambda: now[0])
    with queue.publish({}) as message:
        client.lpush("q:high", json.dumps(message), "younger")
    now[0] = 1_004.0
    reading = queue.read(1.0)
    assert reading is not None
    assert reading.oldest_s == {"high": 4.0}


def test_a_message_that_says_no_time_is_as_old_as_it_was_seen_to_be_the_oldest(server, client):
    now = [50.0]
    queue = lists(server, clock=lambda: now[0])
    client.lpush("q:high", "first", "second")
    ages = []
    for step_s, change in ((0, None), (7, None), (3, "taken"), (4, None), (1, "taken")):
        now[0] += step_s
        if change:
            client.rpop("q:high")
        reading = queue.read(60.0)
        assert reading is not None
        ages.append(reading.oldest_s)
    assert ages == [{"high": 0.0}, {"high": 7.0}, {"high": 0.0}, {"high": 4.0}, {}]


def test_one_process_at_a_time_asks(server, client):
    first, second = lists(server), lists(server)
    assert first.read(60.0) is not None
    assert second.read(60.0) is None
    assert first.read(60.0) is not None
    client.delete("lapbell:lease:q")
    assert second.read(60.0) is not None
    assert first.read(60.0) is None


@dataclass
class Relay:
    """Stands between a client and Redis, and counts how often the client speaks after Redis has."""

    url: str
    turns: int = 0

    def carry(self, client: socket.socket, redis_server: socket.socket) -> None:
        """Until one of them hangs up."""
        redis_has_spoken = True
        while True:
            for sender in select.select([client, redis_server], [], [])[0]:
                message = sender.recv(65_536)
                if not message:
                    return
                if sender is client:
                    self.turns += redis_has_spoken
                redis_has_spoken = sender is redis_server
                (redis_server if sender is client else client).sendall(message)


@contextlib.contextmanager
def relay_to(port: int) -> Iterator[Relay]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        relay = Relay(f"redis://127.0.0.1:{listener.getsockname()[1]}/0")

        def run() -> None:
            client, _ = listener.accept()
            with client, socket.create_connection(("127.0.0.1", port)) as redis_server:
                relay.carry(client, redis_server)

        thread = threading.Thread(target=run)
        thread.start()
        yield relay
    thread.join()


def test_whoever_has_the_lease_asks_in_one_round_trip_and_prolongs_it(server, client):
    client.lpush("q:high", "a", "b")
    with relay_to(server.port) as relay:
        queue = RedisLists({"high": "q:high", "low": "q:low"}, in_flight="q:now", dead="q:dead", url=relay.url)
        queue.read(60.0)
        client.pexpire("lapbell:lease:q", 5_000)
        before = relay.turns
        reading = queue.read(60.0)
        assert queue._client is not None
        queue._client.close()
    assert {
        "round trips": relay.turns - before,
        "ready": reading and reading.ready,
        "states": reading and reading.states,
        "is prolonged": client.pttl("lapbell:lease:q") > 5_000,
    } == {"round trips": 1, "ready": {"high": 2, "low": 0}, "states": {"in_flight": 0, "dead": 0}, "is prolonged": True}


def test_who_has_no_lease_asks_for_nothing_but_the_lease(server, client):
    lists(server).read(60.0)
    with relay_to(server.port) as relay:
        queue = RedisLists({"high": "q:high", "low": "q:low"}, url=relay.url)
        queue.read(60.0)
        before, lengths = relay.turns, client.info("commandstats")["cmdstat_llen"]["calls"]
        reading = queue.read(60.0)
        assert queue._client is not None
        queue._client.close()
    assert {
        "reading": reading,
        "round trips": relay.turns - before,
        "lengths": client.info("commandstats")["cmdstat_llen"]["calls"] - lengths,
    } == {"reading": None, "round trips": 1, "lengths": 0}


def test_a_redis_that_does_not_answer_costs_a_quarter_of_a_second_once():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        queue = RedisLists({"high": "q:high"}, url=f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        began = time.monotonic()
        with pytest.raises(redis.TimeoutError):
            queue.read(1.0)
        took_s = time.monotonic() - began
    assert 0.25 <= took_s < 10  # redis-py's own retries take 15 s and more


def test_a_queue_over_its_limit_is_told_at_once_and_once(server, client):
    requested: list[None] = []
    poller = Poller(lists(server), lambda: requested.append(None))
    for pushed in (3, 1, 1):
        client.lpush("q:high", *["m"] * pushed)
        poller.poll()
    assert len(requested) == 1


def test_a_reading_grows_stale(server, client):
    now = [0.0]
    poller = Poller(lists(server), lambda: None, clock=lambda: now[0])
    poller.poll()
    fresh = list(poller.observe("messaging.queue.messages"))
    now[0] = 3.5
    assert len(fresh) == 3
    assert list(poller.observe("messaging.queue.messages")) == []


def test_a_redis_that_is_gone_has_no_depth(caplog):
    queue = RedisLists({"high": "gone"}, url=f"redis://127.0.0.1:{free_port()}/0")
    poller = Poller(queue, lambda: None)
    poller.poll()
    poller.poll()
    assert list(poller.observe("messaging.queue.messages")) == []
    assert len(caplog.records) == 1


def test_a_queue_that_was_read_says_what_it_holds_and_since_when(server, client):
    now = [100.0]
    queue = lists(server, clock=lambda: now[0])
    client.lpush("q:high", "a", "b")
    client.lpush("q:dead", "c")
    Poller(queue, lambda: None).poll()
    now[0] = 101.5
    state = queue.state()
    assert {
        "ready": state.ready,
        "states": state.states,
        "age": state.age_s,
        "why": state.why_unread,
    } == {"ready": {"high": 2, "low": 0}, "states": {"dead": 1}, "age": 1.5, "why": ""}


def test_a_queue_that_was_not_read_says_why(server, client):
    lists(server).read(60.0)
    elsewhere = lists(server)
    gone = RedisLists({"high": "gone"}, url=f"redis://127.0.0.1:{free_port()}/0")
    for queue in (elsewhere, gone):
        Poller(queue, lambda: None).poll()
    states = [queue.state() for queue in (lists(server), elsewhere, gone)]
    assert [(state.ready, state.why_unread.split(":")[0]) for state in states] == [
        (None, "nothing has asked yet what it holds"),
        (None, "another process has the lease to ask; the evaluator's REST has its answer"),
        (None, "redis did not say"),
    ]
