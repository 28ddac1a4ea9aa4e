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
    phases = [f"{share['phase']} {share['share']:.0%}, {share['excess_time']:.3g} s more" for share in alert["blame"]]
    if len(phases) > 1:
        yield "phases", _lines(phases)
    for about in ("latency", "redis"):
        if line := (evidence.get(about) or {}).get("explained_by"):
            yield "event loop", f"was blocked meanwhile, for up to {line['blocked_time']:.3g} s by {_line(line)}"
    if errors := evidence.get("errors"):
        yield from _errors(errors)
    if redis := evidence.get("redis"):
        yield from _redis(redis)
    if queue := evidence.get("queue"):
        yield from _queue(queue)
    if in_flight := evidence.get("in_flight"):
        running = (
            f"{running['trace_id']} for {running['age']:.0f} s in {running['task'] or running['phase'] or 'no phase'}"
            for running in in_flight["oldest"]
        )
        yield "running", _lines(running)
    if host := evidence.get("host"):
        named = {"id": host["id"], "container": host["container"], "runs": " ".join(host["services"])}
        yield "host", ", ".join([host["name"] or "-", *(f"{name} {text}" for name, text in named.items() if text)])


def _line(line: dict[str, Any]) -> str:
    where = line["file"] if line["line"] is None else f"{line['file']}:{line['line']}"
    return f"{line['function']} ({where})" if line["function"] else str(where)


def _errors(errors: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield (
        "causes",
        _lines(
            f"{cause['share']:.0%} {_cause(cause)}" + (f" at {cause['line']}" if cause["line"] else "")
            for cause in errors["causes"]
        ),
    )
    yield (
        "responses",
        _lines(
            f"{response['count']:.0f} {response['outcome']}"
            + (f" {response['status_code']}" if response["status_code"] is not None else "")
            + (f" to {response['provider']}" if response["provider"] else "")
            for response in errors["responses"]
        ),
    )


def _cause(cause: dict[str, Any]) -> str:
    error = f"{cause['reason']} ({cause['error_type']})" if cause["reason"] else cause["error_type"]
    where = cause["phase"] or cause["span"]
    message = f": {cause['message']}" if cause["message"] and cause["message"] != cause["reason"] else ""
    return f"{error} in {where}{message}" if where else f"{error}{message}"


def _redis(redis: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield (
        "errors",
        _lines(
            f"{error['count']:.0f} {error['command']} {error['name'] or error['error_type']}"
            for error in redis["errors"]
        ),
    )
    yield (
        "commands",
        _lines(
            f"{command['command']} {command['average_time']:.3g} s"
            + ("" if command["baseline_time"] is None else f", before {command['baseline_time']:.3g} s")
            for command in redis["commands"]
        ),
    )
    yield (
        "pools",
        _lines(
            f"{pool['pool']}: {pool['used']:.0f}"
            + ("" if pool["limit"] is None else f" of {pool['limit']:.0f}")
            + " in use"
            + (
                ""
                if pool["wait_time"] is None
                else f", wait {pool['wait_time']:.3g} s, server {pool['server_time']:.3g} s"
            )
            for pool in redis["pools"]
        ),
    )


def _queue(queue: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield (
        "waiting",
        _lines(
            f"{priority['ready']:.0f} {priority['priority']}".rstrip()
            + ("" if priority["oldest_age"] is None else f", the oldest for {priority['oldest_age']:.0f} s")
            for priority in queue["priorities"]
        ),
    )
    yield (
        "tasks",
        _lines(
            f"{task['task']}: {task['average_time']:.3g} s"
            + (
                f", {task['failed']:.0f} of {task['count']:.0f} failed with {task['error_type']}"
                if task["failed"]
                else ""
            )
            for task in queue["tasks"]
        ),
    )


def _lines(texts: Iterable[str]) -> str:
    return "\n".join(list(texts)[:_SHOWN])


def _number(number: float | None) -> str:
    return "-" if number is None else f"{number:.3g}"
