"""Which two traces of an alert are compared."""

from contextlib import suppress
from typing import Any

from lapbell_evaluator.cli.client import Client
from lapbell_evaluator.model import EvaluatorError

__all__ = ["compared_traces"]


def compared_traces(client: Client, alert: dict[str, Any]) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """The worst trace that is still known, and the normal one; None for what is not.

    Args:
        client: asks the evaluator.
        alert: as `/api/performance/alerts/{key}` gives it.
    """
    by_role: dict[str, list[str]] = {"example": [], "normal": []}
    for kept in alert["kept_traces"]:
        by_role[kept["role"]].append(kept["trace_id"])
    named = [trace_id for trace_id in alert["trace_ids"] if trace_id in by_role["example"]]
    worst = _first(client, (*named[:1], *by_role["example"][:1], *alert["trace_ids"][:1]))
    return worst, _first(client, by_role["normal"][:1])


def _first(client: Client, trace_ids: tuple[str, ...] | list[str]) -> dict[str, Any] | None:
    for trace_id in dict.fromkeys(trace_ids):
        with suppress(EvaluatorError):  # it is gone, or the database does not answer: the alert is shown all the same
            trace: dict[str, Any] = client.get(f"/api/performance/traces/{trace_id}")
            return trace
    return None
