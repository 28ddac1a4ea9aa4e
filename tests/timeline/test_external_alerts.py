"""Alerts of others, as a Prometheus sends them: they fire, repeat, end, and survive a restart."""

import asyncio

import pytest

from alertlife.timeline import timeline
from lapbell_evaluator.model import PostableAlert, labels
from lapbell_evaluator.service import InvalidAlertError

NOTHING = "groups: [{name: g, rules: [{alert: Never, expr: vector(0) > 1}]}]"
IDENTITY = labels({"alertname": "Theirs", "severity": "warning", "job": "web"})
TEXTS = labels({"summary": "web is slow"})


def posted(starts_at=None, ends_at=None) -> PostableAlert:
    return PostableAlert(IDENTITY, TEXTS, starts_at, ends_at)


async def test_a_posted_alert_fires_once_however_often_it_is_repeated_and_ends_when_its_sender_says_so(tmp_path):
    async with timeline(tmp_path, NOTHING) as line:
        for at in range(100, 400, 60):
            line.clock.at = at
            await line.external_alerts.post([posted(90, at + 240)])
        (incident,) = await line.alert_service.incidents()
        assert incident.name == "Theirs"
        assert incident.message == "web is slow"
        (view,) = line.external_alerts.views()
        assert view.alert.fired_at == 90
        assert view.annotations == TEXTS
        line.clock.at = 400
        await line.external_alerts.post([posted(90, 395)])
        assert line.news() == [(100, "firing", "warning", "breached"), (400, "resolved", "warning", "recovered")]
        assert line.told[-1].incident.annotations == TEXTS
        assert line.external_alerts.views() == ()


async def test_one_that_nobody_repeats_is_over_at_its_end_or_after_five_minutes(tmp_path):
    async with timeline(tmp_path, NOTHING) as line:
        line.clock.at = 100
        await line.external_alerts.post([posted()])
        await line.at(399)
        assert len(line.news()) == 1
        await line.at(400)
        assert line.news()[-1] == (400, "resolved", "warning", "empty")


async def test_after_a_restart_it_has_five_minutes_to_be_repeated(tmp_path):
    async with timeline(tmp_path, NOTHING) as line:
        await line.external_alerts.post([posted(0, 240)])
    async with timeline(tmp_path, NOTHING, start=200) as line:
        await line.at(300)
        (view,) = line.external_alerts.views()
        assert view.annotations == TEXTS
        assert line.news() == []
        await line.at(500)
        assert line.news() == [(500, "resolved", "warning", "empty")]


async def test_alerts_that_several_senders_post_at_once_all_end(tmp_path):
    async with timeline(tmp_path, NOTHING) as line:
        every = [PostableAlert(labels({"alertname": name}), TEXTS) for name in "abcde"]
        await asyncio.gather(*(line.external_alerts.post([each]) for each in every))
        assert [each.alert.labels for each in line.external_alerts.views()] == [each.labels for each in every]
        await line.at(300)
        assert line.external_alerts.views() == ()
        assert len(line.news()) == 10


async def test_an_alert_that_can_not_be_takes_none_of_the_others_with_it(tmp_path):
    async with timeline(tmp_path, NOTHING) as line:
        with pytest.raises(InvalidAlertError, match=r"2 of 3 alerts can't be: .*no identity; .*before it starts"):
            await line.external_alerts.post([PostableAlert(()), posted(), posted(100, 50)])
        (view,) = line.external_alerts.views()
        assert view.alert.labels == posted().labels


async def test_a_reload_leaves_the_alerts_of_others_alone(tmp_path):
    async with timeline(tmp_path, NOTHING) as line:
        await line.external_alerts.post([posted()])
        await line.runner.reload([])
        assert len(line.news()) == 1
