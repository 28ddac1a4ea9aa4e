"""Alerts that others found: they live in the same book, and end when their sender says so or falls silent.

Source: Alertmanager, api/v2 and types: an alert without an end is over when nobody repeated it for the resolve timeout.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from lapbell_evaluator.alerts import Book, Observation, Sight, Terms
from lapbell_evaluator.evaluation.cycle import Cycle
from lapbell_evaluator.evaluation.muting import Muting
from lapbell_evaluator.model import AlertView, Clock, EvaluatorError, Labels, Mutes, PostedAlert, State, fingerprint

__all__ = ["POSTED", "Posted", "PostedAlertError"]

POSTED: Final = "posted"
_TERMS: Final = Terms(group=POSTED, rule=POSTED)
_REPEAT_WITHIN_S: Final = 300.0
_FAULTS_SHOWN: Final = 3


class PostedAlertError(EvaluatorError):
    """An alert that can't be: it has no labels, or it ends before it starts."""


class Posted:
    """The alerts of others.

    Args:
        book: where they live; those of an earlier life have as long to be repeated as new ones.
        cycle: writes and tells.
        muting: says who is not told.
        clock: the time.
    """

    def __init__(self, book: Book, cycle: Cycle, muting: Muting, clock: Clock) -> None:
        self._book = book
        self._cycle = cycle
        self._muting = muting
        self._clock = clock
        until = clock.now() + _REPEAT_WITHIN_S
        annotations = {each.labels: each.annotations for each in book.incidents.values()}
        self._known = {
            each.labels: PostedAlert(each.labels, annotations.get(each.labels, ()), each.active_at, until)
            for each in book.of_rule(POSTED).values()
        }

    async def post(self, alerts: Sequence[PostedAlert]) -> None:
        """Take alerts, new or repeated or over.

        Raises:
            PostedAlertError: some of them can't be; the others are taken, as by Alertmanager.
        """
        now = self._clock.now()
        timed = [_timed(each, now) for each in alerts]
        faults = {each: fault for each in timed if (fault := _fault(each))}
        taken = {each.labels: each for each in timed if each not in faults}
        if taken:
            self._known.update(taken)
            await self._settle({labels: _sight(each, now) for labels, each in taken.items()}, now)
        if faults:
            shown = "; ".join(f"{dict(each.labels)}: {fault}" for each, fault in [*faults.items()][:_FAULTS_SHOWN])
            raise PostedAlertError(f"{len(faults)} of {len(alerts)} alerts can't be: {shown}.")

    async def expire(self) -> None:
        """End those whose end has come, or that nobody repeated."""
        now = self._clock.now()
        over = [each.labels for each in self._known.values() if _end(each) <= now]
        if over:
            await self._settle(dict.fromkeys(over, Sight.EMPTY), now)

    def views(self) -> tuple[AlertView, ...]:
        """Those that are not over, by labels."""
        mutes = self._muting.judge()
        return tuple(self._view(labels, mutes) for labels in sorted(self._book.of_rule(POSTED)))

    def _view(self, labels: Labels, mutes: Mutes) -> AlertView:
        alert, muted = self._book.of_rule(POSTED)[labels], mutes(labels)
        known = self._known[labels]
        started = alert.active_at if known.starts_at is None else known.starts_at
        return AlertView(
            alert=replace(
                alert, active_at=started, fired_at=started if alert.state is State.FIRING else alert.fired_at
            ),
            annotations=known.annotations,
            fingerprint=fingerprint(labels),
            silenced_by=muted.silenced_by,
            inhibited_by=muted.fingerprints,
        )

    async def _settle(self, sights: dict[Labels, Sight], now: float) -> None:
        seen = [(_TERMS, [Observation(labels, labels, sight) for labels, sight in sights.items()])]
        said = {labels: self._known[labels] for labels in sights}
        texts = {labels: each.annotations for labels, each in said.items()}
        await self._cycle.settle(partial(self._book.plan, seen, now), (), now, texts=texts)
        alive = self._book.of_rule(POSTED)
        for labels, each in said.items():  # these alone: what others post meanwhile is not in the book yet
            if labels not in alive and self._known.get(labels) is each:
                del self._known[labels]


def _timed(alert: PostedAlert, now: float) -> PostedAlert:
    ends_at = now + _REPEAT_WITHIN_S if alert.ends_at is None else alert.ends_at
    starts_at = min(now, ends_at) if alert.starts_at is None else alert.starts_at
    return replace(alert, starts_at=starts_at, ends_at=ends_at)


def _fault(alert: PostedAlert) -> str:
    """Why a timed alert can't be; empty if it can."""
    if not alert.labels:
        return "without labels it has no identity"
    is_backwards = alert.starts_at is not None and alert.ends_at is not None and alert.ends_at < alert.starts_at
    return "it can't end before it starts" if is_backwards else ""


def _end(alert: PostedAlert) -> float:
    return float("inf") if alert.ends_at is None else alert.ends_at


def _sight(alert: PostedAlert, now: float) -> Sight:
    return Sight.BREACH if _end(alert) > now else Sight.CLEAR
