"""The examination, from the configuration to the app: what depends on nothing runs at once."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

import httpx

from lapbell_evaluator.cli.doctor import (
    alerting,
    alertmanagers,
    app_variables,
    arrivals,
    configuration,
    gates,
    health,
    leaving,
    packages,
    refusals,
    storage,
)
from lapbell_evaluator.cli.doctor.app_endpoint import PLACE as APP_ENDPOINT
from lapbell_evaluator.cli.doctor.app_endpoint import endpoint as app_endpoint
from lapbell_evaluator.cli.doctor.daemon_thread import in_daemon_thread
from lapbell_evaluator.cli.doctor.evaluator import Evaluator
from lapbell_evaluator.cli.doctor.finding import Finding, Place, Verdict
from lapbell_evaluator.cli.doctor.installation import Installation
from lapbell_evaluator.cli.doctor.patience import patient
from lapbell_evaluator.cli.doctor.unanswered import why_unanswered
from lapbell_evaluator.config import Settings
from lapbell_evaluator.model import EvaluatorError

__all__ = ["examine"]

_CHECK_S: Final = 2.0
_EXPORTS_S: Final = 3.5  # a name, a connection and two exports, each with a limit of its own
_UNREAD: Final = "the configuration can't be read"
_SILENT: Final = "no evaluator answers"
_Found = Finding | Iterable[Finding]
_Check = tuple[Place, float, Callable[[], Awaitable[_Found]]]


async def examine(installation: Installation) -> tuple[Finding, ...]:
    """Every finding, in the order in which they are read."""
    async with Evaluator(installation.url, installation.token) as candidate:
        answers = await _guarded((health.ANSWERS, _EXPORTS_S, lambda: health.answers(installation, candidate)))
        evaluator = candidate if all(finding.verdict is Verdict.OK for finding in answers) else None
        checks = [
            *_of_files(installation),
            *_of_evaluator(installation, evaluator),
            *_of_gates(installation, evaluator),
            *_of_arrivals(installation.settings, evaluator),
            *_of_alerting(evaluator),
            *_of_leaving(installation.settings),
            *_of_app(installation),
        ]
        results = await asyncio.gather(*map(_guarded, checks))
    return _in_order([*answers, *(finding for findings in results for finding in findings)])


async def _guarded(check: _Check) -> tuple[Finding, ...]:
    """What the check finds; that it failed or took too long is a finding as well, and stops no other."""
    place, limit_s, look = check[0], patient(check[1]), check[2]
    try:
        async with asyncio.timeout(limit_s):
            result = await look()
        return (result,) if isinstance(result, Finding) else tuple(result)
    except TimeoutError:
        return (place.warning(f"not known: no answer within {limit_s:g} s", "Run `lapbell doctor` again."),)
    except EvaluatorError as error:
        return (place.skipped(f"not known: {error.message}", error.remedy),)
    except httpx.HTTPError as error:
        return (place.warning(f"not known: {why_unanswered(error)}", "Run `lapbell doctor` again."),)
    except Exception as error:  # noqa: BLE001 - one check's fault must not hide what the others found
        return (place.warning(f"this check failed: {error!r}", "Report it, with this line."),)


def _beside(place: Place, look: Callable[[], _Found]) -> _Check:
    """A check that blocks."""

    async def in_thread() -> _Found:
        return await in_daemon_thread(lambda: result if isinstance(result := look(), Finding) else tuple(result))

    return place, _CHECK_S, in_thread


def _decided(finding: Finding) -> _Check:
    """A check that is decided."""

    async def decided() -> _Found:
        return finding

    return Place(finding.check, finding.looked_at), _CHECK_S, decided


def _of_files(installation: Installation) -> list[_Check]:
    always = [
        _beside(configuration.FILE, lambda: configuration.file(installation)),
        _beside(configuration.VARIABLES, lambda: configuration.variables(installation)),
    ]
    settings = installation.settings
    if settings is None:
        return always
    return [
        *always,
        _beside(configuration.RULES, lambda: configuration.rule_files(settings)),
        _beside(configuration.TOKENS, lambda: configuration.tokens(settings)),
        _beside(storage.FOLDER, lambda: storage.folder(settings)),
        _beside(storage.DISK, lambda: storage.disk(settings)),
        _beside(storage.HISTORY, lambda: storage.history(settings)),
        (storage.ALERTS, _EXPORTS_S, lambda: storage.alerts(settings)),
    ]


def _of_evaluator(installation: Installation, evaluator: Evaluator | None) -> list[_Check]:
    if evaluator is None:
        return []
    return [
        (health.READY, _CHECK_S, lambda: health.ready(evaluator)),
        (health.VERSION, _CHECK_S, lambda: health.version(installation, evaluator)),
        (health.CLOCK, _CHECK_S, lambda: health.clock(evaluator, time.time)),
    ]


def _of_gates(installation: Installation, evaluator: Evaluator | None) -> list[_Check]:
    settings = installation.settings
    if settings is None:
        return [_decided(place.skipped(_UNREAD)) for place in (gates.HTTP, gates.GRPC)]

    async def one_after_the_other() -> _Found:
        """Each export must be told from the other by what the evaluator counts."""
        return [await gates.test(gate, evaluator, installation) for gate in gates.gates(installation, settings)]

    exports: _Check = (gates.HTTP, 2 * _EXPORTS_S, one_after_the_other)
    if evaluator is None:
        return [exports]
    return [(gates.REST, _CHECK_S, lambda: gates.own_rest(installation, settings, evaluator)), exports]


def _of_arrivals(settings: Settings | None, evaluator: Evaluator | None) -> list[_Check]:
    if evaluator is None:
        return [_decided(arrivals.METRICS.skipped(_SILENT))]
    effective = settings or Settings()
    present = asyncio.ensure_future(arrivals.names(evaluator))

    async def series() -> _Found:
        return await arrivals.series(evaluator, await asyncio.shield(present), effective)

    async def senders() -> _Found:
        return await arrivals.senders(evaluator, await asyncio.shield(present))

    async def without_series() -> _Found:
        return tuple(alerting.without_series(effective, await asyncio.shield(present)))

    return [
        (arrivals.METRICS, _CHECK_S, lambda: arrivals.counts(evaluator, effective)),
        (refusals.PLACE, _CHECK_S, lambda: refusals.refusals(evaluator)),
        (arrivals.SERIES, _CHECK_S, series),
        (arrivals.SENDERS, _CHECK_S, senders),
        (alerting.METRICS, _CHECK_S, without_series),
    ]


def _of_alerting(evaluator: Evaluator | None) -> list[_Check]:
    if evaluator is None:
        return [_decided(alerting.RULES.skipped(_SILENT))]
    return [
        (alerting.RULES, _CHECK_S, lambda: alerting.rules(evaluator)),
        (alerting.LAG, _CHECK_S, lambda: alerting.lag(evaluator)),
        (alerting.ALERTS, _CHECK_S, lambda: alerting.open_alerts(evaluator)),
        (alerting.SILENCES, _CHECK_S, lambda: alerting.silences(evaluator)),
        (alerting.DELIVERY, _CHECK_S, lambda: alerting.delivery(evaluator)),
    ]


def _of_leaving(settings: Settings | None) -> list[_Check]:
    if settings is None:
        places = (leaving.ENDPOINT, alertmanagers.PLACE, leaving.TRACE_URL)
        return [_decided(place.skipped(_UNREAD)) for place in places]
    return [
        (leaving.ENDPOINT, 2 * _CHECK_S, lambda: leaving.endpoint(settings)),
        (alertmanagers.PLACE, _EXPORTS_S, lambda: alertmanagers.alertmanagers(settings)),
        (leaving.TRACE_URL, _CHECK_S, lambda: leaving.trace_url(settings)),
    ]


def _of_app(installation: Installation) -> list[_Check]:
    return [
        _beside(packages.PYTHON, packages.python),
        _beside(packages.EXTRAS, packages.extras),
        _beside(packages.CLOCK, lambda: packages.clock(installation)),
        _beside(app_variables.PLACE, lambda: app_variables.variables(installation)),
        (APP_ENDPOINT, 2 * _CHECK_S, lambda: app_endpoint(installation)),
    ]


def _in_order(findings: list[Finding]) -> tuple[Finding, ...]:
    """By section, in the order of the way of the data."""
    sections = ("configuration", "storage", "evaluator", "gates", "arrivals", "alerting", "leaving", "app")
    return tuple(sorted(findings, key=lambda finding: sections.index(finding.check.partition(".")[0])))
