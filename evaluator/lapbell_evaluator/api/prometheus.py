"""Prometheus' HTTP API for queries: Grafana's Prometheus data source and promtool work against it.

Source: prometheus.io/docs/prometheus/latest/querying/api.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

from fastapi import Request

from lapbell_evaluator.api.prometheus_json import instant, ranges, success
from lapbell_evaluator.api.prometheus_parameters import in_query
from lapbell_evaluator.api.prometheus_route import Arguments, Given, get_and_post, prometheus_router, refuse
from lapbell_evaluator.api.rules_json import alert_json, group_json
from lapbell_evaluator.model import GroupView, RuleKind, State
from lapbell_evaluator.promql import Querier
from lapbell_evaluator.series import Metadata

__all__ = ["router"]

_MOST_POINTS: Final = 11_000
_RULE_KINDS: Final = {
    None: frozenset(RuleKind),
    "alert": frozenset({RuleKind.ALERTING}),
    "record": frozenset({RuleKind.RECORDING}),
}
_MOST_DIGITS: Final = 9
_LONG_AGO: Final = 0.0
_NARROWING: Final = ("start", "end", "limit")

Json = dict[str, Any]
T = TypeVar("T")

router = prometheus_router()


class RuleDesk(Protocol):
    """Knows the rules."""

    async def groups(self) -> tuple[GroupView, ...]:
        """Every group with its rules and their alerts as they stand."""
        ...


@get_and_post(router, "/query", required=("query",), optional=("time",))
async def query(request: Request, given: Given) -> Json:
    """The value of `query` at `time`."""
    time = given.time("time", given.now)
    result = await _querier(request).query(given.text("query"), time)
    return success(instant(result, time), result.warnings, result.infos)


@get_and_post(router, "/query_range", required=("query", "start", "end", "step"))
async def query_range(request: Request, given: Given) -> Json:
    """The values of `query` from `start` to `end`, every `step`."""
    start, end, step = given.time("start"), given.time("end"), given.seconds("step")
    if end < start:
        refuse("end timestamp must not be before start time")
    if (end - start) / step > _MOST_POINTS:
        refuse(f"more than {_MOST_POINTS} points per series; use a larger step or a shorter range")
    result = await _querier(request).query_range(given.text("query"), start, end, step)
    return success(ranges(result), result.warnings, result.infos)


@get_and_post(router, "/series", required=("match[]",), optional=_NARROWING)
async def series(request: Request, given: Given) -> Json:
    """Labels of the series that match any `match[]`."""
    selectors = given.several("match[]")
    if not selectors:
        refuse("no match[] parameter provided")
    found = await _querier(request).series(selectors, *_between(given))
    return success([dict(labels) for labels in _limited(given, found)])


@get_and_post(router, "/labels", optional=("match[]", *_NARROWING))
async def label_names(request: Request, given: Given) -> Json:
    """Names of labels."""
    return success(_limited(given, await _querier(request).label_names(given.several("match[]"), *_between(given))))


@router.get("/label/{name}/values", openapi_extra=in_query(optional=("match[]", *_NARROWING)))
async def label_values(request: Request, name: str, given: Given) -> Json:
    """Values of one label."""
    found = await _querier(request).label_values(name, given.several("match[]"), *_between(given))
    return success(_limited(given, found))


@router.get("/rules", openapi_extra=in_query(optional=("type", "rule_name[]", "rule_group[]", "file[]")))
async def rules(request: Request, given: Given) -> Json:
    """Rule groups, with the state of each rule and its alerts."""
    wanted = given.optional("type")
    if wanted not in _RULE_KINDS:
        refuse(f"type: {wanted!r} is neither 'alert' nor 'record'")
    names, groups, files = (set(given.several(name)) for name in ("rule_name[]", "rule_group[]", "file[]"))
    answer = []
    for view in await _rule_desk(request).groups():
        if (groups and view.group.name not in groups) or (files and view.group.file not in files):
            continue
        chosen = [
            rule
            for rule in view.rules
            if rule.rule.kind in _RULE_KINDS[wanted] and (not names or rule.rule.name in names)
        ]
        if chosen or not (names or wanted):
            answer.append(group_json(view, chosen))
    return success({"groups": answer})


@router.get("/alerts")
async def alerts(request: Request) -> Json:
    """Every alert that is pending or firing."""
    groups = await _rule_desk(request).groups()
    views = [alert for group in groups for rule in group.rules for alert in rule.alerts]
    return success({"alerts": [alert_json(view) for view in views if view.alert.state is not State.HELD]})


@router.get("/metadata", openapi_extra=in_query(optional=("metric", "limit")))
async def metadata(request: Request, given: Given) -> Json:
    """Type, unit and help of each metric."""
    known: Mapping[str, Metadata] = request.app.state.metadata()
    wanted = given.optional("metric")
    chosen = [(name, each) for name, each in sorted(known.items()) if wanted is None or name == wanted]
    told = {name: [{"type": each.type, "unit": each.unit, "help": each.help}] for name, each in _limited(given, chosen)}
    return success(told)


@router.get("/status/buildinfo")
async def build_info(request: Request) -> Json:
    """What answers here: a version that clients take for a recent Prometheus."""
    return success(
        {
            "version": "3.0.0",
            "revision": f"lapbell-{request.app.version}",
            "branch": "",
            "buildUser": "",
            "buildDate": "",
            "goVersion": "",
        }
    )


def _rule_desk(request: Request) -> RuleDesk:
    desk: RuleDesk = request.app.state.desk
    return desk


def _querier(request: Request) -> Querier:
    querier: Querier = request.app.state.querier
    return querier


def _between(given: Arguments) -> tuple[float, float]:
    return given.time("start", _LONG_AGO), given.time("end", given.now)


def _limited(given: Arguments, found: Sequence[T]) -> list[T]:
    limit = given.optional("limit")
    if limit is None or limit == "0":
        return list(found)
    if not limit.isdecimal() or len(limit) > _MOST_DIGITS:
        refuse(f"limit: must be a whole number of at most {_MOST_DIGITS} digits")
    return list(found[: int(limit)])
