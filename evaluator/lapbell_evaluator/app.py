"""The one file that knows every class: builds the evaluator, starts it, and stops it in reverse order."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

from lapbell_evaluator import api, receiver, receiver_settings, room_settings
from lapbell_evaluator.alerts import AlertStore
from lapbell_evaluator.config import (
    Settings,
    acknowledge_key,
    database_url,
    heartbeat_url,
    private_data_dir,
    read_tokens,
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
from lapbell_evaluator.evidence import EvidenceCollector, Explanations, RecentTraces
from lapbell_evaluator.garbage import collector_at_rest
from lapbell_evaluator.history import History, Recording
from lapbell_evaluator.model import (
    Clock,
    EvaluatorError,
    Reading,
    Role,
    SteadyClock,
    SystemClock,
    labels,
)
from lapbell_evaluator.notify import (
    Alertmanager,
    AlertsNow,
    Delivery,
    Heartbeat,
    OtlpReceiver,
    OwnMetrics,
    Receivers,
    Router,
)
from lapbell_evaluator.promql import Engine, parses_remembered
from lapbell_evaluator.reloading import Reloading
from lapbell_evaluator.series import ExemplarRing, SeriesStore, ShortageLog
from lapbell_evaluator.server import LoopLag, Server, Shares
from lapbell_evaluator.service import (
    AcknowledgeLinks,
    ActiveAlerts,
    AlertNotifier,
    AlertService,
    DeadLetters,
    ExternalAlerts,
    Muting,
    TraceKeeper,
    TraceLibrary,
)

__all__ = ["Running", "running"]

_DISTRIBUTION: Final = "lapbell"


@dataclass(frozen=True, slots=True)
class Running:
    """An evaluator at work.

    Attributes:
        rest: where it listens, as host:port.
        otlp_grpc: the same.
        otlp_http: the same.
        reload: reads rules, thresholds and receivers again, on whose behalf is told; raises EvaluatorError, with the
            old ones kept, if they can't be used.
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
                database_url(settings), clock.now(), on_waiting=waiting, keep_s=room_settings.database_keep_s(settings)
            )
        stops.push_async_callback(database.close)
        with parses_remembered(), collector_at_rest():
            groups = await asyncio.to_thread(room_settings.rule_groups, settings)
            registry = await asyncio.to_thread(RuleRegistry, groups, settings.rules.interval)
        longer_s = room_settings.longer_s(registry, settings.series.retention)
        store = SeriesStore(room_settings.series_limits(settings, longer_s))
        store.reserve(registry.metrics)
        history_settings = room_settings.history_settings(settings, longer_s)
        history_file = settings.data_dir / "history.db"
        history = await asyncio.to_thread(History, store, history_file, clock, history_settings)
        stops.push_async_callback(asyncio.to_thread, history.close)
        warm_since = history.warm_since()
        if warm_since is None and not database.restored.is_first_start:
            warm_since = clock.now()
        engine = Engine(history)
        stops.callback(engine.close)
        traces, exemplars = RecentTraces(), ExemplarRing()
        arrivals = receiver.Arrivals(store.ref_of)
        restored = database.restored
        alerts = AlertStore.restored(restored.alerts, restored.incidents, clock.now(), Explanations())
        external_url = room_settings.external_url(settings)
        external_labels = labels(settings.external_labels)
        collector = EvidenceCollector(engine, traces, exemplars)
        annotator = Annotator(engine, collector, external_labels, external_url, Figures(engine))
        router = Router(room_settings.fixed_routes(settings))
        committer = AlertCommitter(alerts, registry, database, annotator, router.recipients)
        rule_evaluator = RuleEvaluator(engine, warm_since, external_labels, external_url, Provenance(engine, arrivals))
        cycle = Cycle(alerts, committer, rule_evaluator, Recorder(Recording(history)), clock, engine.cycle)
        windows = room_settings.maintenance_windows(settings)
        muting = Muting(alerts, database, clock, room_settings.inhibit_rules(settings), windows)
        external_alerts = ExternalAlerts(alerts, committer, muting, clock, room_settings.reopen_within_s(settings))
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

        links = AcknowledgeLinks(
            key=acknowledge_key(settings),
            external_url=external_url,
            lifetime_s=settings.alerting.acknowledge_links,
            clock=clock,
            store=alerts,
            committer=committer,
            alert_service=alert_service,
        )
        dead_letters = DeadLetters(database, clock)
        keeper = TraceKeeper(alerts, traces, database.traces, clock)
        committer.subscribe(keeper.moved)
        own_series.add(keeper.readings)
        tasks = await stops.enter_async_context(asyncio.TaskGroup())
        receivers = Receivers(
            router=router,
            outbox=database,
            clock=clock,
            muter=muting.muter,
            standing=alerts.incidents.get,
            explained_by=alerts.problems.explained_by,
            matching=room_settings.matching,
            spawn=tasks.create_task,
        )
        alerts_now = AlertsNow(alert_service.counts_of, muting.muter)
        await receivers.apply(
            await receivers.plan(receiver_settings.message_receivers(settings, links.url, alerts_now))
        )
        stops.push_async_callback(receivers.close)
        in_force = Reloading(
            settings,
            reread,
            runner=runner,
            registry=registry,
            store=store,
            muting=muting,
            external_alerts=external_alerts,
            receivers=receivers,
            links=links,
            alerts_now=alerts_now,
        )
        stops.callback(tasks.create_task(runner.run()).cancel)
        stops.callback(tasks.create_task(history.run()).cancel)
        stops.callback(tasks.create_task(keeper.run()).cancel)
        stops.callback(tasks.create_task(ShortageLog(store.losses, clock).run()).cancel)

        def notify(told: Receivers | Delivery) -> None:
            committer.subscribe(lambda _: told.wake())
            dead_letters.subscribe(told.wake)
            database.subscribe_recovered(told.wake)
            own_series.add(told.readings)

        notify(receivers)
        if settings.export.endpoint:
            exporter = OtlpReceiver(room_settings.destination(settings), clock, alert_service.counts, muting.muter)
            await stops.enter_async_context(exporter)
            export = Delivery(room_settings.OTLP, exporter, database, clock)
            notify(export)
            stops.callback(tasks.create_task(export.run()).cancel)

        if settings.heartbeat is not None:

            def trouble() -> str:
                return runner.overdue or runner.trouble or database.trouble or receivers.trouble

            interval_s, timeout_s = settings.heartbeat.interval, settings.heartbeat.timeout
            heartbeat = Heartbeat(heartbeat_url(settings.heartbeat), interval_s, clock, trouble, timeout_s=timeout_s)
            stops.push_async_callback(heartbeat.close)
            stops.callback(tasks.create_task(heartbeat.run()).cancel)
            own_series.add(heartbeat.readings)

        for url in settings.alerting.alertmanagers:
            alertmanager = await stops.enter_async_context(Alertmanager(url, clock=clock))
            active = ActiveAlerts(alerts, registry)
            notifier = AlertNotifier(alertmanager, active, muting, annotator, clock, settings.alerting.resend_delay)
            committer.subscribe_evaluated(notifier.evaluated)
            own_series.add(notifier.readings)
            stops.callback(tasks.create_task(notifier.run()).cancel)

        connections = room_settings.connection_limits(settings)
        limits = room_settings.receiver_limits(settings, connections)
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
            own_metrics = OwnMetrics(room_settings.destination(settings), clock, readings)
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
                own_origin=room_settings.own_origin(settings.external_url),
            ),
            clock=clock,
            querier=engine,
            answers=answers,
            alerts=alert_service,
            dead_letters=dead_letters,
            links=links,
            traces=traces,
            trace_library=TraceLibrary(traces, database.traces),
            exemplars=exemplars,
            metadata=store.metadata,
            readiness=readiness,
            readings=readings,
            reload=in_force.reload,
            targets=in_force.targets,
            trace_url=room_settings.trace_url(settings),
            pace=connections.body,
            receivers=api.ReceiverNames(router),
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


def _bound(listen: str, port: int) -> str:
    return f"{listen.rpartition(':')[0]}:{port}"
