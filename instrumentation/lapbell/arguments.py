"""The arguments of `setup()`: what makes no sense is refused before anything is put in place, with what makes sense."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.metrics.view import View

from lapbell import checks
from lapbell.errors import LapbellError
from lapbell.integrations.webhooks import Router
from lapbell.queues import RedisLists

__all__ = ["check", "variable"]

MOST_KEPT: Final = 10_000_000


def check(arguments: Mapping[str, Any]) -> None:
    """Refuse arguments that make no sense.

    Args:
        arguments: all of them, by their names.

    Raises:
        LapbellError: one of them makes no sense.
    """
    for argument, is_sensible in _CHECKS.items():
        is_sensible(argument, arguments[argument])


def variable(
    environment: Mapping[str, str], name: str, default: float, remedy: str, *, most: float, above: bool = True
) -> float:
    """The number that a variable holds: above 0, or not below it if not `above`, and at most `most`.

    Raises:
        LapbellError: it holds something else.
    """
    text = environment.get(name, "").strip()
    if not text:
        return default
    try:
        value: object = float(text)
    except ValueError:
        value = text
    return checks.number(name, value, remedy, most=most, above=above)


def _app(argument: str, app: object) -> None:
    if app is None:
        return
    if isinstance(app, type) and hasattr(app, "add_middleware"):
        raise LapbellError(f"{argument} is the class {app.__name__}: pass the app itself, such as {app.__name__}()")
    if not callable(app):
        raise LapbellError(f"{argument} is {checks.shown(app)}: pass the app itself, such as FastAPI()")
    if hasattr(app, "wsgi_app"):
        remedy = "lapbell watches ASGI apps: wrap it, for example in asgiref.wsgi.WsgiToAsgi, and serve handle.app"
        raise LapbellError(f"{argument} is the WSGI app {checks.shown(app)}: {remedy}")
    if getattr(app, "middleware_stack", None) is not None:
        raise LapbellError(f"{argument} has started already: call lapbell.setup(app) where the app is made")


def _provider(argument: str, provider: object) -> None:
    names = provider.items() if isinstance(provider, Mapping) else [("*", provider)]
    if not all(isinstance(pattern, str) and isinstance(name, str) for pattern, name in names):
        remedy = 'pass a name such as "twilio", or names by patterns of routes, such as {"/webhook/stripe": "stripe"}'
        raise LapbellError(f"{argument} is {checks.shown(provider)}: {remedy}")


def _webhooks(argument: str, webhooks: object) -> None:
    if webhooks is None or isinstance(webhooks, str | Router) or _all_are(str, webhooks):
        return
    raise LapbellError(
        f'{argument} is {checks.shown(webhooks)}: pass patterns of routes, such as ["/webhook/*"], or a router'
    )


def _queues(argument: str, queues: object) -> None:
    if not _all_are(RedisLists, queues):
        raise LapbellError(f"{argument} is {checks.shown(queues)}: pass a list of lapbell.queues.RedisLists")
    names = [queue.destination for queue in queues] if isinstance(queues, Sequence) else []
    if len(set(names)) < len(names):
        remedy = "give each queue a destination of its own, by which its metrics are told apart"
        raise LapbellError(f"{argument} has two queues of one name among {names}: {remedy}")


def _targets(argument: str, targets: object) -> None:
    remedy = "pass the target and the requirement in seconds, such as (0.5, 2.0)"
    match targets:
        case (target, requirement):
            least = checks.number(argument, target, remedy)
            if checks.number(argument, requirement, remedy) >= least:
                return
    raise LapbellError(f"{argument} is {checks.shown(targets)}: {remedy}")


def _service_name(argument: str, name: object) -> None:
    if name is not None:
        checks.name(argument, name, 'pass the name of your service, such as "webhooks", or leave it out')


def _sample_ratio(argument: str, ratio: object) -> None:
    if ratio is not None:
        checks.number(argument, ratio, "pass the share of traces to export, 0 to 1", most=1.0, above=False)


def _keep_last(argument: str, keep_last: object) -> None:
    remedy = f"pass how many webhooks to keep in memory, 0 to {MOST_KEPT}"
    if checks.whole_number(argument, keep_last, remedy, least=0) > MOST_KEPT:
        raise LapbellError(f"{argument} is {checks.shown(keep_last)}: {remedy}")


def _kept(argument: str, kept: object) -> None:
    if kept is not None:
        _keep_last(argument, kept)


def _factory(argument: str, build: object) -> None:
    if build is None:
        return
    if not callable(build):
        remedy = f"pass what makes it, such as lambda: {type(build).__name__}(...): a fork needs a new one"
        raise LapbellError(f"{argument} is {checks.shown(build)}: {remedy}")


def _all_of(kind: type, remedy: str) -> Callable[[str, object], None]:
    def is_sensible(argument: str, values: object) -> None:
        if not _all_are(kind, values):
            raise LapbellError(f"{argument} is {checks.shown(values)}: {remedy}")

    return is_sensible


def _all_are(kind: type, values: object) -> bool:
    is_list = isinstance(values, Sequence) and not isinstance(values, str | bytes)
    return is_list and isinstance(values, Sequence) and all(isinstance(value, kind) for value in values)


def _environment(argument: str, environment: object) -> None:
    if not isinstance(environment, Mapping):
        raise LapbellError(
            f"{argument} is {checks.shown(environment)}: pass variables by their names, such as os.environ"
        )


_CHECKS: Final[Mapping[str, Callable[[str, Any], object]]] = {
    "app": _app,
    "provider": _provider,
    "webhooks": _webhooks,
    "redis": checks.flag,
    "queues": _queues,
    "targets": _targets,
    "service_name": _service_name,
    "sample_ratio": _sample_ratio,
    "system": checks.flag,
    "event_loop": checks.flag,
    "keep_last": _keep_last,
    "kept": _kept,
    "span_exporter": _factory,
    "metric_exporter": _factory,
    "readers": _all_of(MetricReader, "pass a list of metric readers, such as [PrometheusMetricReader()]"),
    "views": _all_of(View, "pass a list of opentelemetry.sdk.metrics.view.View"),
    "environment": _environment,
}
