"""What people are told, in which groups, and when.

A group is told when an incident of it begins or gets worse, and when one that was told ends. Nobody is told of what
is muted, and of what was over before it could be told. What changes otherwise (somebody takes it, it recovers) waits
for the next message. What may have been told in a message whose answer was lost is told once more in the same one.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from typing import Final, Protocol

from lapbell_evaluator.model import (
    Clock,
    Incident,
    Muter,
    Notice,
    Notification,
    Reason,
    ReceiverPolicy,
    State,
    Transition,
)
from lapbell_evaluator.notify.escalation import Escalation
from lapbell_evaluator.notify.groups import explaining, group_of, nothing_explained
from lapbell_evaluator.notify.notification_log import NotificationLog
from lapbell_evaluator.notify.paging import gets_worse, is_page, is_told
from lapbell_evaluator.notify.selection import Waiting, message_key

__all__ = ["Grouping", "Outstanding"]

_MOST: Final = 30_000
_IDLE_S: Final = 60.0
_MUTED_AGAIN_S: Final = 5.0
_ENDS: Final = (State.RESOLVED, State.INACTIVE)
_OFTEN: Final = 3
_OVER: Final = "It was over before it could be told."
_NOT_WANTED: Final = "This receiver is not told of ends."


class Outstanding(Waiting, Protocol):
    """Where notices wait, and where it is noted that some need not."""

    async def dropped(self, ids: Sequence[int], at: float, why: str) -> None:
        """Note that the receiver will not be told of the notices, since Unix seconds, and why."""
        ...


@dataclass(slots=True)
class _Group:
    """What waits of a group: the notices of each incident in order, by its id."""

    waiting: dict[str, list[Notice]] = field(default_factory=lambda: defaultdict(list))

    def notices(self) -> tuple[Notice, ...]:
        return tuple(sorted((each for own in self.waiting.values() for each in own), key=lambda notice: notice.id))


class Grouping:
    """Chooses what one receiver of messages is told next.

    Args:
        policy: how it wants to be told.
        outbox: where notices wait.
        clock: the time.
        muter: gives what says which alerts are silenced or inhibited now.
        standing: the incident of a key as it is now; None if it is over.
        told: what it was told last of each incident whose end it has not heard of.
        explained_by: what the incident of a key explains.
    """

    is_message = True

    def __init__(
        self,
        policy: ReceiverPolicy,
        outbox: Outstanding,
        clock: Clock,
        muter: Callable[[], Muter],
        standing: Callable[[str], Incident | None],
        told: Sequence[Notice] = (),
        explained_by: Callable[[str], Sequence[Incident]] = nothing_explained,
    ) -> None:
        self._policy = policy
        self._outbox = outbox
        self._clock = clock
        self._muter = muter
        self._standing = standing
        self._explained_by = explained_by
        self._escalation = Escalation(policy.after_s, standing)
        self._log = NotificationLog((group_of(notice.transition, policy.group_by)[0], notice) for notice in told)
        self._due: deque[tuple[Notice, ...]] = deque()
        self._aside: set[str] = set()
        self._wake_at = 0.0

    def told(self) -> tuple[Notice, ...]:
        """What the receiver was told last of each incident whose end it has not heard of."""
        return tuple(notice for group in self._log.groups() for notice in self._log.told(group))

    async def begin(self) -> None:
        """Look at everything anew."""
        self._due.clear()
        self._aside.clear()

    async def next(self) -> Sequence[Notice]:
        """The notices of the next message."""
        if not self._due:
            await self._plan()
        return self._due.popleft() if self._due else ()

    def took(self, notices: Sequence[Notice], at: float) -> None:
        """The receiver has taken them at Unix seconds."""
        for notice in notices:
            self._log.take(self._group_of(notice.transition), [notice], at)

    def refused(self, notices: Sequence[Notice]) -> None:
        """The receiver will never take them; what it does not take of an end it will not hear again."""
        for notice in notices:
            if notice.transition.state is State.RESOLVED:
                self._log.forget(notice.transition.incident.id)

    def set_aside(self, notices: Sequence[Notice]) -> None:
        """The receiver failed on them: other groups are told first.

        Of the same group nothing is: it would say of what ended in this message that it fires, and may come after it.
        """
        self._aside |= {self._group_of(notice.transition) for notice in notices}

    def wait_s(self) -> float:
        """Until a wait, a quiet hour or a repeat ends, and again soon while something is muted."""
        return max(0.0, min(_IDLE_S, self._wake_at - self._clock.now()))

    def notification(self, notices: Sequence[Notice]) -> Notification:
        """The message of some notices of one group, with what else of the group is not over."""
        group = self._group_of(notices[-1].transition)
        own, common = group_of(notices[-1].transition, self._policy.group_by)
        told = self._log.told(group)
        last = {notice.transition.incident.id: notice.transition for notice in told}
        last |= {notice.transition.incident.id: notice.transition for notice in notices}
        transitions = [self._as_it_is(transition) for transition in last.values()]
        incidents = [transition.incident for transition in transitions]
        together = explaining(incidents, self._standing, self._explained_by)
        return Notification(
            receiver=self._policy.name,
            key=message_key(notices),
            group=group,
            group_labels=common if group == own else (),
            transitions=tuple(sorted(transitions, key=partial(_cause_first, together.cause))),
            news=tuple(notice.transition.id for notice in notices if notice.sent_at is None),
            is_page=is_page(notices, told),
            cause=together.cause,
            explains=together.explains,
        )

    def _as_it_is(self, transition: Transition) -> Transition:
        """With what became known of its incident since: evidence grows, and somebody may have taken it."""
        now = self._standing(transition.incident.key)
        is_same = now is not None and now.id == transition.incident.id and transition.state is now.state
        return replace(transition, incident=now) if now is not None and is_same else transition

    def _group_of(self, transition: Transition) -> str:
        """An incident stays in the group that it was told in, unless it outlasted its cause and leaves others there."""
        own, _ = group_of(transition, self._policy.group_by)
        told_in = self._log.group_of(transition.incident.id)
        if told_in is None:
            return own
        is_alone = len(self._log.told(told_in)) == 1
        return told_in if is_alone or transition.reason is not Reason.OUTLASTED else own

    async def _plan(self) -> None:
        now = self._clock.now()
        self._wake_at = now + _IDLE_S
        waiting = await self._outbox.pending(self._policy.name, _MOST)
        quiet_until = self._policy.quiet_until(now)
        if quiet_until is not None:
            self._wakes_at(quiet_until)
            return
        muter = self._muter()
        begun = [own for own in self._begun(waiting, muter) if self._group_of(own[-1].transition) not in self._aside]
        busy = self._aside | {self._group_of(own[-1].transition) for own in begun}
        self._due.extend(begun)
        groups = await self._grouped(waiting, now)
        self._escalation.keep({incident for group in groups.values() for incident in group.waiting})
        for key, group in groups.items():
            due = () if key in busy else self._due_of(key, group, muter, now)
            if due:
                self._due.append(due)
        self._due.extend(self._repeats(muter, now, busy))
        self._due = deque(sorted(self._due, key=_has_failed_often))

    def _begun(self, waiting: Sequence[Notice], muter: Muter) -> Iterator[tuple[Notice, ...]]:
        """Messages that may have arrived although nobody heard so: the same once more."""
        begun = sorted((notice for notice in waiting if notice.message), key=lambda notice: (notice.message, notice.id))
        over = {notice.transition.incident.id for notice in waiting if notice.transition.state in _ENDS}
        for _, own in groupby(begun, key=lambda notice: notice.message):
            notices = tuple(own)
            incidents = [notice.transition.incident for notice in notices]
            if any(incident.id in over or not muter(incident.labels).is_muted for incident in incidents):
                yield notices
            else:
                self._wakes_at(self._clock.now() + _MUTED_AGAIN_S)

    async def _grouped(self, waiting: Sequence[Notice], now: float) -> dict[str, _Group]:
        """What waits of incidents with no message begun, by group, without that of which nobody need be told."""
        begun = {notice.transition.incident.id for notice in waiting if notice.message}
        of_incident: dict[str, list[Notice]] = defaultdict(list)
        for notice in waiting:
            if notice.transition.incident.id not in begun:
                of_incident[notice.transition.incident.id].append(notice)
        groups: dict[str, _Group] = defaultdict(_Group)
        over: dict[str, list[int]] = {_OVER: [], _NOT_WANTED: []}
        for incident, notices in of_incident.items():
            if self._is_over_unsaid(notices) or (
                notices[-1].transition.state in _ENDS and self._is_news(incident, notices)
            ):
                over[_OVER] += [notice.id for notice in notices]
            elif notices[-1].transition.state not in _ENDS:
                groups[self._group_of(notices[-1].transition)].waiting[incident] = notices
            elif not self._policy.send_resolved:
                over[_NOT_WANTED if self._log.knows(incident) else _OVER] += [notice.id for notice in notices]
                self._log.forget(incident)
            else:
                groups[self._group_of(notices[-1].transition)].waiting[incident] = notices
        for why, ids in over.items():
            if ids:
                await self._outbox.dropped(ids, now, why)
        return groups

    def _due_of(self, group_key: str, group: _Group, muter: Muter, now: float) -> tuple[Notice, ...]:
        """The notices of a group if it is told now."""
        heard = {key: own for key, own in group.waiting.items() if self._is_heard(key, own, muter)}
        begins = [key for key in heard if not self._log.knows(key)]
        is_worse = any(self._log.knows(key) and own[-1].transition.state is State.FIRING for key, own in heard.items())
        if not heard:
            return ()
        sent_at = self._log.sent_at(group_key)
        alone = len(self._log.told(group_key)) + len(begins) <= 1
        notices = _Group(dict(heard)).notices()
        is_worse = is_worse or gets_worse(notices, self._log.told(group_key))
        if is_worse or (alone and sent_at is not None):
            ready_at = now
        elif sent_at is not None:
            ready_at = sent_at + self._policy.group_interval_s
        else:
            ready_at = min(map(self._since, heard.values())) + self._policy.group_wait_s
        if now < ready_at:
            self._wakes_at(ready_at)
            return ()
        return notices

    def _is_heard(self, incident: str, own: Sequence[Notice], muter: Muter) -> bool:
        """Whether there is something to tell of an incident: it begins, gets worse, or has ended."""
        last = own[-1].transition
        if last.state is State.RESOLVED:
            return True
        if last.state is State.RECOVERING and not self._log.knows(incident) and not self._fires(last):
            return False
        if not any(is_told(notice.transition) for notice in own):
            return False
        if muter(last.incident.labels).is_muted:
            self._escalation.muted(incident, self._clock.now())
            self._wakes_at(self._clock.now() + _MUTED_AGAIN_S)
            return False
        return self._log.knows(incident) or self._is_due(own)

    def _is_due(self, own: Sequence[Notice]) -> bool:
        """Whether nobody has acknowledged an incident in the time that there is for it."""
        due_at = self._escalation.due_at(own)
        if due_at is not None and self._clock.now() < due_at:
            self._wakes_at(due_at)
        return due_at is not None and self._clock.now() >= due_at

    def _since(self, own: Sequence[Notice]) -> float:
        """Unix seconds since which there is something to tell."""
        due_at = self._escalation.due_at(own)
        return own[-1].transition.at if due_at is None else due_at

    def _repeats(self, muter: Muter, now: float, busy: Collection[str]) -> Iterator[tuple[Notice, ...]]:
        """What still fires, and nobody has taken, of groups that were last told long ago; and what was taken since."""
        told_now = {notice.transition.incident.id for due in self._due for notice in due}
        for key in self._log.groups():
            if key in busy:
                continue
            again = tuple(notice for notice in self._log.told(key) if self._still_wakes(notice.transition, muter))
            sent_at = self._log.sent_at(key)
            if sent_at is None or told_now & {notice.transition.incident.id for notice in self._log.told(key)}:
                continue
            if taken := self._taken_since(key, sent_at):
                yield taken
            if not again:
                continue
            if now < sent_at + self._policy.repeat_interval_s:
                self._wakes_at(sent_at + self._policy.repeat_interval_s)
            else:
                yield again

    def _taken_since(self, key: str, sent_at: float) -> tuple[Notice, ...]:
        """What fires of a group, if all of it was taken and not all before its last message, and that is to be told."""
        if not self._policy.hears_acknowledgements:
            return ()
        firing = tuple(notice for notice in self._log.told(key) if self._fires(notice.transition))
        found = (self._standing(notice.transition.incident.key) for notice in firing)
        taken_at = [None if incident is None else incident.acknowledged_at for incident in found]
        is_all = all(at is not None for at in taken_at)
        return firing if is_all and any(at is not None and at > sent_at for at in taken_at) else ()

    def _still_wakes(self, transition: Transition, muter: Muter) -> bool:
        """Whether it fires, nobody has taken it or its cause, and it is not muted."""
        now = self._standing(transition.incident.key)
        cause = None if now is None or now.caused_by is None else self._standing(now.caused_by)
        is_taken = now is None or any(each is not None and each.acknowledged_at is not None for each in (now, cause))
        return self._fires(transition) and not is_taken and not muter(transition.incident.labels).is_muted

    def _is_news(self, incident: str, notices: Sequence[Notice]) -> bool:
        """Whether the receiver has heard nothing of an incident, nor may have."""
        return not self._log.knows(incident) and not any(notice.attempts for notice in notices)

    def _is_over_unsaid(self, notices: Sequence[Notice]) -> bool:
        """Whether an incident is over and no end of it waits: its dead letters are delivered once more.

        Of what was just written nothing may be known yet; of what was tried before there is.
        """
        last = notices[-1].transition
        now = self._standing(last.incident.key)
        is_over = now is None or now.id != last.incident.id
        return is_over and last.state not in _ENDS and all(notice.attempts for notice in notices)

    def _fires(self, transition: Transition) -> bool:
        """Whether its incident fires now: one that returned without a word was not announced."""
        now = self._standing(transition.incident.key)
        return now is not None and now.id == transition.incident.id and now.state is State.FIRING

    def _wakes_at(self, at: float) -> None:
        self._wake_at = min(self._wake_at, at)


def _has_failed_often(notices: Sequence[Notice]) -> bool:
    """Whether others are told first, however many such there are."""
    return min(notice.attempts for notice in notices) >= _OFTEN


def _cause_first(cause: Incident | None, transition: Transition) -> tuple[bool, bool, float, str]:
    """What fires before what is over, of that the cause first, then the newest."""
    is_cause = cause is not None and transition.incident.id == cause.id
    return transition.state is State.RESOLVED, not is_cause, -transition.at, transition.incident.id
