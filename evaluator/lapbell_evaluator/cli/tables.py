"""Lists and single things as a person reads them."""

from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

__all__ = ["SEVERITY_STYLES", "duration", "print_alert", "print_alerts", "print_query", "print_silences", "value"]

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


def print_silences(found: list[dict[str, Any]]) -> None:
    """Silences, in the order given."""
    console = Console()
    if not found:
        console.print("No silences.", style="green")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("ID", "STATE", "MATCHERS", "ENDS", "BY", "WHY"):
        table.add_column(column, no_wrap=column in {"ID", "STATE", "ENDS"})
    for silence in found:
        matchers = " ".join(_matcher(each) for each in silence["matchers"])
        ends = datetime.fromisoformat(silence["endsAt"]).astimezone().strftime("%Y-%m-%d %H:%M")
        table.add_row(
            silence["id"], silence["status"]["state"], matchers, ends, silence["createdBy"], silence["comment"]
        )
    console.print(table)


def print_query(answer: dict[str, Any]) -> None:
    """The answer to a PromQL question, one series a line."""
    console = Console()
    if answer["resultType"] in {"scalar", "string"}:
        console.print(answer["result"][1], markup=False)
        return
    for series in answer["result"]:
        own = ", ".join(f'{name}="{text}"' for name, text in series["metric"].items() if name != "__name__")
        points = series.get("values") or [series.get("value") or series.get("histogram")]
        values = " ".join(str(value) for _, value in points)
        console.print(f"{series['metric'].get('__name__', '')}{{{own}}} {values}", markup=False, highlight=False)
    if not answer["result"]:
        console.print("No series.")


def _matcher(matcher: dict[str, Any]) -> str:
    op = ("=~" if matcher["isRegex"] else "=") if matcher["isEqual"] else ("!~" if matcher["isRegex"] else "!=")
    return f'{matcher["name"]}{op}"{matcher["value"]}"'


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
