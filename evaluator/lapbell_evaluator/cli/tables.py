"""Lists and single things as a person reads them."""

import sys
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from lapbell_evaluator.cli.console import PlainConsole
from lapbell_evaluator.cli.evidence import evidence_rows, number_rows

__all__ = [
    "duration",
    "print_alert",
    "print_alerts",
    "print_audit",
    "print_history",
    "print_maintenance",
    "print_query",
    "print_silences",
    "value",
]

SEVERITY_STYLES = {"critical": "bold red", "warning": "yellow"}
_MINUTE_S = 60
_HOUR_S = 3600
_SHORT = 40
_OUR_TRACES = "/api/performance/traces/"


def print_alerts(answer: dict[str, Any], *, is_whole: bool = False) -> None:
    """The active alerts, the worst first; two lines each, so that keys are whole on any terminal.

    Args:
        answer: as `/api/performance/alerts` gives it.
        is_whole: with every alert of a storm, not only a few.
    """
    console = PlainConsole()
    if not answer["alerts"]:
        console.print("No active alerts.", style="green")
        return
    storms = {storm["id"]: storm for storm in answer["storms"]}
    members: dict[str, list[dict[str, Any]]] = {key: [] for key in storms}
    for alert in answer["alerts"]:
        members.get(alert["storm"], []).append(alert)
    alone = [alert for alert in answer["alerts"] if alert["storm"] not in storms]
    explained = _explained(alone)
    below = {alert["alert_key"] for symptoms in explained.values() for alert in symptoms}
    for alert in answer["alerts"]:
        if alert["alert_key"] in below:
            continue  # it stands below its cause
        if alert["storm"] not in storms:
            _print_problem(console, alert, explained.get(alert["alert_key"], []))
        elif alert["storm"] in members:  # a storm stands where the worst of its alerts would
            _print_storm(
                console, storms[alert["storm"]], members.pop(alert["storm"]), answer["window"]["end"], is_whole=is_whole
            )


def _explained(alerts: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The alerts that others explain which are listed too, by the key of the cause."""
    keys = {alert["alert_key"] for alert in alerts}
    explained: dict[str, list[dict[str, Any]]] = {}
    for alert in alerts:
        if alert["caused_by"] in keys:
            explained.setdefault(alert["caused_by"], []).append(alert)
    return explained


def _print_problem(console: Console, alert: dict[str, Any], symptoms: list[dict[str, Any]]) -> None:
    """An alert, and below it those that it explains."""
    _print_alert_lines(console, alert)
    if symptoms:
        console.print("  explains:", style="bold")
    for symptom in symptoms:
        _print_alert_lines(console, symptom, "    ")


def _print_alert_lines(console: Console, alert: dict[str, Any], indent: str = "", shown: Iterable[str] = ()) -> None:
    """An alert in two lines, without the labels that are known already."""
    style = SEVERITY_STYLES.get(alert["severity"], "")
    head = f"{indent}{alert['alert_key']}  {alert['severity']:8}  {_state(alert)} {_how_long(alert)}  "
    console.print(Text.assemble(head, (alert["alertname"], style)), soft_wrap=True)
    values = f"{value(alert['metric_value'])}, threshold {value(alert['threshold'])}"
    blame = f"  to blame: {alert['cause']}" if alert["cause"] else ""
    console.print(Text(f"{indent}  {values}{blame}  {_where(alert['labels'], shown)}", "dim"), soft_wrap=True)


def _print_storm(
    console: Console, storm: dict[str, Any], members: list[dict[str, Any]], now: float, *, is_whole: bool
) -> None:
    style = SEVERITY_STYLES.get(storm["severity"], "bold")
    console.print(Text.assemble((storm["alertname"], style), f": {_extent(storm, now)}"))
    common_labels = storm["common_labels"]
    if where := _where({name: _short(text) for name, text in common_labels.items()}):
        console.print(Padding(Text(f"all {where}", "dim"), (0, 0, 0, 2), expand=False))
    for label in storm["differing_labels"]:
        console.print(Padding(Text(_differing(label), "dim"), (0, 0, 0, 2), expand=False))
    by_key = {alert["alert_key"]: alert for alert in members}
    shown = members if is_whole else [by_key[key] for key in storm["examples"] if key in by_key]
    for alert in shown:
        _print_alert_lines(console, alert, "  ", common_labels)
    if len(shown) < len(members):
        console.print(f"  … and {len(members) - len(shown):,} more: lapbell alerts list --all", style="bold")


def _extent(storm: dict[str, Any], now: float) -> str:
    """How many, since when, how bad, and what people have done about it."""
    states = [f"{storm[state]:,} {state}" for state in ("firing", "recovering", "held") if storm[state]]
    done = [f"{storm[action]:,} {action}" for action in ("acknowledged", "silenced") if storm[action]]
    since = f"since {_moment(storm['began_at'], now)}"
    if storm["last_at"] - storm["began_at"] >= 1:
        since += f" (the last {_moment(storm['last_at'], now)})"
    return ", ".join([f"{' and '.join(states)} {since}", storm["severity"] or "no severity", *done])


def _differing(label: dict[str, Any]) -> str:
    frequent = label["most_frequent"]
    some = ", ".join(
        f"{_short(value['value'])} ({value['count']:,})" if value["count"] > 1 else _short(value["value"])
        for value in frequent
    )
    which = "most often" if frequent[0]["count"] > 1 else "such as"
    values = "value" if label["distinct_values"] == 1 else "values"
    return f"{label['label']}: {label['distinct_values']:,} {values}, {which} {some}"


def print_alert(alert: dict[str, Any]) -> None:
    """One alert whole."""
    console = PlainConsole()
    console.print(Text(alert["message"], SEVERITY_STYLES.get(alert["severity"], "bold")))
    rows = {
        "key": alert["alert_key"],
        "state": f"{_state(alert)} since {_moment(_moved_at(alert))}, {alert['reason'].replace('_', ' ')}",
        "severity": alert["severity"],
        **dict(number_rows(alert)),
        "where": _where(alert["labels"]),
        "to blame": alert["cause"] or "-",
        "caused by": alert["caused_by"] or "",
        "explains": "\n".join(alert["explains"]),
        **dict(evidence_rows(alert)),
        "traces": "\n".join(_traces(alert)),
        "description": alert["description"],
        "runbook": alert["runbook_url"],
    }
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(overflow="fold")
    for name, text in rows.items():
        if text:
            table.add_row(Text(name, "dim"), text)
    console.print(table)


def _traces(alert: dict[str, Any]) -> list[str]:
    """Links that lead elsewhere; of traces that are kept here what shows them."""
    ids, links = alert["trace_ids"], alert["trace_urls"]
    if links and _OUR_TRACES not in links[0]:
        return [*links]
    return [f"lapbell trace {trace_id}" for trace_id in ids]


def print_silences(silences: list[dict[str, Any]]) -> None:
    """Silences, in the order given."""
    console = PlainConsole()
    if not silences:
        console.print("No silences.", style="green")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("ID", "STATE", "MATCHERS", "ENDS", "BY", "WHY"):
        table.add_column(column, no_wrap=column in {"ID", "STATE", "ENDS"}, overflow="fold")
    for silence in silences:
        matchers = " ".join(_matcher(matcher) for matcher in silence["matchers"])
        ends = datetime.fromisoformat(silence["endsAt"]).astimezone().strftime("%Y-%m-%d %H:%M")
        table.add_row(
            silence["id"], silence["status"]["state"], matchers, ends, silence["createdBy"], silence["comment"]
        )
    console.print(table)


def print_maintenance(windows: list[dict[str, Any]]) -> None:
    """Maintenance windows, in the order given."""
    console = PlainConsole()
    if not windows:
        console.print("No maintenance windows: see maintenance in lapbell.yaml.")
        return
    for window in windows:
        style = "bold" if window["active"] else ""
        console.print(Text(f"{window['name']}  {_now_and_next(window)}", style=style))
        why = f" ({window['comment']})" if window["comment"] else ""
        schedule = f"{window['schedule']} {window['time_zone']}, for {duration(window['duration'])}"
        console.print(Padding(Text(f"{schedule}: {' '.join(window['matchers'])}{why}"), (0, 0, 0, 2)))


def _now_and_next(window: dict[str, Any]) -> str:
    """Whether it is on, until when, and when it begins the next time."""
    following = "" if window["begins_at"] is None else f", next {_minute(window['begins_at'])}"
    if not window["active"]:
        return f"off{following or ', and never again'}"
    return f"on until {_minute(window['ends_at'])}{following}" if window["ends_at"] else "on, without an end"


def _minute(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M")


def print_history(moves: list[dict[str, Any]]) -> None:
    """Moves of incidents, two lines each: what happened and why, then where and who."""
    console = PlainConsole()
    if not moves:
        console.print("Nothing has happened.", style="green")
        return
    for move in moves:
        style = SEVERITY_STYLES.get(move["severity"], "") if move["state"] == "firing" else ""
        began = "" if move["state"] == move["previous_state"] else f"{move['previous_state']} → "
        head = f"{_day(move['at'])}  {move['alert_key']}  {began}{move['state']}, {move['reason'].replace('_', ' ')}  "
        console.print(Text.assemble(head, (move["alertname"], style)), soft_wrap=True)
        who = f"  by {move['actor']}: {move['why']}" if move["actor"] else ""
        values = f"{value(move['metric_value'])}, threshold {value(move['threshold'])}"
        console.print(Text(f"  {move['severity']}  {values}  {_where(move['labels'])}{who}", "dim"), soft_wrap=True)


def print_audit(entries: list[dict[str, Any]]) -> None:
    """Changes by hand, in the order given."""
    console = PlainConsole()
    if not entries:
        console.print("Nobody has changed anything.", style="green")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("WHEN", "WHO", "WHAT", "OF", "WHY"):
        table.add_column(column, no_wrap=column in {"WHEN", "WHAT"})
    for entry in entries:
        table.add_row(_day(entry["at"]), entry["actor"], entry["action"], entry["target"], entry["why"])
    console.print(table)


def print_query(answer: dict[str, Any]) -> None:
    """The answer to a PromQL question, one series a line, for people and for grep."""
    if answer["resultType"] in {"scalar", "string"}:
        sys.stdout.write(f"{answer['result'][1]}\n")
        return
    for series in answer["result"]:
        own = ", ".join(f'{name}="{text}"' for name, text in series["metric"].items() if name != "__name__")
        name = series["metric"].get("__name__", "") + (f"{{{own}}}" if own else "")
        points = series.get("values") or [series.get("value") or series.get("histogram")]
        values = " ".join(str(value) for _, value in points)
        sys.stdout.write(f"{name} {values}\n".lstrip())
    if not answer["result"]:
        sys.stdout.write("No series.\n")


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


def _state(alert: dict[str, Any]) -> str:
    """The state, and why it may stay as it is."""
    notes = [alert["detail"] or alert["health"].replace("_", " ")] if alert["health"] != "ok" else []
    flags = {
        "acknowledged": alert["acknowledged"],
        "silenced": alert["silenced_by"],
        "inhibited": alert["inhibited_by"],
        "in maintenance": alert["maintained_by"],
        "flapping": alert["flapping"],
    }
    notes += [name for name, is_so in flags.items() if is_so]
    return f"{alert['state']} ({', '.join(notes)})" if notes else str(alert["state"])


def _moved_at(alert: dict[str, Any]) -> float:
    """Since when it is in its state: one that is held or over has been resolved since it fired."""
    ends = {"recovering": alert["recovering_at"], "held": alert["resolved_at"], "resolved": alert["resolved_at"]}
    ended = ends.get(alert["state"])
    return float(ended or alert["fired_at"] or alert["started_at"])


def _how_long(alert: dict[str, Any]) -> str:
    """How long it fires or is pending; of one that does no longer, since when: its duration is how long it fired."""
    has_ended = alert["state"] in {"recovering", "held"}
    return f"since {_moment(_moved_at(alert))}" if has_ended else f"for {duration(alert['duration'])}"


def _where(labels: dict[str, str], shown: Iterable[str] = ()) -> str:
    hidden = {"alertname", "severity", "category", *shown}
    return " ".join(f"{name}={text}" for name, text in labels.items() if name not in hidden)


def _short(text: str) -> str:
    return text if len(text) <= _SHORT else f"{text[: _SHORT - 1]}…"


def _moment(seconds: float, now: float | None = None) -> str:
    """The time of day, with the date if `now` is given and is of another day."""
    moment = datetime.fromtimestamp(seconds).astimezone()
    is_old = now is not None and datetime.fromtimestamp(now).astimezone().date() != moment.date()
    return _day(seconds) if is_old else moment.strftime("%H:%M:%S")


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")
