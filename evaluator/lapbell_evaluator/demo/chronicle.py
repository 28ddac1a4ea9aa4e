"""What the demo saw of the alerts: which incidents fired and resolved, in order."""

from dataclasses import dataclass, field
from typing import Any, Final

from lapbell_evaluator.demo.story import SLOW_PHASE

__all__ = ["Chronicle", "Entry"]

_EXPECTED_ALERT: Final = "WebhookResponseTime"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened, `at` seconds after the start."""

    at: float
    text: str
    style: str


@dataclass(slots=True)
class Chronicle:
    """Compares each answer of the alerts endpoint with the one before."""

    entries: list[Entry] = field(default_factory=list)
    fired: dict[tuple[str, float], dict[str, Any]] = field(default_factory=dict)
    resolved: dict[tuple[str, float], dict[str, Any]] = field(default_factory=dict)
    opened: set[tuple[str, float]] = field(default_factory=set)

    def note(self, at: float, text: str, style: str = "") -> None:
        """Write down what the director did."""
        self.entries.append(Entry(at, text, style))

    def observe(self, at: float, answer: dict[str, Any]) -> None:
        """Write down what changed since the last answer of `/api/performance/alerts`."""
        for alert in answer["alerts"]:
            if alert["fired_at"] is not None:
                self._observe_firing(at, alert)
        for alert in answer["recently_resolved"]:
            self._observe_resolved(at, alert)

    def unopened(self) -> dict[tuple[str, float], str]:
        """The first link to a trace of each incident whose link was not opened yet."""
        return {
            identity: alert["trace_urls"][0]
            for identity, alert in self.fired.items()
            if alert["trace_urls"] and identity not in self.opened
        }

    def observe_trace(self, at: float, identity: tuple[str, float], url: str, trace: dict[str, Any]) -> None:
        """Write down that a link opened, and what it shows: as `/api/performance/traces/{id}` gives it.

        Phases leave the app before the request that they belong to: the link is opened again until that is there.
        """
        whole = (request for request in trace["requests"] if request["route"])
        request = max(whole, key=lambda request: float(request["duration"]), default=None)
        if request is None:
            return
        self.opened.add(identity)
        phase, spent = max(request["phases"].items(), key=lambda phase: float(phase[1]))
        self.note(at, f"its trace opens: {spent:.2f} of {request['duration']:.2f} s are {phase}: {url}", "magenta")

    def _observe_firing(self, at: float, alert: dict[str, Any]) -> None:
        identity = alert["alert_key"], alert["fired_at"]
        before = self.fired.get(identity)
        self.fired[identity] = alert
        if before is None:
            self.note(at, f"FIRING {alert['severity']}: {alert['message']}", "bold red")
        elif before["severity"] != alert["severity"]:
            self.note(at, f"now {alert['severity']}: {alert['message']}", "bold red")
        elif before["state"] != alert["state"]:
            self._observe_return(at, alert)
        if alert["cause"] and not (before and before["cause"]):
            self.note(at, f"to blame: {alert['cause']}", "bold magenta")

    def _observe_return(self, at: float, alert: dict[str, Any]) -> None:
        """Between firing and recovering, there and back."""
        if alert["state"] == "recovering":
            text = f"recovering: {alert['alertname']} fired for {alert['duration']:.0f} s; resolved if it stays clear"
            self.note(at, text, "bold green")
        elif alert["state"] == "firing":
            self.note(at, f"returned, nobody is woken: {alert['message']}", "bold red")

    def _observe_resolved(self, at: float, alert: dict[str, Any]) -> None:
        identity = alert["alert_key"], alert["fired_at"]
        if identity in self.resolved or alert["fired_at"] is None:
            return
        if identity not in self.fired:
            self._observe_firing(at, alert)
        self.resolved[identity] = alert
        value = alert["metric_value"]
        clear = "" if alert["recovering_at"] is None else _clear(alert["resolved_at"] - alert["recovering_at"])
        end = "" if value is None else f", its value is {value:.3g} again"
        text = f"RESOLVED: {alert['alertname']} fired for {alert['duration']:.0f} s{clear}{end}"
        self.note(at, text, "bold green")

    def complaints(self) -> list[str]:
        """Why the story was not told as it should have been; empty if it was.

        Alerts of other things are no complaint: a busy machine may well have a slow Redis for a moment.
        """
        fired = {identity: alert for identity, alert in self.fired.items() if alert["alertname"] == _EXPECTED_ALERT}
        complaints = [] if len(fired) == 1 else [f"expected one incident of {_EXPECTED_ALERT}, saw {len(fired)}"]
        for identity, alert in fired.items():
            if alert["phase_to_blame"] != SLOW_PHASE:
                complaints.append(f"expected {SLOW_PHASE} to be blamed, not {alert['phase_to_blame']}")
            if identity not in self.opened:
                complaints.append(f"no link of {alert['alertname']} to a trace has opened")
            if identity not in self.resolved:
                complaints.append(f"{alert['alertname']} was not resolved")
        return complaints


def _clear(seconds: float) -> str:
    return f" and stayed clear for {seconds:.0f} s"
