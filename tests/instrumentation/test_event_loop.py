"""Who keeps the event loop from running, and who waited for it: with a clock that is moved by hand."""

import asyncio
import contextlib
import contextvars
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from typing import Any

import pytest
import uvloop
from fastapi import FastAPI

import lapbell
from lapbell.event_loop import Block, CodeLine, Watchdog
from lapbell.event_loop.frames import app_line
from lapbell.integrations.asgi import Hooks, WebhookMiddleware
from lapkit import python, workbench

request_id: contextvars.ContextVar[int] = contextvars.ContextVar("request_id", default=0)


def of_context(context: contextvars.Context) -> int:
    return context.get(request_id, 0)


class Sleeps:
    """A callback that keeps a loop from running until it is let go, as `time.sleep` in a coroutine does."""

    def __init__(self) -> None:
        self.entered, self.released = threading.Event(), threading.Event()

    def report(self) -> None:
        self.entered.set()
        assert self.released.wait(30)

    async def handler(self, number: int) -> None:
        request_id.set(number)
        await asyncio.create_task(self.part())

    async def part(self) -> None:
        self.report()


class Watched:
    """A loop that runs in a thread of its own, and its watchdog, whose time the test moves."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.now_s = 100.0
        self.exports = 0
        self.watchdog = Watchdog(self.export, of_context, lambda: self.now_s, lambda: int(self.now_s * 1e9))

    def export(self) -> None:
        self.exports += 1

    def beaten(self) -> None:
        """Wait until the loop has run."""
        (heartbeat,) = self.watchdog._heartbeats.values()
        beats, deadline = heartbeat.beats, threading.Event()
        for _ in range(3_000):
            if heartbeat.beats > beats:
                return
            deadline.wait(0.01)
        raise TimeoutError("the loop does not run")

    def blocked_by(self, sleeps: Sleeps, number: int = 7) -> None:
        asyncio.run_coroutine_threadsafe(sleeps.handler(number), self.loop)
        assert sleeps.entered.wait(30)

    def pass_time(self, seconds: float, *, tick_s: float = 0.02) -> None:
        """Let the watchdog look every `tick_s`; it wants to every 0.04 s, so a longer time is its own delay."""
        for _ in range(round(seconds / tick_s)):
            self.now_s += tick_s
            self.watchdog.tick()

    def gauge(self) -> list[tuple[float, str, str]]:
        """Seconds, file and function; a loop without a block is the first."""
        return [
            (
                round(float(seen.value), 3),
                str((seen.attributes or {}).get("code.file.path", "")),
                str((seen.attributes or {}).get("code.function.name", "")),
            )
            for seen in self.watchdog.observe("lapbell.event_loop.blocked")
        ]

    def blocks(self) -> list[Block]:
        (heartbeat,) = self.watchdog._heartbeats.values()
        return self.watchdog.blocks(heartbeat.thread, 0, 10**18)


@contextlib.contextmanager
def watched(make: Callable[[], asyncio.AbstractEventLoop]) -> Iterator[Watched]:
    loop = make()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    own = Watched(loop)
    try:
        loop.call_soon_threadsafe(own.watchdog.watch_this_loop)
        while not own.watchdog._heartbeats:
            threading.Event().wait(0.01)
        own.beaten()
        yield own
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
HERE = ("instrumentation/test_event_loop.py", "Sleeps.report")


@pytest.mark.parametrize("kind", LOOPS)
def test_the_line_that_blocks_is_named_while_it_blocks_and_after(kind):
    sleeps = Sleeps()
    with watched(LOOPS[kind]) as loop:
        before = loop.gauge()
        loop.blocked_by(sleeps)
        loop.pass_time(0.2)
        asked_early = loop.exports
        loop.pass_time(0.2)
        during, asked = loop.gauge(), loop.exports
        sleeps.released.set()
        loop.beaten()
        after, (block,) = loop.gauge(), loop.blocks()
    nothing = (0.0, "", "")
    assert before == [nothing]
    assert during == [nothing, (0.38, *HERE)]
    assert after == [nothing, (0.38, *HERE)]
    assert asked_early == 0
    assert asked == 1
    assert block.request == 7
    assert (block.line and block.line.function) == "Sleeps.report"
    assert round((block.end_ns - block.start_ns) / 1e9, 3) == 0.38


def test_a_block_is_shown_for_half_a_minute():
    sleeps = Sleeps()
    with watched(asyncio.new_event_loop) as loop:
        loop.blocked_by(sleeps)
        loop.pass_time(0.4)
        sleeps.released.set()
        loop.beaten()
        loop.now_s += 29.5
        shown = len(loop.gauge())
        loop.now_s += 1
        over = loop.gauge()
    assert shown == 2
    assert over == [(0.0, "", "")]


@pytest.mark.parametrize("tick_s", [0.1, 0.4, 2.0], ids=lambda tick_s: f"the watchdog runs every {tick_s} s")
def test_where_the_watchdog_was_late_too_nobody_is_to_blame(tick_s):
    sleeps = Sleeps()
    with watched(asyncio.new_event_loop) as loop:
        loop.blocked_by(sleeps)
        loop.pass_time(4.0, tick_s=tick_s)
        during = loop.gauge()
        sleeps.released.set()
        loop.beaten()
        after, blocks, exports = loop.gauge(), loop.blocks(), loop.exports
    assert during == [(0.0, "", "")]
    assert after == [(0.0, "", "")]
    assert blocks == []
    assert exports == 0


def test_a_loop_that_is_idle_is_blocked_by_nobody_however_late_its_heartbeat():
    with watched(asyncio.new_event_loop) as loop:
        loop.pass_time(0.04)
        (heartbeat,) = loop.watchdog._heartbeats.values()
        heartbeat.due_s = loop.now_s - 0.3  # as where other threads hold the interpreter when the beat is due
        loop.watchdog.tick()
        assert heartbeat.block is None
        assert loop.gauge() == [(0.0, "", "")]


def test_one_after_the_other_may_block_and_each_is_told_apart():
    first, second = Sleeps(), Sleeps()
    with watched(asyncio.new_event_loop) as loop:
        loop.blocked_by(first, 1)
        # In the next turn of the loop, before the heartbeat that is due: what is ready comes before timers.
        loop.loop.call_soon_threadsafe(second.report)
        loop.pass_time(0.2)
        first.released.set()
        assert second.entered.wait(30)
        loop.pass_time(0.2)
        second.released.set()
        loop.beaten()
        blocks = loop.blocks()
    assert [block.request for block in blocks] == [1, 0]
    assert blocks[0].end_ns == blocks[1].start_ns


def test_a_loop_that_was_stopped_and_goes_on_was_not_blocked():
    with watched(asyncio.new_event_loop) as loop:
        pass
    loop.pass_time(1.0)
    assert loop.watchdog._heartbeats == {}


LINE = CodeLine("shop/app.py", "report", 12)


class Blocked:
    """Blocks at times that are told when they are known."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []

    def __call__(self, thread: int, start_ns: int, end_ns: int) -> Sequence[Block]:
        return [block for block in self.blocks if block.thread == thread]


async def called(app: FastAPI) -> None:
    """One webhook."""
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/webhook/whatsapp",
        "raw_path": b"",
        "query_string": b"",
        "headers": [],
        "http_version": "1.1",
        "scheme": "https",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
    }

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b""}

    async def send(message: MutableMapping[str, object]) -> None:
        """Nobody reads it."""

    await app(scope, receive, send)


@pytest.mark.parametrize("own", [False, True], ids=["who waited", "who blocked"])
async def test_who_waited_has_the_phase_event_loop_and_who_blocked_keeps_its_own(own):
    blocked = Blocked()
    with workbench(blocks_of=blocked) as bench:
        app = FastAPI(telemetry=bench.telemetry)
        app.add_middleware(WebhookMiddleware, hooks=Hooks(bench.processor.requests))

        @app.post("/webhook/{name}")
        async def webhook(name: str) -> dict[str, str]:
            with lapbell.phase("cache_lookup"):
                (request,) = bench.processor.requests._active.values()
                since = time.time_ns()
                await asyncio.sleep(0.1)
                # It is known now that the loop was blocked for 60 of the 100 ms.
                by = request.span_id if own else 0
                block = Block(threading.get_ident(), since + 30_000_000, since + 90_000_000, LINE, by)
                blocked.blocks.append(block)
            return {}

        await called(app)
        (seen,) = bench.seen.webhooks
        waits = [span for span in bench.spans if span.name == "webhook.event_loop"]
    assert sum(seen.phases_s.values()) == pytest.approx(seen.duration_s, abs=1e-9)
    if own:
        assert waits == []
        assert "event_loop" not in seen.phases_s
        assert seen.phases_s["cache_lookup"] >= 0.1
        return
    (lookup,) = [span for span in bench.spans if span.name == "webhook.cache_lookup"]
    (wait,) = waits
    assert seen.phases_s["event_loop"] == pytest.approx(0.06)
    lookup_s = ((lookup.end_time or 0) - (lookup.start_time or 0)) / 1e9
    assert seen.phases_s["cache_lookup"] == pytest.approx(lookup_s - 0.06, abs=1e-3)
    assert wait.parent == lookup.context
    assert dict(wait.attributes or {}) == {
        "code.file.path": "shop/app.py",
        "code.function.name": "report",
        "code.line.number": 12,
    }


async def test_what_runs_on_another_thread_did_not_wait_for_the_loop():
    blocked = Blocked()
    with workbench(blocks_of=blocked) as bench:
        app = FastAPI(telemetry=bench.telemetry)
        app.add_middleware(WebhookMiddleware, hooks=Hooks(bench.processor.requests))
        loop_thread = threading.get_ident()

        @app.post("/webhook/{name}")
        def webhook(name: str) -> dict[str, str]:
            with lapbell.phase("cache_lookup"):
                since = time.time_ns()
                threading.Event().wait(0.1)
                blocked.blocks.append(Block(loop_thread, since + 40_000_000, since + 90_000_000, LINE, 0))
            return {}

        await called(app)
        (seen,) = bench.seen.webhooks
    assert seen.phases_s["cache_lookup"] >= 0.1
    assert seen.phases_s.get("event_loop", 0.0) < 0.03


MANY_LOOPS = """
import asyncio, json, os, threading, time
import lapbell
from lapbell.event_loop import Watchdog
handle = lapbell.setup(None, system=False)
beat = handle.hooks.on_loop
watchdog = beat.__self__

async def request(blocks_s=0.0):
    beat()
    await asyncio.sleep(0.05)
    time.sleep(blocks_s)
    await asyncio.sleep(0.1)

def shown():
    return sorted({value.attributes["code.function.name"] for value in watchdog.observe("") if value.attributes})

for _ in range(30):
    asyncio.run(request())
threads = [threading.Thread(target=lambda: asyncio.run(request())) for _ in range(10)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
closed = asyncio.new_event_loop()
closed.run_until_complete(request())
closed.close()
deadline = time.monotonic() + 10
while watchdog._heartbeats and time.monotonic() < deadline:
    time.sleep(0.01)
print(json.dumps(["loops left", len(watchdog._heartbeats)]))

child = os.fork()
if child == 0:
    tries = 0
    while "request" not in shown() and tries < 50:  # where the watchdog was late itself, it names nobody
        asyncio.run(request(0.4))
        tries += 1
    print(json.dumps(["child", "request" in shown()]), flush=True)
    handle.shutdown()
    os._exit(0)
os.waitpid(child, 0)
handle.shutdown()
asyncio.run(request())
print(json.dumps(["after the end", len(watchdog._heartbeats)]))
"""


def test_many_loops_closed_ones_and_those_of_a_child_are_each_watched_for_as_long_as_they_run():
    printed = python(MANY_LOOPS, OTEL_TRACES_EXPORTER="none", OTEL_METRICS_EXPORTER="none")
    assert [json.loads(line) for line in printed.splitlines()] == [
        ["loops left", 0],
        ["child", True],
        ["after the end", 0],
    ]


def test_code_that_is_made_while_it_runs_has_no_line_and_its_caller_is_named():
    namespace: dict[str, Any] = {"__name__": "shop.orders"}
    exec("def made(look):\n    look()", namespace)
    lines: list[CodeLine | None] = []
    namespace["made"](lambda: lines.append(app_line(sys._getframe(1), 0)))
    named = [line and (line.file, line.function) for line in lines]
    assert named == [("instrumentation/test_event_loop.py", sys._getframe().f_code.co_qualname)]
