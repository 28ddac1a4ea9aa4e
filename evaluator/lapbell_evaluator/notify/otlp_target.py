"""A receiver of the list that is told by OTLP: every move, as a log record, and how many alerts there are."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from lapbell_evaluator.model import Clock, LabelMatcher, Muted, Muter, Notice, Notification
from lapbell_evaluator.notify.alerts_metric import AlertCount
from lapbell_evaluator.notify.otlp import OtlpReceiver
from lapbell_evaluator.notify.otlp_client import Destination, Signal
from lapbell_evaluator.notify.target import MessageSender

__all__ = ["NO_ALERTS", "AlertsNow", "OtlpTarget"]


@dataclass(frozen=True, slots=True)
class AlertsNow:
    """What records and metrics say of alerts beside their moves.

    Attributes:
        counts: the incidents that are not over and that all matchers match.
        muter: gives what says which alerts are silenced or inhibited now.
    """

    counts: Callable[[Sequence[LabelMatcher]], Iterable[AlertCount]]
    muter: Callable[[], Muter]


def _none(_: Sequence[LabelMatcher]) -> tuple[AlertCount, ...]:
    return ()


def _nobody() -> Muter:
    return lambda _: Muted()


NO_ALERTS: Final = AlertsNow(_none, _nobody)
"""As they are where no evaluator runs."""


@dataclass(frozen=True, slots=True)
class OtlpTarget:
    """Which endpoint.

    Attributes:
        destination: where to.
        signals: what is sent of logs and metrics.
        matchers: the receiver's: what it is not told of is not counted either.
        alerts: as they are now.
    """

    destination: Destination
    signals: frozenset[Signal]
    matchers: tuple[LabelMatcher, ...]
    alerts: AlertsNow

    def sender(self, clock: Clock, notification: Callable[[Sequence[Notice]], Notification]) -> MessageSender:  # noqa: ARG002 - records are no messages
        """What sends to it; to be made while the loop runs."""
        alerts = self.alerts
        return OtlpReceiver(self.destination, clock, lambda: alerts.counts(self.matchers), alerts.muter, self.signals)
