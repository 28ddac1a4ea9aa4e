"""What is behind an alert, as rows for people: its numbers, and what is to blame by the kind of alert."""

from collections.abc import Iterable, Iterator
from typing import Any

__all__ = ["evidence_rows", "number_rows"]

_SHOWN = 5


def number_rows(alert: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Value and threshold, peak, trend, and the counts behind them, as far as they were measured."""
    peak = "" if alert["peak"] is None else f", peak {_number(alert['peak'])}"
    yield "value", f"{_number(alert['metric_value'])}, threshold {_number(alert['threshold'])}{peak}"
    before = {"a minute ago": alert["trend"]["minute_ago"], "five minutes ago": alert["trend"]["five_minutes_ago"]}
    trend = [f"{_number(value)} {when}" for when, value in before.items() if value is not None]
    if trend:
        yield "trend", ", ".join(trend)
    if alert["counts"]["total"] is not None and alert["counts"]["bad"] is not None:
        yield "counts", f"{alert['counts']['bad']:.0f} of {alert['counts']['total']:.0f} were bad"


def evidence_rows(alert: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What was found by the kind of alert; nothing for kinds that have no more than their cause."""
    evidence = alert["evidence"] or {}
    phases = [f"{each['phase']} {each['share']:.0%}, {each['excess_time']:.3g} s more" for each in alert["blame"]]
    if len(phases) > 1:
        yield "phases", _lines(phases)
    if errors := evidence.get("errors"):
        yield from _errors(errors)
    if redis := evidence.get("redis"):
        yield from _redis(redis)
    if queue := evidence.get("queue"):
        yield from _queue(queue)
    if in_flight := evidence.get("in_flight"):
        running = (
            f"{each['trace_id']} for {each['age']:.0f} s in {each['phase'] or 'no phase'}"
            for each in in_flight["oldest"]
        )
        yield "running", _lines(running)
    if host := evidence.get("host"):
        named = {"id": host["id"], "container": host["container"], "runs": " ".join(host["services"])}
        yield "host", ", ".join([host["name"] or "-", *(f"{name} {text}" for name, text in named.items() if text)])


def _errors(errors: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield (
        "causes",
        _lines(
            f"{each['share']:.0%} {_cause(each)}" + (f" at {each['line']}" if each["line"] else "")
            for each in errors["causes"]
        ),
    )
    yield (
        "responses",
        _lines(
            f"{each['count']:.0f} {each['outcome']}"
            + (f" {each['status_code']}" if each["status_code"] is not None else "")
            + (f" to {each['provider']}" if each["provider"] else "")
            for each in errors["responses"]
        ),
    )


def _cause(cause: dict[str, Any]) -> str:
    what = f"{cause['reason']} ({cause['error_type']})" if cause["reason"] else cause["error_type"]
    where = cause["phase"] or cause["span"]
    message = f": {cause['message']}" if cause["message"] and cause["message"] != cause["reason"] else ""
    return f"{what} in {where}{message}" if where else f"{what}{message}"


def _redis(redis: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield (
        "errors",
        _lines(
            f"{each['count']:.0f} {each['command']} {each['name'] or each['error_type']}" for each in redis["errors"]
        ),
    )
    yield (
        "commands",
        _lines(
            f"{each['command']} {each['average_time']:.3g} s"
            + ("" if each["baseline_time"] is None else f", before {each['baseline_time']:.3g} s")
            for each in redis["commands"]
        ),
    )
    yield (
        "pools",
        _lines(
            f"{each['pool']}: {each['used']:.0f}"
            + ("" if each["limit"] is None else f" of {each['limit']:.0f}")
            + " in use"
            + (
                ""
                if each["wait_time"] is None
                else f", wait {each['wait_time']:.3g} s, server {each['server_time']:.3g} s"
            )
            for each in redis["pools"]
        ),
    )


def _queue(queue: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield (
        "waiting",
        _lines(
            f"{each['ready']:.0f} {each['priority']}".rstrip()
            + ("" if each["oldest_age"] is None else f", the oldest for {each['oldest_age']:.0f} s")
            for each in queue["priorities"]
        ),
    )
    yield (
        "tasks",
        _lines(
            f"{each['task']}: {each['average_time']:.3g} s"
            + (
                f", {each['failed']:.0f} of {each['count']:.0f} failed with {each['error_type']}"
                if each["failed"]
                else ""
            )
            for each in queue["tasks"]
        ),
    )


def _lines(texts: Iterable[str]) -> str:
    return "\n".join(list(texts)[:_SHOWN])


def _number(number: float | None) -> str:
    return "-" if number is None else f"{number:.3g}"
