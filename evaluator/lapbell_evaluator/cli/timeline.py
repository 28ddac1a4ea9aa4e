"""What one incident went through, and where the seconds went between a breach and the message, as a person reads it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from rich.table import Table

from lapbell_evaluator.cli.console import PlainConsole
from lapbell_evaluator.cli.receivers import Hearing, roundly
from lapbell_evaluator.cli.tables import duration

__all__ = ["gap", "print_dead_letters", "print_deliveries", "print_hearings", "print_moves", "print_timeline"]

_MOMENTS: Final = {
    "first_bad_sample_at": "first bad sample",
    "received_at": "received",
    "evaluated_at": "evaluated",
    "fired_at": "fired",
    "sent_at": "sent",
    "delivered_at": "delivered",
    "recovering_at": "recovering",
    "resolved_at": "resolved",
    "resolved_sent_at": "resolved, sent",
    "resolved_delivered_at": "resolved, delivered",
}
_MINUTE_S: Final = 60


def print_hearings(found: Sequence[Hearing]) -> None:
    """Each receiver, whether it is told, and why."""
    if not found:
        PlainConsole().print("Nobody: there are no receivers, no export.endpoint and no alerting.alertmanagers.")
        return
    table = _table("RECEIVER", "TOLD", "WHY")
    for hearing in found:
        told = f"after {roundly(hearing.after_s)}" if hearing.after_s else "yes"
        table.add_row(hearing.receiver, told if hearing.is_told else "no", hearing.why)
    _print(table)


def print_timeline(timeline: dict[str, float | None]) -> None:
    """The moments that are known, in the order of time, each with the time since the one above it."""
    moments = [(at, name) for key, name in _MOMENTS.items() if (at := timeline[key]) is not None]
    if not moments:
        return
    moments.sort(key=lambda moment: moment[0])  # moments at the same time stay in their order
    table = _table("MOMENT", "AT", "AFTER")
    table.columns[-1].justify = "right"
    before = moments[0][0]
    for at, name in moments:
        table.add_row(name, _clock(at), "" if name == moments[0][1] else gap(at - before))
        before = at
    _print(table)


def print_moves(moves: list[dict[str, Any]]) -> None:
    """Every move with its reason and who made it, the oldest first."""
    if not moves:
        return
    table = _table("MOVE", "AT", "REASON", "BY", "WHY")
    for move in moves:
        reason = move["reason"].replace("_", " ")
        table.add_row(move["state"], _clock(move["at"]), reason, move["actor"] or "", move["why"] or "")
    _print(table)


def print_deliveries(deliveries: list[dict[str, Any]]) -> None:
    """What became of each message, the oldest first."""
    if not deliveries:
        return
    table = _table("MESSAGE", "RECEIVER", "SENT", "DELIVERED", "TRIES", "ERROR")
    for delivery in deliveries:
        sent_at = delivery["sent_at"]
        table.add_row(
            f"{delivery['what']} ({delivery['reason']})",
            delivery["receiver"],
            "waits" if _waits(delivery) else _clock(sent_at),
            _arrival(delivery),
            str(delivery["attempts"]),
            delivery["error"] or "",
        )
    _print(table)


def _waits(delivery: dict[str, Any]) -> bool:
    """Whether nothing became of it so far."""
    return all(delivery.get(name) is None for name in ("sent_at", "delivered_at", "dropped_at"))


def _arrival(delivery: dict[str, Any]) -> str:
    """How long it took, that it is a dead letter or told nobody, or that it is not there yet."""
    sent_at, delivered_at = delivery["sent_at"], delivery["delivered_at"]
    if delivery.get("refused_at") is not None:
        return "refused"
    if delivery.get("dropped_at") is not None:
        return "not told"
    return "-" if delivered_at is None else gap(delivered_at - (delivery["at"] if sent_at is None else sent_at))


def print_dead_letters(letters: list[dict[str, Any]]) -> None:
    """What receivers refused, in the order given; two lines each, so that errors are whole on any terminal."""
    console = PlainConsole()
    if not letters:
        console.print("Nothing was refused.", style="green")
        return
    for letter in letters:
        refused_at = datetime.fromtimestamp(letter["refused_at"]).astimezone().isoformat(sep=" ", timespec="seconds")
        doubt = "; it may have arrived" if letter["uncertain"] else ""
        console.print(
            f"{letter['id']}  {refused_at}  {letter['receiver']}  {letter['what']} ({letter['reason']})"
            f"  alert {letter['alert_key']}  {letter['attempts']} tries  {letter['status']}",
            highlight=False,
            markup=False,
        )
        console.print(f"    {letter['error']}{doubt}", highlight=False, markup=False)
    console.print("Send them again: lapbell notify replay ID… or --all", style="dim")


def gap(seconds: float) -> str:
    """A stretch of time as +0.21 s, or +3m10s from a minute on."""
    return f"+{seconds:.2f} s" if seconds < _MINUTE_S else f"+{duration(seconds)}"


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, no_wrap=column not in {"ERROR", "WHY"}, overflow="fold")
    return table


def _print(table: Table) -> None:
    console = PlainConsole()
    console.print()
    console.print(table)


def _clock(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
