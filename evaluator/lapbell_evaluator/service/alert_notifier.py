"""What an Alertmanager is sent, and when it is sent again.

Source: Prometheus, rules/alerting.go, and github.com/prometheus/compliance, alert_generator/specification.md: a firing
alert is sent when it fires and again after the resend delay, with an end four times as far ahead; one that has ended is
sent when it ends and again for 15 minutes. Nothing of this is written down: all of it is sent again in a minute.

An Alertmanager knows no recovering. Where a rule says what recovery is to it, its alerts fire there for as long as
their incident is not told as resolved; those of other rules end as Prometheus ends them.
"""

import asyncio
import logging
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from lapbell_evaluator.evaluation import Annotator
from lapbell_evaluator.model import Alert, Clock, Muted, PostableAlert, Reading, labels
from lapbell_evaluator.notify import DeliveryError, Progress, RefusedError
from lapbell_evaluator.service.active_alerts import ActiveAlert, ActiveAlerts
from lapbell_evaluator.service.muting import Muting

__all__ = ["AlertNotifier", "AlertReceiver"]

_log = logging.getLogger(__name__)
_BATCH: Final = 256
_LATE_S: Final = 0.25
"""Evaluations are never quite on time: without this, every other resend would wait for one more interval."""
_LONGEST_ASKED_PAUSE_S: Final = 60.0
"""An Alertmanager that asks for more is asked again: four resends after the last one it ends alerts by itself."""
_RESENDS_AHEAD: Final = 4
"""An alert's end is as many resends ahead: three of them may be lost before an Alertmanager ends it by itself."""


class AlertReceiver(Protocol):
    """Takes alerts, such as an Alertmanager."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    async def send(self, alerts: Sequence[PostableAlert]) -> None:
        """Take them.

        Raises:
            DeliveryError: it did not.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Sent:
    """What was last sent of an alert: that it fires or has ended since `moment`; and when."""

    moment: float
    at: float
    is_firing: bool


class AlertNotifier:
    """Notifies one Alertmanager of every alert after each evaluation of its group, as often as it must.

    An alert that is silenced or inhibited is not sent at first; one that was sent is sent on, or the Alertmanager
    would take silence for recovery. The end of one that was never sent is not sent either.

    Args:
        receiver: who is notified.
        active_alerts: what there is to send.
        muting: which alerts are silenced or inhibited.
        annotator: renders annotations, with the external labels and URL.
        clock: the time.
        resend_delay_s: seconds until a firing alert is sent again.
    """

    def __init__(
        self,
        receiver: AlertReceiver,
        active_alerts: ActiveAlerts,
        muting: Muting,
        annotator: Annotator,
        clock: Clock,
        resend_delay_s: float = 60.0,
    ) -> None:
        self._receiver = receiver
        self._active_alerts = active_alerts
        self._muting = muting
        self._annotator = annotator
        self._clock = clock
        self._resend_delay_s = resend_delay_s
        self._progress = Progress(receiver.name, clock)
        self._woken = asyncio.Event()
        self._evaluated: set[str] = set()
        muter = muting.muter()
        self._sent = {
            active.id: _Sent(_moment(active), -math.inf, active.ended_at is None)
            for active in active_alerts.every(clock.now())
            if self._was_sent(active.alert, muter(active.alert.labels))
        }

    def readings(self) -> tuple[Reading, ...]:
        """How delivery goes."""
        return self._progress.readings()

    def evaluated(self, groups: Collection[str]) -> None:
        """The groups of these keys were evaluated, or their alerts moved otherwise."""
        self._evaluated.update(groups)
        self._woken.set()

    async def notify(self) -> int:
        """Send what is due, and say how many alerts that were.

        Raises:
            DeliveryError: not all could be sent; what is left is due at the next evaluation.
        """
        now = self._clock.now()
        evaluated, self._evaluated = self._evaluated, set()
        due = self._due(evaluated, now)
        for begin in range(0, len(due), _BATCH):
            batch = due[begin : begin + _BATCH]
            await asyncio.sleep(0)  # thousands of texts: let the gates answer in between
            alerts = [await self._postable(active, now) for active in batch]
            try:
                await self._receiver.send(alerts)
            except RefusedError as error:
                _log.error("%s", error)  # the same again would be refused again: it waits for the resend
                self._progress.failed()
            except DeliveryError:
                self._progress.failed()
                raise
            else:
                self._progress.took(len(batch))
            self._sent.update((active.id, _Sent(_moment(active), now, active.ended_at is None)) for active in batch)
        if due:
            self._forget()
        return len(due)

    async def run(self) -> None:
        """Notify after each evaluation, until cancelled."""
        is_failing = False
        while True:
            await self._woken.wait()
            self._woken.clear()
            try:
                await self.notify()
                is_failing = False
            except DeliveryError as error:
                if not is_failing:
                    _log.warning("%s Trying again after each evaluation.", error)
                is_failing = True
                await asyncio.sleep(min(error.retry_after_s or 0.0, _LONGEST_ASKED_PAUSE_S))
            except Exception:  # noqa: BLE001 - one receiver's fault must not end the evaluator; it is logged whole
                self._progress.failed()
                _log.exception("%s was not notified; trying again after the next evaluation.", self._receiver.name)

    def _was_sent(self, alert: Alert, muted: Muted) -> bool:
        """Whether an earlier life sent an alert: also one that fired before what mutes it began."""
        if muted.inhibited_by or alert.fired_at is None:
            return False
        muted_since = self._muting.began_at(muted)
        return muted_since is None or muted_since > alert.fired_at

    def _due(self, evaluated: Collection[str], now: float) -> list[ActiveAlert]:
        muter = self._muting.muter()
        due = []
        for active in self._active_alerts.of_groups(evaluated, now):
            sent = self._sent.get(active.id)
            if sent is not None and sent.moment == _moment(active):
                is_due = not 0 <= now - sent.at < self._resend_delay_s - _LATE_S  # the clock may have been set back
            elif active.ended_at is not None:
                is_due = sent is not None and sent.is_firing
            else:
                is_due = (sent is not None and sent.is_firing) or not muter(active.alert.labels).is_muted
            if is_due:
                due.append(active)
        return due

    async def _postable(self, active: ActiveAlert, now: float) -> PostableAlert:
        ahead_s = _RESENDS_AHEAD * max(self._resend_delay_s, active.interval_s)
        ended_at = active.ended_at
        alert, at = active.alert, now if ended_at is None else ended_at
        return PostableAlert(
            labels=labels({**dict(self._annotator.external_labels), **dict(alert.labels)}),
            annotations=await self._annotator.annotations(active.rule, alert, at),
            starts_at=alert.fired_at,
            ends_at=now + ahead_s if ended_at is None else ended_at,
            generator_url=self._annotator.link(active.rule),
        )

    def _forget(self) -> None:
        """What was sent of alerts that are long over."""
        self._sent = {key: sent for key, sent in self._sent.items() if self._active_alerts.has(key)}


def _moment(active: ActiveAlert) -> float:
    """Since when it is as it is, in Unix seconds; every active alert has fired."""
    moment = active.alert.fired_at if active.ended_at is None else active.ended_at
    return math.nan if moment is None else moment
