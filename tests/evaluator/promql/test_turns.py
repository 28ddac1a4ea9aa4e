"""People's questions take fair turns in a bounded queue."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from lapbell_evaluator.promql import ASKER, QueueFullError, TurnLimits
from lapbell_evaluator.promql.turns import Turns


@dataclass
class Office:
    """Turns, and work that lasts until it is let go."""

    turns: Turns
    begun: list[str] = field(default_factory=list)
    gates: dict[str, threading.Event] = field(default_factory=dict)
    has_begun: asyncio.Event = field(default_factory=asyncio.Event)

    def ask(self, asker: str, name: str) -> "asyncio.Task[str]":
        """A question whose work goes on until `let_go(name)`."""
        gate = self.gates[name] = threading.Event()
        loop = asyncio.get_running_loop()

        def work() -> str:
            self.begun.append(name)
            loop.call_soon_threadsafe(self.has_begun.set)
            gate.wait()
            return name

        async def asking() -> str:
            ASKER.set(asker)
            return await self.turns.run(work)

        return asyncio.create_task(asking())

    async def until_begun(self, *names: str) -> None:
        """Return when these were begun, in this order."""
        while self.begun != list(names):
            self.has_begun.clear()
            await self.has_begun.wait()


@asynccontextmanager
async def office(limits: TurnLimits) -> AsyncIterator[Office]:
    held = Office(Turns(limits, "turns"))
    try:
        yield held
    finally:
        for gate in held.gates.values():
            gate.set()
        held.turns.close()


async def test_somebody_elses_question_waits_for_none_of_mine():
    async with office(TurnLimits(threads=2)) as held:
        slow = [held.ask("ann", f"ann {number}") for number in range(3)]
        quick = held.ask("bob", "bob")
        await held.until_begun("ann 0", "bob")
        held.gates["bob"].set()
        assert await quick == "bob"
        assert [task.done() for task in slow] == [False, False, False]


async def test_who_has_used_least_is_next():
    async with office(TurnLimits(threads=1)) as held:
        tasks = [held.ask("ann", "ann 0"), held.ask("ann", "ann 1"), held.ask("ann", "ann 2"), held.ask("bob", "bob 0")]
        for gate in held.gates.values():
            gate.set()
        assert await asyncio.gather(*tasks) == ["ann 0", "ann 1", "ann 2", "bob 0"]
        assert held.begun == ["ann 0", "bob 0", "ann 1", "ann 2"]


async def test_more_questions_of_one_asker_than_may_wait_are_told_to_come_again():
    async with office(TurnLimits(threads=1, waiting_of_one=2)) as held:
        tasks = [held.ask("ann", f"ann {number}") for number in range(4)]
        with pytest.raises(QueueFullError) as refused:
            await tasks[3]
        assert str(refused.value) == "2 of your queries wait already. Ask again in 1 s, and fewer at once."
        held.ask("bob", "bob")
        held.gates["ann 0"].set()
        assert await tasks[0] == "ann 0"


async def test_a_full_queue_refuses_everybody():
    async with office(TurnLimits(threads=1, waiting=3)) as held:
        for number in range(4):
            held.ask(f"asker {number}", f"question {number}")
        with pytest.raises(QueueFullError):
            await held.ask("asker 4", "question 4")


async def test_who_waits_too_long_is_told_to_come_again_and_leaves_no_trace():
    async with office(TurnLimits(threads=1, patience_s=0.01)) as held:
        first = held.ask("ann", "ann")
        await held.until_begun("ann")
        with pytest.raises(QueueFullError) as refused:
            await held.ask("bob", "bob")
        held.gates["ann"].set()
        assert refused.value.retry_after_s == 10
        assert await first == "ann"
        assert held.begun == ["ann"]


async def test_a_question_that_nobody_waits_for_gives_its_place_up():
    async with office(TurnLimits(threads=1, waiting_of_one=1)) as held:
        first, second = held.ask("ann", "ann 0"), held.ask("ann", "ann 1")
        await held.until_begun("ann 0")
        second.cancel()
        await asyncio.wait([second])
        third = held.ask("ann", "ann 2")
        held.gates["ann 0"].set()
        held.gates["ann 2"].set()
        assert [await first, await third] == ["ann 0", "ann 2"]
        assert held.begun == ["ann 0", "ann 2"]


async def test_a_turn_lasts_until_its_thread_has_ended_though_nobody_waits():
    async with office(TurnLimits(threads=1)) as held:
        first = held.ask("ann", "ann")
        await held.until_begun("ann")
        first.cancel()
        await asyncio.wait([first])
        second = held.ask("bob", "bob")
        await asyncio.sleep(0)
        assert held.begun == ["ann"]
        held.gates["ann"].set()
        held.gates["bob"].set()
        assert await second == "bob"


async def test_nothing_is_kept_of_those_who_have_gone():
    async with office(TurnLimits(threads=1)) as held:
        tasks = [held.ask(f"asker {number}", str(number)) for number in range(20)]
        for gate in held.gates.values():
            gate.set()
        await asyncio.gather(*tasks)
        assert held.turns.askers == frozenset()
