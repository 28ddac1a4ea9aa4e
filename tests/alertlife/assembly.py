"""The rooms of alerts put together as the app does it, without gates."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from lapbell_evaluator.alerts import AlertStore
from lapbell_evaluator.database import Database
from lapbell_evaluator.evaluation import (
    AlertCommitter,
    Annotator,
    Cycle,
    EvidenceCollector,
    Figures,
    OwnSeries,
    Provenance,
    Recorder,
    RuleEvaluator,
    RuleRegistry,
    Runner,
)
from lapbell_evaluator.evidence import Explanations
from lapbell_evaluator.model import Clock, RuleGroup, everyone
from lapbell_evaluator.promql import Engine
from lapbell_evaluator.receiver import Arrivals
from lapbell_evaluator.service import AlertService, ExternalAlerts, Muting


@dataclass(slots=True)
class Assembly:
    """The rooms of one evaluator."""

    registry: RuleRegistry
    alerts: AlertStore
    annotator: Annotator
    committer: AlertCommitter
    muting: Muting
    external_alerts: ExternalAlerts
    own_series: OwnSeries
    runner: Runner
    alert_service: AlertService


def assembled(
    groups: Sequence[RuleGroup],
    engine: Engine,
    database: Database,
    clock: Clock,
    *,
    interval_s: float = 5.0,
    evidence_collector: EvidenceCollector | None = None,
    arrivals: Arrivals | None = None,
    receivers: Sequence[str] = (),
    recorder: Recorder | None = None,
    sharing: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Assembly:
    """Series begin with the database's first life, and have a gap where it has an earlier one."""
    now, restored = clock.now(), database.restored
    registry = RuleRegistry(groups, interval_s)
    alerts = AlertStore.restored(restored.alerts, restored.incidents, now, Explanations())
    annotator = Annotator(engine, evidence_collector, figures=Figures(engine))
    committer = AlertCommitter(alerts, registry, database, annotator, everyone(*receivers))
    warm_since = None if restored.is_first_start else now
    provenance = Provenance(engine, arrivals)
    rule_evaluator = RuleEvaluator(engine, warm_since, provenance=provenance)
    cycle = Cycle(alerts, committer, rule_evaluator, recorder, clock, sharing)
    muting = Muting(alerts, database, clock)
    external_alerts = ExternalAlerts(alerts, committer, muting, clock)
    own_series = OwnSeries()
    runner = Runner(registry, alerts, cycle, committer, database, own_series, external_alerts, clock)
    own_series.add(runner.readings)
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
    return Assembly(registry, alerts, annotator, committer, muting, external_alerts, own_series, runner, alert_service)
