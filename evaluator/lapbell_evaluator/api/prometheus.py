"""Prometheus' HTTP API for queries: Grafana's Prometheus data source and promtool work against it.

Source: prometheus.io/docs/prometheus/latest/querying/api.
"""

from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

from fastapi import APIRouter, Response

from lapbell_evaluator.api.answers import array, as_json, joined, obj
from lapbell_evaluator.api.prometheus_json import instant, ranges, success
from lapbell_evaluator.api.prometheus_parameters import in_query
from lapbell_evaluator.api.prometheus_route import Arguments, Json, Parameters, get_and_post, prometheus_router, refuse
from lapbell_evaluator.api.rules_json import alert_json, group_json
from lapbell_evaluator.api.services import Services
from lapbell_evaluator.model import GroupView, RuleKind, RuleView, State
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

T = TypeVar("T")


def router(services: Services) -> APIRouter:
    """The routes of queries, of what there is to ask for, and of rules."""
    routes = prometheus_router(services)
    _add_queries(routes, services)
    _add_labels(routes, services)
    _add_rules(routes, services)

    @routes.get("/status/buildinfo")
    async def build_info() -> Json:
        """What answers here: a version that clients take for a recent Prometheus."""
        unknown = {"branch": "", "buildUser": "", "buildDate": "", "goVersion": ""}
        return {
            "status": "success",
            "data": {"version": "3.0.0", "revision": f"lapbell-{services.version}", **unknown},
        }

    return routes


def _add_queries(routes: APIRouter, services: Services) -> None:
    @get_and_post(routes, "/query", required=("query",), optional=("time",))
    async def query(parameters: Parameters) -> Response:
        """The value of `query` at `time`."""
        time = parameters.time("time", services.clock.now())
        result = await services.querier.query(parameters.text("query"), time)
        return await services.answers.written(lambda: success(instant(result, time), result.warnings, result.infos))

    @get_and_post(routes, "/query_range", required=("query", "start", "end", "step"))
    async def query_range(parameters: Parameters) -> Response:
        """The values of `query` from `start` to `end`, every `step`."""
        start, end, step = parameters.time("start"), parameters.time("end"), parameters.seconds("step")
        if end < start:
            refuse("end timestamp must not be before start time")
        if (end - start) / step > _MOST_POINTS:
            refuse(f"more than {_MOST_POINTS} points per series; use a larger step or a shorter range")
        result = await services.querier.query_range(parameters.text("query"), start, end, step)
        return await services.answers.written(lambda: success(ranges(result), result.warnings, result.infos))


def _add_labels(routes: APIRouter, services: Services) -> None:
    querier = services.querier

    def between(parameters: Arguments) -> tuple[float, float]:
        return parameters.time("start", _LONG_AGO), parameters.time("end", services.clock.now())

    @get_and_post(routes, "/series", required=("match[]",), optional=_NARROWING)
    async def series(parameters: Parameters) -> Response:
        """Labels of the series that match any `match[]`."""
        selectors = parameters.several("match[]")
        if not selectors:
            refuse("no match[] parameter provided")
        matching = await querier.series(selectors, *between(parameters))
        chosen = _limited(parameters, matching)
        return await services.answers.written(lambda: success(array(as_json(dict(labels)) for labels in chosen)))

    @get_and_post(routes, "/labels", optional=("match[]", *_NARROWING))
    async def label_names(parameters: Parameters) -> Response:
        """Names of labels."""
        names = await querier.label_names(parameters.several("match[]"), *between(parameters))
        chosen = _limited(parameters, names)
        return await services.answers.written(lambda: success(array(map(as_json, chosen))))

    @routes.get("/label/{name}/values", response_model=Json, openapi_extra=in_query(optional=("match[]", *_NARROWING)))
    async def label_values(name: str, parameters: Parameters) -> Response:
        """Values of one label."""
        values = await querier.label_values(name, parameters.several("match[]"), *between(parameters))
        chosen = _limited(parameters, values)
        return await services.answers.written(lambda: success(array(map(as_json, chosen))))

    @routes.get("/metadata", response_model=Json, openapi_extra=in_query(optional=("metric", "limit")))
    async def metadata(parameters: Parameters) -> Response:
        """Type, unit and help of each metric."""
        metric, limited = parameters.optional("metric"), _limit(parameters)
        known = services.metadata()

        def write() -> Iterator[bytes]:
            chosen = [item for item in sorted(known.items()) if metric in (None, item[0])]
            return success(obj({name: (as_json([_metadata(about)]),) for name, about in chosen[:limited]}))

        return await services.answers.written(write)


def _add_rules(routes: APIRouter, services: Services) -> None:
    @routes.get(
        "/rules",
        response_model=Json,
        openapi_extra=in_query(optional=("type", "rule_name[]", "rule_group[]", "file[]")),
    )
    async def rules(parameters: Parameters) -> Response:
        """Rule groups, with the state of each rule and its alerts."""
        groups = _chosen_groups(parameters, await services.alerts.groups())
        return await services.answers.written(
            lambda: success(obj({"groups": joined(group_json(view, rules) for view, rules in groups)}))
        )

    @routes.get("/alerts", response_model=Json)
    async def alerts() -> Response:
        """Every alert that is pending or firing."""
        groups = await services.alerts.groups()
        views = (alert for group in groups for rule in group.rules for alert in rule.alerts)
        shown = (alert_json(view) for view in views if view.alert.state is not State.HELD)
        return await services.answers.written(lambda: success(obj({"alerts": array(shown)})))


def _chosen_groups(parameters: Arguments, groups: Sequence[GroupView]) -> list[tuple[GroupView, list[RuleView]]]:
    kind = parameters.optional("type")
    if kind not in _RULE_KINDS:
        refuse(f"type: {kind!r} is neither 'alert' nor 'record'")
    names, group_names, files = (set(parameters.several(name)) for name in ("rule_name[]", "rule_group[]", "file[]"))
    answer = []
    for view in groups:
        if (group_names and view.group.name not in group_names) or (files and view.group.file not in files):
            continue
        rules = [
            rule
            for rule in view.rules
            if rule.rule.kind in _RULE_KINDS[kind] and (not names or rule.rule.name in names)
        ]
        if rules or not (names or kind):
            answer.append((view, rules))
    return answer


def _metadata(about: Metadata) -> Json:
    return {"type": about.type, "unit": about.unit, "help": about.help}


def _limited(parameters: Arguments, items: Sequence[T]) -> Sequence[T]:
    return items[: _limit(parameters)]


def _limit(parameters: Arguments) -> int | None:
    """How many at most; None for all."""
    limit = parameters.optional("limit")
    if limit is None or limit == "0":
        return None
    if not limit.isdecimal() or len(limit) > _MOST_DIGITS:
        refuse(f"limit: must be a whole number of at most {_MOST_DIGITS} digits")
    return int(limit)
