"""Maintenance windows keep receivers quiet: on a hand-moved clock, and in a whole evaluator with its command line."""

import asyncio
import json
import subprocess
import sys
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from lapbell_evaluator.alerts import MaintenanceWindows, parse_matchers
from lapbell_evaluator.config.settings import Settings
from lapbell_evaluator.model import Maintenance, ReceiverPolicy
from message_kit import inboxes_standing, job, line, post, reloadable

APP, BOT = job("app"), job("bot")
BERLIN = ZoneInfo("Europe/Berlin")
NIGHTLY = MaintenanceWindows([Maintenance("backup", parse_matchers("job=app"), "0 3 * * *", 3_600.0, BERLIN)])
ALWAYS = {"name": "move", "matchers": ["alertname=Quiet"], "schedule": "* * * * *", "duration": 300}
FIRES, BOT_FIRES = ("firing", (("app", "firing"),)), ("firing", (("bot", "firing"),))
ENDS = ("resolved", (("app", "resolved"),))


def unix(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("during", "end"),
    [
        ("2026-01-10T03:10+01:00", "2026-01-10T04:00+01:00"),
        ("2026-03-29T03:10+02:00", "2026-03-29T04:00+02:00"),  # clocks were set forward at two
        ("2026-10-25T03:10+01:00", "2026-10-25T04:00+01:00"),  # and back at three
    ],
)
async def test_what_still_fires_when_a_window_ends_is_told_then_and_what_it_does_not_match_at_once(
    tmp_path, during, end
):
    async with line(tmp_path, ReceiverPolicy("chat")) as chat:
        chat.windows = NIGHTLY
        async with chat.standing():
            await chat.fire(unix(during), APP, BOT)
            await chat.tell(unix(during))
            await chat.tell(unix(end) - 1)
            early = chat.said()
            await chat.tell(unix(end))
    assert {"early": early, "late": chat.said()} == {"early": [BOT_FIRES], "late": [BOT_FIRES, FIRES]}


async def test_what_began_before_a_window_is_not_repeated_in_it_and_its_end_is_told(tmp_path):
    async with line(tmp_path, ReceiverPolicy("chat", repeat_interval_s=1_800.0)) as chat:
        chat.windows = NIGHTLY
        async with chat.standing():
            begin = unix("2026-01-10T02:55+01:00")
            await chat.fire(begin, APP)
            for later_s in (0, 1_800, 3_000):
                await chat.tell(begin + later_s)
            await chat.clear(begin + 3_300, APP)
            await chat.tell(begin + 3_300)
    assert chat.said() == [FIRES, ENDS]


async def test_a_window_is_seen_by_everybody_who_asks_and_ends_with_a_reload(tmp_path):
    async with (
        inboxes_standing() as inboxes,
        reloadable(tmp_path, [inboxes.receiver("chat")], maintenance=[ALWAYS]) as (client, addresses, configuration),
    ):
        for name in ("Quiet", "Loud"):
            await post(client, name)
        await inboxes.have(chat=[("Loud", "firing")])
        alerts = (await client.get("/api/performance/alerts")).json()["alerts"]
        statuses = {
            alert["labels"]["alertname"]: alert["status"] for alert in (await client.get("/api/v2/alerts")).json()
        }
        heard = (await client.get("/api/v2/alerts", params={"muted": "false"})).json()
        (window,) = (await client.get("/api/performance/maintenance")).json()["maintenance"]
        listed = await asyncio.to_thread(listing, str(client.base_url))
        early = {"chat": [*inboxes.came["chat"]]}
        configuration.sections["maintenance"] = []
        await addresses.reload("ann")
        await inboxes.have(chat=[("Loud", "firing"), ("Quiet", "firing")])
        none_left = (await client.get("/api/performance/maintenance")).json()
    assert early == {"chat": [("Loud", "firing")]}
    assert {alert["alertname"]: alert["maintained_by"] for alert in alerts} == {"Quiet": ["move"], "Loud": []}
    assert statuses == {
        "Quiet": {"state": "suppressed", "silencedBy": [], "inhibitedBy": [], "mutedBy": ["maintenance:move"]},
        "Loud": {"state": "active", "silencedBy": [], "inhibitedBy": [], "mutedBy": []},
    }
    assert [alert["labels"]["alertname"] for alert in heard] == ["Loud"]
    assert {key: window[key] for key in ("name", "matchers", "active", "ends_at", "begins_at")} == {
        "name": "move",
        "matchers": ['alertname="Quiet"'],
        "active": True,
        "ends_at": None,
        "begins_at": None,
    }
    assert listed == [window]
    assert none_left == {"maintenance": []}


def listing(url: str) -> object:
    """What the command line lists."""
    command = [sys.executable, "-m", "lapbell_evaluator", "maintenance", "list", "--url", url, "-o", "json"]
    return json.loads(subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout)


@pytest.mark.parametrize(
    ("window", "remedy"),
    [
        ({"matchers": []}, "at least 1 item"),
        ({"matchers": ['job=~".*"']}, "must not match the empty string"),
        ({"schedule": "at three"}, "Write minute, hour, day, month and weekday"),
        ({"duration": 5}, "greater than or equal to 60"),
        ({"time_zone": "Mars/Base"}, "Europe/Berlin"),
        ({"first_day": "2026-02-01", "last_day": "2026-01-01"}, "last_day is before first_day"),
    ],
)
def test_what_a_window_can_not_be_is_refused_with_the_remedy(window, remedy):
    with pytest.raises(ValidationError, match=remedy):
        Settings.model_validate({"maintenance": [{**ALWAYS, **window}]})


def test_two_windows_of_one_name_are_refused():
    with pytest.raises(ValidationError, match="two maintenance windows are called move"):
        Settings.model_validate({"maintenance": [ALWAYS, ALWAYS]})
