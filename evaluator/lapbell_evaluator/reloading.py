"""What of the configuration a reload replaces, all of it or nothing."""

import asyncio
from collections.abc import Callable

from lapbell_evaluator import api, receiver_settings, room_settings
from lapbell_evaluator.config import Settings
from lapbell_evaluator.evaluation import RuleRegistry, Runner
from lapbell_evaluator.garbage import collector_at_rest
from lapbell_evaluator.notify import AlertsNow, Receivers
from lapbell_evaluator.promql import parses_remembered
from lapbell_evaluator.series import SeriesStore
from lapbell_evaluator.service import AcknowledgeLinks, ExternalAlerts, Muting

__all__ = ["Reloading"]


class Reloading:
    """The rules, thresholds, inhibition, maintenance and receivers in force: what a reload replaces.

    Args:
        settings: as they are at the start.
        reread: gives the configuration anew; None means `settings` again, with the files that they name.
        runner: evaluates the rules.
        registry: the rules.
        store: keeps places for the series that rules read.
        muting: what keeps alerts quiet.
        external_alerts: the alerts of others.
        receivers: who is told.
        links: by which people take incidents.
        alerts_now: what metrics and records say of alerts.
    """

    def __init__(
        self,
        settings: Settings,
        reread: Callable[[], Settings] | None,
        *,
        runner: Runner,
        registry: RuleRegistry,
        store: SeriesStore,
        muting: Muting,
        external_alerts: ExternalAlerts,
        receivers: Receivers,
        links: AcknowledgeLinks,
        alerts_now: AlertsNow,
    ) -> None:
        self._settings = settings
        self._reread = reread
        self._runner = runner
        self._registry = registry
        self._store = store
        self._muting = muting
        self._external_alerts = external_alerts
        self._receivers = receivers
        self._links = links
        self._alerts_now = alerts_now
        self._one_at_a_time = asyncio.Lock()

    async def reload(self, by: str) -> None:
        """Read all of it again on somebody's behalf.

        Raises:
            EvaluatorError: something can't be used; everything stays as it was.
        """
        async with self._one_at_a_time:
            settings = self._settings if self._reread is None else await asyncio.to_thread(self._reread)
            receivers = await asyncio.to_thread(
                receiver_settings.message_receivers, settings, self._links.url, self._alerts_now
            )
            plan = await self._receivers.plan(receivers)
            with parses_remembered(), collector_at_rest():
                await self._runner.reload(await asyncio.to_thread(room_settings.rule_groups, settings), by)
            self._store.reserve(self._registry.metrics)
            self._muting.inhibit_rules = room_settings.inhibit_rules(settings)
            self._muting.windows = room_settings.maintenance_windows(settings)
            self._external_alerts.reopen_within_s = room_settings.reopen_within_s(settings)
            await self._receivers.apply(plan)
            self._settings = settings

    def targets(self) -> api.Targets:
        """How fast a webhook should be answered."""
        thresholds = self._settings.thresholds
        return api.Targets(thresholds.webhook_500ms_target, thresholds.webhook_2s_requirement)
