"""Lists and single things as a person reads them."""

from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

__all__ = ["SEVERITY_STYLES", "duration", "print_alert", "print_alerts", "value"]

SEVERITY_STYLES = {"critical": "bold red", "warning": "yellow"}
_MINUTE_S = 60
_HOUR_S = 3600


def print_alerts(answer: dict[str, Any]) -> None:
    """The active alerts, the worst first."""
    console = Console()
    if not answer["alerts"]:
        console.print("No active alerts.", style="green")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("KEY", "SEVERITY", "STATE", "FOR", "ALERT", "WHERE", "VALUE", "PHASE TO BLAME"):
        table.add_column(column, no_wrap=column != "WHERE")
    for alert in answer["alerts"]:
        table.add_row(
            alert["alert_key"],
            Text(alert["severity"], SEVERITY_STYLES.get(alert["severity"], "")),
            alert["state"] + (" (ack)" if alert["acknowledged"] else ""),
            duration(alert["duration"]),
            alert["alertname"],
            _where(alert["labels"]),
            f"{value(alert['metric_value'])} > {value(alert['threshold'])}",
            _blame(alert),
        )
    console.print(table)


def print_alert(alert: dict[str, Any]) -> None:
    """One alert whole."""
    console = Console()
    console.print(Text(alert["message"], SEVERITY_STYLES.get(alert["severity"], "bold")))
    rows = {
        "key": alert["alert_key"],
        "state": f"{alert['state']} since {_moment(alert['fired_at'] or alert['started_at'])}, {alert['reason']}",
        "severity": alert["severity"],
        "value": f"{value(alert['metric_value'])}, threshold {value(alert['threshold'])}",
        "where": _where(alert["labels"]),
        "to blame": _blame(alert),
        "traces": "\n".join(alert["trace_urls"] or alert["trace_ids"]),
        "description": alert["description"],
        "runbook": alert["runbook_url"],
    }
    table = Table.grid(padding=(0, 2))
    for name, text in rows.items():
        if text:
            table.add_row(Text(name, "dim"), text)
    console.print(table)


def duration(seconds: float) -> str:
    """Seconds as 42s, 3m10s or 2h05m."""
    whole = int(seconds)
    if whole < _MINUTE_S:
        return f"{whole}s"
    if whole < _HOUR_S:
        return f"{whole // _MINUTE_S}m{whole % _MINUTE_S:02}s"
    return f"{whole // _HOUR_S}h{whole % _HOUR_S // _MINUTE_S:02}m"


def value(number: float | None) -> str:
    """A number with three significant digits; a dash if there is none."""
    return "-" if number is None else f"{number:.3g}"


def _where(labels: dict[str, str]) -> str:
    hidden = {"alertname", "severity", "category"}
    return " ".join(f"{name}={text}" for name, text in labels.items() if name not in hidden)


def _blame(alert: dict[str, Any]) -> str:
    if not alert["blame"]:
        return "-"
    first = alert["blame"][0]
    return f"{first['phase']} ({first['share']:.0%})"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%H:%M:%S")
