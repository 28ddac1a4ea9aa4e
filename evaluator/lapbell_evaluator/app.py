"""The one file that knows every class: builds the evaluator, starts it, and stops it in reverse order."""

import asyncio
import gc
import json
import logging
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Final
from urllib.parse import urlsplit

import uvloop

from lapbell_evaluator import api, receiver
from lapbell_evaluator.alerts import AlertStore, matches
from lapbell_evaluator.config import Receiver as ReceiverSettings
from lapbell_evaluator.config import (
    Settings,
    admin_token_file,
    database_url,
    export_headers,
    private_data_dir,
    read_tokens,
    webhook_target,
)
from lapbell_evaluator.database import Database
from lapbell_evaluator.evaluation import (
    AlertCommitter,
    Annotator,
    Cycle,
    Figures,
    OwnSeries,
    Provenance,
    Recorder,
    RuleEvaluator,
    RuleRegistry,
    Runner,
)
from lapbell_evaluator.evidence import EvidenceCollector, RecentTraces
from lapbell_evaluator.history import History, HistorySettings, Recording
from lapbell_evaluator.model import (
    Clock,
    EvaluatorError,
    InhibitRule,
    Notice,
    Reading,
    Role,
    RuleGroup,
    SteadyClock,
    SystemClock,
    labels,
)
from lapbell_evaluator.notify import (
    Alertmanager,
    Delivery,
    Destination,
    Grouping,
    OtlpReceiver,
    OwnMetrics,
    Route,
    Router,
    Webhook,
    WebhookTarget,
)
from lapbell_evaluator.promql import Engine, parses_remembered
from lapbell_evaluator.rules import REOPEN_WITHIN_S, load, printed, shipped, with_reopen_within
from lapbell_evaluator.series import ExemplarRing, SeriesStore, ShortageLog
from lapbell_evaluator.series import Limits as SeriesLimits
from lapbell_evaluator.server import ConnectionLimits, LoopLag, Pace, Server, Shares, connections_that_fit
from lapbell_evaluator.service import ActiveAlerts, AlertNotifier, AlertService, DeadLetters, ExternalAlerts, Muting

__all__ = ["Running", "collect_seldom", "openapi_text", "running", "serve_until_stopped", "shipped_rules_text"]

_DISTRIBUTION: Final = "lapbell"
_OTLP: Final = "otlp"
_GATES: Final = 3
_UMASK: Final = 0o077  # databases hold what apps said of their failures
_YOUNG: Final = 1
_MS_PER_S: Final = 1000
_LOOKBACK_S: Final = 300.0
_AHEAD_S: Final = 90.0  # a minute for samples from the future, and some for evaluations that are late
_DAY_S: Final = 86_400.0
_MOST_WAITING: Final = 30_000
_log: Final = logging.getLogger("lapbell_evaluator")


@dataclass(frozen=True, slots=True)
class Running:
    """An evaluator at work.

    Attributes:
        rest: where it listens, as host:port.
        otlp_grpc: the same.
        otlp_http: the same.
        reload: reads rules and thresholds again, on whose behalf is told; raises EvaluatorError, with the old rules
            kept, if they can't be used.
    """

    rest: str
    otlp_grpc: str
    otlp_http: str
    reload: Callable[[str], Awaitable[None]]


@dataclass(slots=True)
class _Readiness:
    """Ready while every gate is open and what arrives and is evaluated is also written."""

    runner: Runner
    database: Database
    history: History
    is_open: bool = False

    def unready(self) -> str | None:
        if not self.is_open:
            return "The gates are not all open yet."
        return self.database.trouble or self.history.trouble or self.runner.trouble or None

    def unhealthy(self) -> str | None:
        return self.database.permanent_trouble or None


@dataclass(slots=True)
class _Reloadable:
    """The configuration in force, as far as a reload replaces it."""

    runner: Runner
    registry: RuleRegistry
    store: SeriesStore
    muting: Muting
    external_alerts: ExternalAlerts
    settings: Settings
    reread: Callable[[], Settings] | None

    async def reload(self, by: str) -> None:
        """Read rules, inhibition and thresholds again; what can't be used leaves everything as it was."""
        settings = self.settings if self.reread is None else await asyncio.to_thread(self.reread)
        with parses_remembered(), _collector_at_rest():
            await self.runner.reload(await asyncio.to_thread(_rule_groups, settings), by)
        self.store.reserve(self.registry.metrics)
        self.muting.inhibit_rules = _inhibit_rules(settings)
        self.external_alerts.reopen_within_s = _reopen_within_s(settings)
        self.settings = settings

    def targets(self) -> api.Targets:
        thresholds = self.settings.thresholds
        return api.Targets(thresholds.webhook_500ms_target, thresholds.webhook_2s_requirement)


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """What is made within is searched for cycles of garbage neither now nor later.

    Ten thousand rules are two million objects without a cycle: a search holds the loop for a tenth of a second, and all
    of them cost a sixth of the CPU of loading. What else is garbage by then was found before.
    """
    gc.collect(_YOUNG)
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def _single_errors() -> Iterator[None]:
    """What a person can mend leaves as itself, not as a task group's group of one."""
    try:
        yield
    except ExceptionGroup as group:
        mendable, others = group.split(EvaluatorError)
        if mendable is None or others is not None:
            raise
        raise mendable.exceptions[0] from None


@asynccontextmanager
async def running(
    settings: Settings, clock: Clock | None = None, reread: Callable[[], Settings] | None = None
) -> AsyncIterator[Running]:
    """The evaluator, from the last room to the first gate, and back.

    Args:
        settings: the configuration.
        clock: the time; the machine's without its leaps if None.
        reread: gives the configuration anew when asked to reload; None means `settings` again, with its rule files.

    Raises:
        EvaluatorError: a port is taken, a token file or the database can't be used; nothing is left running.
    """
    clock = clock or SteadyClock(SystemClock())
    private_data_dir(settings.data_dir)
    tokens = read_tokens(settings)
    async with AsyncExitStack() as stops:
        stops.enter_context(_single_errors())
        async with api.waiting_gate(settings.listen.rest) as waiting:
            database = await Database.open(
                database_url(settings), clock.now(), on_waiting=waiting, keep_s=settings.database.keep_days * _DAY_S
            )
        stops.push_async_callback(database.close)
        with parses_remembered(), _collector_at_rest():
            groups = await asyncio.to_thread(_rule_groups, settings)
            registry = await asyncio.to_thread(RuleRegistry, groups, settings.rules.interval)
        longer_s = _longer_s(registry, settings.series.retention)
        store = SeriesStore(_series_limits(settings, longer_s))
        store.reserve(registry.metrics)
        history = await asyncio.to_thread(_open_history, store, settings, clock, longer_s)
        stops.push_async_callback(asyncio.to_thread, history.close)
        warm_since = history.warm_since()
        if warm_since is None and not database.restored.is_first_start:
            warm_since = clock.now()
        engine = Engine(history)
        stops.callback(engine.close)
        traces, exemplars = RecentTraces(), ExemplarRing()
        arrivals = receiver.Arrivals(store.ref_of)
        restored = database.restored
        alerts = AlertStore.restored(restored.alerts, restored.incidents, clock.now())
        external_url = _external_url(settings)
        external_labels = labels(settings.external_labels)
        collector = EvidenceCollector(engine, traces, exemplars)
        annotator = Annotator(engine, collector, external_labels, external_url, Figures(engine))
        await _drop_others(database, settings)
        told = {receiver.name: await database.told(receiver.name) for receiver in settings.receivers}
        router = Router(_routes(settings), await _known(database, told))
        committer = AlertCommitter(alerts, registry, database, annotator, router.recipients)
        rule_evaluator = RuleEvaluator(engine, warm_since, external_labels, external_url, Provenance(engine, arrivals))
        cycle = Cycle(alerts, committer, rule_evaluator, Recorder(Recording(history)), clock, engine.cycle)
        muting = Muting(alerts, database, clock, _inhibit_rules(settings))
        external_alerts = ExternalAlerts(alerts, committer, muting, clock, _reopen_within_s(settings))
        own_series = OwnSeries()
        runner = Runner(registry, alerts, cycle, committer, database, own_series, external_alerts, clock)
        own_series.add(runner.readings)
        own_series.add(database.readings)
        own_series.add(history.damage.readings)
        alert_service = AlertService(
            store=alerts,
            registry=registry,
            committer=committer,
            database=database,
            annotator=annotator,
            status=cycle.status,
            muting=muting,
            external_alerts=external_alerts,
            clock=clock,
        )

        dead_letters = DeadLetters(database, clock)
        in_force = _Reloadable(runner, registry, store, muting, external_alerts, settings, reread)

        tasks = await stops.enter_async_context(asyncio.TaskGroup())
        stops.callback(tasks.create_task(runner.run()).cancel)
        stops.callback(tasks.create_task(history.run()).cancel)
        stops.callback(tasks.create_task(ShortageLog(store.losses, clock).run()).cancel)

        def deliver(delivery: Delivery) -> None:
            committer.subscribe(lambda _: delivery.wake())
            dead_letters.subscribe(delivery.wake)
            database.subscribe_recovered(delivery.wake)
            own_series.add(delivery.readings)
            stops.callback(tasks.create_task(delivery.run()).cancel)

        if settings.export.endpoint:
            exporter = OtlpReceiver(_destination(settings), clock, alert_service.counts, muting.muter)
            await stops.enter_async_context(exporter)
            deliver(Delivery(_OTLP, exporter, database, clock))
        for each in settings.receivers:
            grouping = Grouping(each.policy(), database, clock, muting.muter, alerts.incidents.get, told[each.name])
            target = _webhook_target(settings, each, external_url)
            webhook = await stops.enter_async_context(Webhook(target, clock, grouping.notification))
            deliver(Delivery(each.name, webhook, database, clock, grouping))

        for url in settings.alerting.alertmanagers:
            alertmanager = await stops.enter_async_context(Alertmanager(url, clock=clock))
            active = ActiveAlerts(alerts, registry)
            notifier = AlertNotifier(alertmanager, active, muting, annotator, clock, settings.alerting.resend_delay)
            committer.subscribe_evaluated(notifier.evaluated)
            own_series.add(notifier.readings)
            stops.callback(tasks.create_task(notifier.run()).cancel)

        connections = _connection_limits(settings)
        limits = _receiver_limits(settings, connections)
        ingest = receiver.Ingest(
            history,
            traces,
            exemplars,
            clock,
            limits,
            durable=history,
            recovered=history.recovered,
            arrivals=arrivals,
            on_received=lambda came: runner.touch(came.metrics),
            promote=frozenset(settings.ingest.promote),
            utf8=settings.ingest.utf8_names,
            leap_s=(lambda: clock.leap_s) if isinstance(clock, SteadyClock) else None,
        )
        stops.push_async_callback(ingest.stop)
        own_series.add(ingest.readings)
        if isinstance(clock, SteadyClock):
            stops.callback(tasks.create_task(receiver.ClockLeaps(clock, ingest.clocks, store).run()).cancel)

        access = receiver.Access(tokens, settings.auth.allow_loopback)
        grpc = receiver.GrpcReceiver(settings.listen.otlp_grpc, ingest, access, limits)
        await grpc.start()
        stops.push_async_callback(grpc.stop)
        http = Server(receiver.http_app(ingest, access, limits), settings.listen.otlp_http, setting="listen.otlp_http")
        await http.start()
        stops.push_async_callback(http.stop)
        lag = LoopLag()
        stops.callback(tasks.create_task(lag.run()).cancel)

        def readings() -> tuple[Reading, ...]:
            return (*own_series.readings(), *store.readings(), *history.readings(), *lag.readings())

        if settings.export.endpoint:
            own_metrics = OwnMetrics(_destination(settings), clock, readings)
            stops.push_async_callback(own_metrics.close)
            stops.callback(tasks.create_task(own_metrics.run()).cancel)

        answers = api.Answers()
        stops.callback(answers.close)
        readiness = _Readiness(runner, database, history)
        services = api.Services(
            version=version(_DISTRIBUTION),
            started_at=clock.now(),
            access=api.Access(
                tokens,
                allow_loopback=settings.auth.allow_loopback,
                resolve_role=Role[settings.auth.resolve_role.upper()],
                own_origin=_origin(settings.external_url),
            ),
            clock=clock,
            querier=engine,
            answers=answers,
            alerts=alert_service,
            dead_letters=dead_letters,
            traces=traces,
            exemplars=exemplars,
            metadata=store.metadata,
            readiness=readiness,
            readings=readings,
            reload=in_force.reload,
            targets=in_force.targets,
            trace_url=settings.trace_url,
            pace=connections.body,
        )
        rest_app = api.rest_app(services, receiver.WriteApp(ingest, access, limits))
        # A connection can be idle or have one request under way: some are always left to those who ask for health.
        requests = Shares(min(settings.limits.requests, connections.connections // 2), settings.limits.requests_each)
        rest_gate = api.gate(rest_app, services, requests)
        rest = Server(rest_gate, settings.listen.rest, connections, "listen.rest")
        await rest.start()
        stops.push_async_callback(rest.stop)
        readiness.is_open = True
        yield Running(
            rest=_bound(settings.listen.rest, rest.port),
            otlp_grpc=_bound(settings.listen.otlp_grpc, grpc.port),
            otlp_http=_bound(settings.listen.otlp_http, http.port),
            reload=in_force.reload,
        )


def collect_seldom() -> None:
    """Look for cycles of garbage after 10,000 new objects, not after 700: alerts and series are many and hold none."""
    gc.set_threshold(10_000)


def spare_what_stays() -> None:
    """Look for cycles among what comes later alone: of modules, rules and what was restored, none goes."""
    gc.collect()
    gc.freeze()


def serve_until_stopped(reread: Callable[[], Settings]) -> None:
    """Runs the evaluator until SIGINT or SIGTERM; SIGHUP reads rules and thresholds again.

    Args:
        reread: gives the configuration, now and at each reload.
    """
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.INFO)
    for noisy in ("alembic", "httpx", "uvicorn"):  # httpx tells whole URLs, with their passwords
        logging.getLogger(noisy).setLevel(logging.WARNING)
    collect_seldom()
    os.umask(_UMASK)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(reread))


def shipped_rules_text(settings: Settings) -> str:
    """The shipped rules as a Prometheus rule file."""
    return printed(_shipped(settings))


def openapi_text() -> str:
    """The OpenAPI document of the REST gate, as JSON."""
    return f"{json.dumps(api.openapi(version(_DISTRIBUTION)), indent=2, sort_keys=True)}\n"


async def _serve(reread: Callable[[], Settings]) -> None:
    settings = reread()
    stopping, serving = asyncio.Event(), asyncio.current_task()
    is_started = False

    def stop() -> None:
        stopping.set()
        if serving is not None and not is_started:
            serving.cancel()  # it may wait for the database for as long as another evaluator has it

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        async with running(settings, reread=reread) as evaluator, asyncio.TaskGroup() as tasks:
            is_started = True
            spare_what_stays()
            loop.add_signal_handler(signal.SIGHUP, lambda: tasks.create_task(_reload(evaluator)))
            _log.info(
                "ready: REST http://%s, OTLP/gRPC %s, OTLP/HTTP http://%s, admin token in %s",
                evaluator.rest,
                evaluator.otlp_grpc,
                evaluator.otlp_http,
                admin_token_file(settings),
            )
            await stopping.wait()
            _log.info("stopping")
    except asyncio.CancelledError:
        if not stopping.is_set():
            raise


async def _reload(evaluator: Running) -> None:
    try:
        await evaluator.reload(signal.SIGHUP.name)
    except EvaluatorError as error:
        _log.error("not reloaded, the old rules stay: %s", error)
    else:
        _log.info("rules and thresholds were read again")


def _bound(listen: str, port: int) -> str:
    return f"{listen.rpartition(':')[0]}:{port}"


def _external_url(settings: Settings) -> str:
    """Where people reach REST, without a slash at the end."""
    return (settings.external_url or f"http://{settings.listen.rest}").rstrip("/")


def _shipped(settings: Settings) -> tuple[RuleGroup, ...]:
    """The shipped rules, with links to runbooks that lead somewhere from wherever an alert is read."""
    return shipped(settings.thresholds, settings.rules.runbooks or f"{_external_url(settings)}/runbooks/{{name}}")


def _rule_groups(settings: Settings) -> tuple[RuleGroup, ...]:
    """The shipped groups, then those of the user's files; rules that do not say how long they may return get told."""
    groups = list(_shipped(settings))
    for file in settings.rules.files:
        try:
            groups += load(file.read_text(encoding="utf-8"), str(file))
        except (OSError, UnicodeDecodeError) as error:
            raise EvaluatorError(f"Rule file {file}: {error}.", "See rules.files in lapbell.yaml.") from None
    return with_reopen_within(groups, settings.alerting.reopen_within)


def _reopen_within_s(settings: Settings) -> float:
    """Of alerts that have no rule of ours."""
    reopen_within_s = settings.alerting.reopen_within
    return REOPEN_WITHIN_S if reopen_within_s is None else reopen_within_s


def _inhibit_rules(settings: Settings) -> tuple[InhibitRule, ...]:
    return tuple(entry.rule() for entry in settings.inhibit_rules)


def _origin(url: str | None) -> str | None:
    """As browsers write it: scheme, host and port."""
    return None if url is None else "{0.scheme}://{0.netloc}".format(urlsplit(url))


def _connection_limits(settings: Settings) -> ConnectionLimits:
    """Of each HTTP gate."""
    limits = settings.limits
    connections = connections_that_fit(_GATES * limits.connections) // _GATES
    if connections < limits.connections:
        _log.warning("the limit of open files leaves %d connections to each gate; see `ulimit -n`", connections)
    return ConnectionLimits(
        connections=connections,
        connections_each=limits.connections_each,
        head_s=limits.head_timeout,
        body=Pace(limits.body_timeout, limits.body_bytes_per_second),
        idle_s=limits.idle_timeout,
        write_s=limits.write_timeout,
    )


def _receiver_limits(settings: Settings, connections: ConnectionLimits) -> receiver.Limits:
    limits, defaults = settings.limits, receiver.Limits()
    at_once = max(defaults.in_flight_bytes, 4 * settings.ingest.body_bytes)
    return receiver.Limits(
        body_bytes=settings.ingest.body_bytes,
        items=settings.ingest.items,
        corrects_clocks=settings.ingest.correct_clocks,
        in_flight_bytes=at_once,
        in_flight_bytes_each=at_once // 2,
        body=connections.body,
        call_s=limits.call_timeout,
        senders=limits.exports,
        senders_each=limits.exports_each,
        grpc_connections=connections.connections,
    )


def _routes(settings: Settings) -> tuple[Route, ...]:
    """Who is told of what; whatever OTLP is exported to is told of everything."""
    policies = [receiver.policy() for receiver in settings.receivers]
    routes = tuple(Route(policy.name, partial(matches, policy.matchers)) for policy in policies)
    return (Route(_OTLP, lambda _labels: True), *routes) if settings.export.endpoint else routes


async def _drop_others(database: Database, settings: Settings) -> None:
    """What waits for receivers that the configuration no longer has would wait, and be kept, for ever."""
    names = [receiver.name for receiver in settings.receivers] + [_OTLP]
    if dropped := await database.drop_others(names):
        _log.warning("%d notices waited for receivers that there are no more; nobody is told of them", dropped)


async def _known(database: Database, told: Mapping[str, Sequence[Notice]]) -> list[tuple[str, str]]:
    """Receivers and the incidents that they were told of, or will be."""
    waiting = {name: await database.pending(name, _MOST_WAITING) for name in told}
    notices = (notice for by_name in (told, waiting) for own in by_name.values() for notice in own)
    return [(notice.receiver, notice.transition.incident.id) for notice in notices]


def _webhook_target(settings: Settings, receiver: ReceiverSettings, external_url: str) -> WebhookTarget:
    url, headers = webhook_target(receiver)
    return WebhookTarget(
        receiver.name, url, headers, receiver.webhook.timeout, external_url=external_url, trace_url=settings.trace_url
    )


def _destination(settings: Settings) -> Destination:
    export = settings.export
    return Destination(
        export.endpoint or "",
        export.protocol,
        export_headers(export),
        ca_file=export.ca_file,
        client_certificate_file=export.client_certificate_file,
        client_key_file=export.client_key_file,
    )


def _longer_s(registry: RuleRegistry, retention_s: float) -> dict[str, float]:
    """How much longer than others memory holds the metrics that a rule looks further back to, the lookback included.

    The empty name stands for all: a selector without a name may mean any metric.
    """
    longer: dict[str, float] = {}
    for rule in registry.rules.values():
        for name, reach_s in rule.reach_s.items():
            more_s = reach_s + _LOOKBACK_S + _AHEAD_S - retention_s
            if more_s > 0:
                longer[name] = max(longer.get(name, 0.0), more_s)
    return longer


def _series_limits(settings: Settings, longer_s: Mapping[str, float]) -> SeriesLimits:
    series = settings.series
    retention_ms = int((series.retention + longer_s.get("", 0.0)) * _MS_PER_S)
    longer_ms = {name: int(more_s * _MS_PER_S) for name, more_s in longer_s.items()}
    reserved = int(series.limit * series.reserve / 100)
    return SeriesLimits(
        series=series.limit,
        series_per_metric=series.limit_per_metric,
        reserved=reserved,
        retention_ms=retention_ms,
        longer_ms=longer_ms,
    )


def _open_history(store: SeriesStore, settings: Settings, clock: Clock, longer_s: Mapping[str, float]) -> History:
    history_settings = HistorySettings(
        memory_s=settings.series.retention + longer_s.get("", 0.0),
        longer_s=longer_s,
        keep_s=settings.history.keep_days * _DAY_S,
        keep_bytes=settings.history.keep_bytes,
    )
    return History(store, settings.data_dir / "history.db", clock, history_settings)
