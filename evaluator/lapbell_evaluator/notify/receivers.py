"""The receivers of messages: who there is, who is told of what, and the deliveries that run, changed while they run."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from lapbell_evaluator.model import (
    Clock,
    EvaluatorError,
    Incident,
    Muter,
    Notice,
    Notification,
    Reading,
    ReceiverPolicy,
)
from lapbell_evaluator.notify.delivery import Delivery, Outbox
from lapbell_evaluator.notify.grouping import Grouping, Outstanding
from lapbell_evaluator.notify.routing import Matching, Route, Router
from lapbell_evaluator.notify.selection import InOrder
from lapbell_evaluator.notify.target import MessageSender, Target

__all__ = ["MessageReceiver", "Receivers", "ReceiversPlan"]

_MOST_WAITING: Final = 30_000
_NOBODY_TOLD_S: Final = 60.0
_log: Final = logging.getLogger(__name__)


class ReceiverOutbox(Outbox, Outstanding, Protocol):
    """Where notices wait, and what receivers were told."""

    async def told(self, receiver: str) -> tuple[Notice, ...]:
        """The last notice that a receiver took of each incident whose end it did not hear of; raises StorageError."""
        ...

    async def drop_others(self, receivers: Sequence[str]) -> int:
        """Drop what waits for receivers other than these; how many notices that were; raises StorageError."""
        ...


@dataclass(frozen=True, slots=True)
class MessageReceiver:
    """One receiver of messages.

    Attributes:
        policy: of what it is told, and when.
        target: where to.
    """

    policy: ReceiverPolicy
    target: Target


@dataclass(frozen=True, slots=True)
class ReceiversPlan:
    """A change of the list, with all that can fail behind it.

    Attributes:
        wanted: the receivers from then on.
        told: what those that begin were told last of each incident that they know, by name.
        known: names of those that begin, and the incidents that they were told of or will be.
    """

    wanted: tuple[MessageReceiver, ...]
    told: dict[str, tuple[Notice, ...]]
    known: tuple[tuple[str, Incident], ...]


@dataclass(frozen=True, slots=True)
class _Running:
    receiver: MessageReceiver
    grouping: Grouping
    delivery: Delivery
    task: asyncio.Task[None]


class Receivers:
    """Runs a delivery for each receiver of messages; those that a change leaves as they are go on undisturbed.

    Args:
        router: told which receivers there are.
        outbox: where notices wait.
        clock: the time.
        muter: gives what says which alerts are muted now.
        standing: the incident of a key as it is now; None if it is over.
        explained_by: the incidents that the incident of a key explains, as they are now.
        matching: makes the test of labels of some matchers.
        spawn: runs a delivery as a task.
    """

    def __init__(
        self,
        *,
        router: Router,
        outbox: ReceiverOutbox,
        clock: Clock,
        muter: Callable[[], Muter],
        standing: Callable[[str], Incident | None],
        explained_by: Callable[[str], Sequence[Incident]],
        matching: Matching,
        spawn: Callable[[Coroutine[None, None, None]], asyncio.Task[None]],
    ) -> None:
        self._router = router
        self._outbox = outbox
        self._clock = clock
        self._muter = muter
        self._standing = standing
        self._explained_by = explained_by
        self._matching = matching
        self._spawn = spawn
        self._running: dict[str, _Running] = {}

    async def plan(self, wanted: Sequence[MessageReceiver]) -> ReceiversPlan:
        """What a change to these receivers needs to know; nothing is changed yet.

        Raises:
            StorageError: the database does not say what they were told.
            EvaluatorError: what would tell one of them can't be had.
        """
        for receiver in wanted:
            await self._try(receiver)
        begin = [receiver.policy.name for receiver in wanted if receiver.policy.name not in self._running]
        told = {name: await self._outbox.told(name) for name in begin}
        waiting = {name: await self._outbox.pending(name, _MOST_WAITING) for name in begin}
        notices = [notice for by_name in (told, waiting) for own in by_name.values() for notice in own]
        known = tuple((notice.receiver, self._as_it_is(notice.transition.incident)) for notice in notices)
        return ReceiversPlan(tuple(wanted), told, known)

    async def apply(self, plan: ReceiversPlan) -> None:
        """Tell these from now on, and nobody else; what waits for those that are gone is dropped."""
        wanted = {receiver.policy.name: receiver for receiver in plan.wanted}
        policies = [receiver.policy for receiver in plan.wanted]
        routes = [Route(policy.name, self._matching(policy.matchers)) for policy in policies]
        self._router.change(routes, plan.known)
        others = [running for name, running in self._running.items() if wanted.get(name) != running.receiver]
        await asyncio.gather(*map(self._stop, others))
        told = {**plan.told, **{running.receiver.policy.name: running.grouping.told() for running in others}}
        for name in {running.receiver.policy.name for running in others}:
            del self._running[name]
        for name, receiver in wanted.items():
            if name not in self._running:
                self._running[name] = self._begun(receiver, told.get(name, ()))
        await self._drop_others()

    async def close(self) -> None:
        """End every delivery; what was not taken waits for the next start."""
        await asyncio.gather(*map(self._stop, self._running.values()))

    def wake(self) -> None:
        """There may be something new."""
        for running in self._running.values():
            running.delivery.wake()

    @property
    def trouble(self) -> str:
        """That none of those that were told something has taken anything for a minute; empty while one does."""
        deliveries = [running.delivery for running in self._running.values()]
        failing_s = [delivery.failing_s for delivery in deliveries if not delivery.is_idle]
        is_long = min(failing_s, default=0.0) >= _NOBODY_TOLD_S
        return f"No receiver has taken anything for {min(failing_s):.0f} s." if is_long else ""

    def readings(self) -> tuple[Reading, ...]:
        """What each delivery says about itself."""
        return tuple(reading for running in self._running.values() for reading in running.delivery.readings())

    def _begun(self, receiver: MessageReceiver, told: Iterable[Notice]) -> _Running:
        policy = receiver.policy
        grouping = Grouping(
            policy, self._outbox, self._clock, self._muter, self._standing, tuple(told), self._explained_by
        )
        sender = receiver.target.sender(self._clock, grouping.notification)
        selection = InOrder(policy.name, self._outbox) if policy.hears_every_move else grouping
        delivery = Delivery(policy.name, sender, self._outbox, self._clock, selection)
        return _Running(receiver, grouping, delivery, self._spawn(_run(sender, delivery)))

    def _as_it_is(self, incident: Incident) -> Incident:
        now = self._standing(incident.key)
        return now if now is not None and now.id == incident.id else incident

    async def _try(self, receiver: MessageReceiver) -> None:
        """What could not be entered later would leave a receiver untold."""
        running = self._running.get(receiver.policy.name)
        if running is None or running.receiver != receiver:
            async with receiver.target.sender(self._clock, _nothing):
                pass

    async def _stop(self, running: _Running) -> None:
        """A message under way is sent to its end, or for as long as is reasonable."""
        await running.delivery.settled()
        running.task.cancel()
        await asyncio.wait([running.task])

    async def _drop_others(self) -> None:
        """What waits for receivers that there are no more would wait, and be kept, for ever."""
        try:
            dropped = await self._outbox.drop_others(self._router.names)
        except EvaluatorError as error:
            _log.warning("what waits for receivers that there are no more is dropped at the next start: %s", error)
            return
        if dropped:
            _log.warning("notices that waited for receivers that there are no more, and are not told now: %d", dropped)


def _nothing(_: Sequence[Notice]) -> Notification:
    raise EvaluatorError("A receiver that is tried is sent nothing.", "`lapbell notify test` sends a message.")


async def _run(sender: MessageSender, delivery: Delivery) -> None:
    async with sender:
        await delivery.run()
