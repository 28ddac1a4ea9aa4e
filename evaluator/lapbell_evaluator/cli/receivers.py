"""Who would hear of an alert by the configuration, and whether they can be reached."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lapbell_evaluator.alerts import matches, shown
from lapbell_evaluator.cli.tables import duration
from lapbell_evaluator.config import Receiver, Settings
from lapbell_evaluator.model import (
    ALERT_NAME,
    SEVERITY,
    EvaluatorError,
    Incident,
    Notice,
    Notification,
    Reason,
    State,
    SystemClock,
    Transition,
    incident_key,
    labels,
)
from lapbell_evaluator.notify import DeliveryError
from lapbell_evaluator.receiver_settings import message_target

__all__ = ["DeliveryError", "Hearing", "hearings", "roundly", "send_trial"]


@dataclass(frozen=True, slots=True)
class Hearing:
    """Whether a receiver is told of an alert, and why.

    Attributes:
        receiver: its name.
        is_told: whether it is.
        why: for people.
        after_s: seconds in which somebody may acknowledge it, so that the receiver is not told; 0: it is told at once.
    """

    receiver: str
    is_told: bool
    why: str
    after_s: float = 0.0


def hearings(settings: Settings, own: Mapping[str, str]) -> tuple[Hearing, ...]:
    """What each receiver hears of an alert with these labels, in the order of the configuration."""
    windows = [entry.window() for entry in settings.maintenance]
    quiet = [window.name for window in windows if matches(window.matchers, own)]
    found = [_hearing(receiver, own, quiet) for receiver in settings.receivers]
    if settings.export.endpoint:
        found.append(Hearing("otlp", True, "export.endpoint gets every alert"))
    everything = "an Alertmanager gets every alert, and routes it itself"
    return (*found, *(Hearing(url.rpartition("@")[2], True, everything) for url in settings.alerting.alertmanagers))


def roundly(seconds: float) -> str:
    """Seconds as 10m, 1h or 1h30m."""
    return duration(seconds).removesuffix("00s").removesuffix("00m")


def send_trial(settings: Settings, name: str) -> None:
    """Send one message to a receiver, which says that it is a trial.

    Raises:
        EvaluatorError: there is no such receiver.
        DeliveryError: it did not take the message.
    """
    receiver = next((each for each in settings.receivers if each.name == name), None)
    if receiver is None:
        known = ", ".join(each.name for each in settings.receivers) or "there are none"
        raise EvaluatorError(f"No receiver is called {name}.", f"Known: {known}. See receivers in lapbell.yaml.")
    asyncio.run(_send(settings, receiver))


def _hearing(receiver: Receiver, own: Mapping[str, str], quiet: Sequence[str]) -> Hearing:
    policy = receiver.policy()
    matchers = policy.matchers
    failing = [shown(matcher) for matcher in matchers if not matches([matcher], own)]
    if failing:
        return Hearing(receiver.name, False, f"{', '.join(failing)} does not hold")
    why = ", ".join(map(shown, matchers)) or "it has no matchers"
    if policy.hears_every_move:
        return Hearing(receiver.name, True, f"{why}; every move at once, also of what is quiet for people")
    if policy.after_s:
        why += f"; unless acknowledged within {roundly(policy.after_s)}"
    if quiet:
        why += f"; not during maintenance {', '.join(quiet)}"
    if receiver.quiet_hours:
        times = (f"{hours.begin:%H:%M}-{hours.end:%H:%M}" for hours in receiver.quiet_hours)
        why += f"; not in quiet hours {', '.join(times)} {receiver.time_zone}"
    return Hearing(receiver.name, True, why, policy.after_s)


async def _send(settings: Settings, receiver: Receiver) -> None:
    clock = SystemClock()
    target = message_target(settings, receiver)
    trials = [_trial(clock.now())]
    if receiver.pagerduty is not None:
        trials.append(_ended(trials[0]))  # or it would stay open there

    def notification(notices: Sequence[Notice]) -> Notification:
        transition = notices[0].transition
        group = transition.incident.key
        return Notification(receiver.name, transition.id, group, (), (transition,), (transition.id,), is_page=True)

    async with target.sender(clock, notification) as sender:
        for trial in trials:
            await sender.send([Notice(0, receiver.name, trial)])


def _trial(now: float) -> Transition:
    own = labels({ALERT_NAME: "LapbellTrial", SEVERITY: "info"})
    summary = labels({"summary": "A trial by `lapbell notify test`: nothing is wrong."})
    incident = Incident(
        id=f"trial-{now:.3f}",
        key=incident_key(own),
        state=State.FIRING,
        severity="info",
        labels=own,
        value=1.0,
        opened_at=now,
        fired_at=now,
        reason=Reason.BREACHED,
        annotations=summary,
    )
    return Transition(f"{incident.id}-1", incident, State.INACTIVE, State.FIRING, Reason.BREACHED, now)


def _ended(trial: Transition) -> Transition:
    over = replace(trial.incident, state=State.RESOLVED, resolved_at=trial.at, reason=Reason.MANUAL)
    return Transition(f"{over.id}-2", over, State.FIRING, State.RESOLVED, Reason.MANUAL, trial.at)
