"""From the outbox to one receiver: in order, at least once, again while the receiver is down.

What the receiver refuses for ever stands in nobody's way: a batch that it refuses is halved until the record that it
refuses stands alone, which becomes a dead letter. Where an error does not say whether the receiver or a record is at
fault, the records of a batch are tried one by one, and those that it fails on alone are to blame if it takes others;
meanwhile what follows of the same incident waits, so that no receiver hears of an end before its beginning.

A message for people is not taken apart by an error: it may have arrived, and its parts would be other messages. It
stands aside under its key while others leave. Its incidents are told apart once the receiver has answered ten times
that it failed; one that is no more than an incident becomes a dead letter after 120 such answers, about an hour.
"""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Protocol

from lapbell_evaluator.model import Clock, EvaluatorError, Notice, Reading
from lapbell_evaluator.notify.errors import DeliveryError, DeniedError, DoubtfulError, PartlyRefusedError, RefusedError
from lapbell_evaluator.notify.pauses import pause_s
from lapbell_evaluator.notify.progress import Progress
from lapbell_evaluator.notify.selection import InOrder, Selection, Waiting, message_key

__all__ = ["Delivery", "Outbox", "Receiver"]

_log = logging.getLogger(__name__)
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 30.0
_JITTER: Final = 0.25
"""Receivers that went away together are not all asked again in the same instant."""
_DOUBTED_FROM: Final = 3
"""An error that may pass is taken for one of the receiver's at the first two attempts."""
_TAKEN_APART_FROM: Final = 10
"""A message is halved from this attempt on, after about three minutes."""
_MOST_SET_ASIDE: Final = 3
"""A receiver that fails on so many messages, and takes none, is asked again later."""
_SETTLES_S: Final = 10.0
"""A message under way is given so long when its receiver is removed or changed."""
_MOST_ATTEMPTS: Final = 120
"""After about an hour a record that the receiver fails on goes out of the way, whoever is to blame."""


class Outbox(Waiting, Protocol):
    """Where notices wait."""

    async def delivered(self, ids: Sequence[int], at: float) -> None:
        """Note that the notices reached it, at Unix seconds."""
        ...

    async def sending(self, ids: Sequence[int], at: float, message: str) -> None:
        """Note that delivery is tried now, at Unix seconds, in the message of this key."""
        ...

    async def failed(self, ids: Sequence[int], error: str, *, may_have_arrived: bool) -> None:
        """Note that they did not, as far as anybody knows."""
        ...

    async def refused(self, ids: Sequence[int], at: float, status: str, error: str) -> None:
        """Note that it will never take them, since Unix seconds: they are dead letters from now on."""
        ...

    async def dead_letter_count(self, receiver: str) -> int:
        """How many dead letters of the receiver are kept."""
        ...


class Receiver(Protocol):
    """Takes notices."""

    async def send(self, notices: Sequence[Notice]) -> None:
        """Take them all, in order.

        Raises:
            DeliveryError: they were not taken; the kind of error says whether they may be later.
        """
        ...


@dataclass(slots=True)
class _Batch:
    """How one batch fares.

    Attributes:
        taken: how many the receiver took.
        suspects: those that it failed on alone, with what it said.
        waiting: the incidents whose later notices wait for a verdict.
        set_aside: what kept messages from the receiver.
    """

    taken: int = 0
    suspects: list[tuple[Notice, DoubtfulError]] = field(default_factory=list)
    waiting: set[str] = field(default_factory=set)
    set_aside: list[DeliveryError] = field(default_factory=list)

    def suspect(self, notice: Notice, error: DoubtfulError) -> None:
        self.suspects.append((notice, error))
        self.waiting.add(notice.transition.incident.id)


class Delivery:
    """Delivers what waits for one receiver.

    A notice is marked as delivered once the receiver has taken it. If the evaluator dies in between, it is sent again,
    with the same transition id, by which a receiver can drop the second.

    Args:
        name: the receiver's, as the outbox has it.
        receiver: takes the notices.
        outbox: where they wait.
        clock: the time of delivery.
        selection: chooses what is sent next; everything in order if None.
        chance: numbers from 0 to 1, by which pauses differ.
    """

    def __init__(
        self,
        name: str,
        receiver: Receiver,
        outbox: Outbox,
        clock: Clock,
        selection: Selection | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._name = name
        self._receiver = receiver
        self._outbox = outbox
        self._clock = clock
        self._selection = selection or InOrder(name, outbox)
        self._chance = chance
        self._woken = asyncio.Event()
        self._sending = asyncio.Lock()
        self._doubts: Counter[int] = Counter()  # by the id of a message's first notice
        self._progress = Progress(name, clock)

    def readings(self) -> tuple[Reading, ...]:
        """What delivery says about itself."""
        return self._progress.readings()

    @property
    def is_idle(self) -> bool:
        """Whether nothing was there to tell so far: nobody knows whether the receiver takes anything."""
        return self._progress.is_idle

    @property
    def failing_s(self) -> float:
        """Seconds since which the receiver takes nothing; 0 while it does."""
        return self._progress.failing_s

    def wake(self) -> None:
        """There may be something new."""
        self._woken.set()

    async def deliver(self) -> int:
        """Deliver everything that is due, and say how much was taken.

        Raises:
            DeliveryError: the receiver did not take a batch; it and what follows still waits.
        """
        count = 0
        set_aside: list[DeliveryError] = []
        await self._selection.begin()
        while notices := await self._selection.next():
            batch = _Batch()
            async with self._sending:
                await self._send(notices, batch)
                await self._judge(batch)
            count += batch.taken
            set_aside += batch.set_aside
            if not count and len(set_aside) >= _MOST_SET_ASIDE:
                break
        self._progress.dead_letters = await self._outbox.dead_letter_count(self._name)
        if set_aside:
            raise set_aside[0]
        return count

    async def settled(self) -> None:
        """Wait until no message is under way, ten seconds at most; who cancels at once then leaves none half sent."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_SETTLES_S), self._sending:
                pass

    async def run(self) -> None:
        """Deliver when woken, and again after a pause that doubles while the receiver is down, until cancelled."""
        pause = _FIRST_PAUSE_S
        while True:
            self._woken.clear()
            try:
                await self.deliver()
                pause = _FIRST_PAUSE_S
                await self._wait(self._selection.wait_s())
                continue
            except EvaluatorError as error:
                wait_s = pause_s(error, pause)
                stands_aside = self._stands_aside(error)
                _log.warning("%s: %s Trying again in %.0f s.", self._name, error, wait_s)
            except Exception:  # noqa: BLE001 - one receiver's fault must not end the evaluator; it is logged whole
                self._progress.failed()
                wait_s, stands_aside = pause, False
                _log.exception("%s: trying again in %.0f s.", self._name, wait_s)
            wait_s *= 1 + _JITTER * self._chance()
            await asyncio.sleep(min(wait_s, _FIRST_PAUSE_S) if stands_aside else wait_s)
            if stands_aside:  # what comes next is told meanwhile
                await self._wait(max(0.0, wait_s - _FIRST_PAUSE_S))
            pause = min(pause * 2, _LONGEST_PAUSE_S)

    async def _send(self, notices: Sequence[Notice], batch: _Batch) -> None:
        notices = [notice for notice in notices if notice.transition.incident.id not in batch.waiting]
        if not notices:
            return
        ids = [notice.id for notice in notices]
        await self._outbox.sending(ids, self._clock.now(), message_key(notices))
        try:
            await self._receiver.send(notices)
        except PartlyRefusedError as error:
            await self._take_in_part(notices, batch, error)
        except RefusedError as error:
            halves = self._halves(notices)
            await (self._send_each(halves, batch) if halves else self._refuse(notices, error))
        except DoubtfulError as error:
            await self._doubt(notices, batch, error)
        except DeliveryError as error:
            await self._fail(notices, error)
            if not self._stands_aside(error):
                raise
            self._set_aside(notices, batch, error)
        except Exception as fault:  # noqa: BLE001 - what cannot be made must not keep others; it is logged whole
            _log.exception("%s: a message could not be made", self._name)
            kind = type(fault).__name__  # its text may quote a secret
            await self._doubt(notices, batch, DoubtfulError(f"It could not be made ({kind}).", "The log says why."))
        else:
            await self._take(notices, batch)

    def _stands_aside(self, error: EvaluatorError) -> bool:
        """Whether others may be told: it is a message's error, and the receiver has not asked to be left alone."""
        is_asked = isinstance(error, DeniedError) or not isinstance(error, DeliveryError) or error.retry_after_s
        return self._selection.is_message and not is_asked

    def _set_aside(self, notices: Sequence[Notice], batch: _Batch, error: DeliveryError) -> None:
        self._selection.set_aside(notices)
        batch.set_aside.append(error)

    async def _doubt(self, notices: Sequence[Notice], batch: _Batch, error: DoubtfulError) -> None:
        """The receiver failed on them: perhaps for their own sake, perhaps for its own."""
        await self._fail(notices, error)
        halves = self._halves(notices)
        if self._selection.is_message:
            await self._doubt_message(notices, halves, batch, error)
        elif max(notice.attempts for notice in notices) + 1 < _DOUBTED_FROM:
            raise error
        elif halves:
            await self._send_each(halves, batch)
        else:
            batch.suspect(notices[0], error)

    async def _doubt_message(
        self,
        notices: Sequence[Notice],
        halves: tuple[Sequence[Notice], ...],
        batch: _Batch,
        error: DoubtfulError,
    ) -> None:
        self._doubts[notices[0].id] += 1
        doubts = self._doubts[notices[0].id]
        if halves and doubts >= _TAKEN_APART_FROM:
            await self._send_each(halves, batch)
        elif not halves and doubts >= _MOST_ATTEMPTS:
            await self._refuse(notices, error)
        else:
            self._set_aside(notices, batch, error)

    def _halves(self, notices: Sequence[Notice]) -> tuple[Sequence[Notice], ...]:
        """Two parts, none if there is one record or, in a message, one incident."""
        if not self._selection.is_message:
            middle = len(notices) // 2
            return (notices[:middle], notices[middle:]) if middle else ()
        incidents = list(dict.fromkeys(notice.transition.incident.id for notice in notices))
        first = set(incidents[: len(incidents) // 2])
        parts = [
            [notice for notice in notices if (notice.transition.incident.id in first) is is_first]
            for is_first in (True, False)
        ]
        return tuple(parts) if first else ()

    async def _send_each(self, parts: Sequence[Sequence[Notice]], batch: _Batch) -> None:
        for part in parts:
            await self._send(part, batch)

    async def _judge(self, batch: _Batch) -> None:
        """Suspects are to blame if the receiver takes others and fails on them once more, or if it did for an hour."""
        for notice, error in batch.suspects:
            is_long_enough = notice.attempts >= _MOST_ATTEMPTS and not error.may_be_configuration
            if not batch.taken and not is_long_enough:
                raise error
        for notice, _ in batch.suspects:
            await self._send_last(notice, batch)

    async def _send_last(self, notice: Notice, batch: _Batch) -> None:
        await self._outbox.sending([notice.id], self._clock.now(), message_key([notice]))
        try:
            await self._receiver.send([notice])
        except (RefusedError, DoubtfulError, PartlyRefusedError) as error:
            await self._refuse([notice], error)
        except DeliveryError as error:
            await self._fail([notice], error)
            raise
        else:
            await self._take([notice], batch)

    async def _take(self, notices: Sequence[Notice], batch: _Batch) -> None:
        at = self._clock.now()
        await self._outbox.delivered([notice.id for notice in notices], at)
        self._doubts.pop(notices[0].id, None)
        self._selection.took(notices, at)
        self._progress.took(len(notices))
        batch.taken += len(notices)

    async def _take_in_part(self, notices: Sequence[Notice], batch: _Batch, error: PartlyRefusedError) -> None:
        """OTLP forbids to send again after a partial success: where it is not known which, people may."""
        if error.rejected < len(notices):
            await self._outbox.delivered([notice.id for notice in notices], self._clock.now())
            self._progress.took(len(notices) - error.rejected)
            batch.taken += len(notices) - error.rejected
        await self._refuse(notices, error, error.rejected)

    async def _fail(self, notices: Sequence[Notice], error: DeliveryError) -> None:
        self._progress.failed()
        was_begun = any(notice.message for notice in notices)  # what may have arrived before may have arrived for good
        ids = [notice.id for notice in notices]
        await self._outbox.failed(ids, str(error), may_have_arrived=error.may_have_arrived or was_begun)

    async def _refuse(self, notices: Sequence[Notice], error: DeliveryError, count: int = 1) -> None:
        ids = [notice.id for notice in notices]
        await self._outbox.refused(ids, self._clock.now(), error.status, error.message)
        self._doubts.pop(notices[0].id, None)
        self._selection.refused(notices)
        self._progress.refused(count)
        self._progress.dead_letters += len(ids)
        keys = ", ".join(sorted({notice.transition.incident.key for notice in notices}))
        _log.error("%s: %s (kept as dead letters, incident %s: `lapbell notify failed`)", self._name, error, keys)

    async def _wait(self, most_s: float) -> None:
        """Until woken, or for so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(most_s):
                await self._woken.wait()
