"""Links in messages: by a hand-moved clock on real rooms, over HTTP as browsers and scanners do, and over a kill -9."""

import asyncio
import html
import json
import logging
import stat
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alertlife.assembly import Assembly, assembled
from alertlife.timeline import HandClock
from budget import scaled
from journey.stage import evaluator as served
from lapbell_evaluator.alerts import AlertPolicy, Condition, EvaluationResult
from lapbell_evaluator.config import ConfigError, acknowledge_key
from lapbell_evaluator.config.settings import Settings
from lapbell_evaluator.database import Database
from lapbell_evaluator.model import Incident, labels
from lapbell_evaluator.promql import Engine
from lapbell_evaluator.series import SeriesStore
from lapbell_evaluator.service import AcknowledgeLinks, LinkStanding, UnknownLinkError
from message_kit import Inboxes, inboxes_standing, post, reloadable
from peers.sink import otlp_sink

KEY = b"k" * 32
DAY_S = 86_400.0
OPEN, USED, EXPIRED, OVER = LinkStanding.OPEN, LinkStanding.USED, LinkStanding.EXPIRED, LinkStanding.OVER


@dataclass(slots=True)
class Life:
    """One life of the rooms that links need."""

    clock: HandClock
    rooms: Assembly
    links: AcknowledgeLinks

    async def see(self, at: float, condition: Condition = Condition.MET, name: str = "Slow") -> None:
        """One evaluation of one alert."""
        self.clock.at = at
        own = labels({"alertname": name, "job": "app", "severity": "warning"})
        result = EvaluationResult(own, labels({"job": "app"}), condition, 2.0, "")
        policy = AlertPolicy(group="g", rule=f"g/{name}", threshold=1.0)
        await self.rooms.committer.commit(lambda: self.rooms.alerts.plan([(policy, [result])], at))

    def incident(self, name: str = "Slow") -> Incident:
        """The open one of an alert."""
        incidents = self.rooms.alerts.incidents.values()
        return next(each for each in incidents if dict(each.labels)["alertname"] == name)

    def token(self, receiver: str = "chat", name: str = "Slow") -> str:
        """Of the link in a message that is sent now."""
        return str(self.links.url(self.incident(name), receiver)).rpartition("/")[2]

    async def opened(self, token: str) -> LinkStanding:
        """What it is good for."""
        return (await self.links.opened(token)).standing

    async def take(self, token: str, name: str = "") -> LinkStanding:
        """What it was good for when its button was pressed."""
        return (await self.links.acknowledge(token, name)).standing

    @property
    def taken_by(self) -> str | None:
        """Who has the incident."""
        return self.incident().acknowledged_by


@asynccontextmanager
async def life(folder: Path, at: float, key: bytes = KEY) -> AsyncIterator[Life]:
    clock = HandClock(at)
    database = await Database.open(f"sqlite:///{folder}/alerts.db", at)
    engine = Engine(SeriesStore())
    rooms = assembled([], engine, database, clock)
    links = AcknowledgeLinks(
        key=key,
        external_url="http://lapbell.test",
        lifetime_s=DAY_S,
        clock=clock,
        store=rooms.alerts,
        committer=rooms.committer,
        alert_service=rooms.alert_service,
    )
    yield Life(clock, rooms, links)
    engine.close()
    await database.close()


@pytest.fixture
async def firing(tmp_path):
    """An incident that fires since a second ago."""
    async with life(tmp_path, 0.0) as made:
        await made.see(10)
        made.clock.at = 11
        yield made


async def test_opening_a_link_changes_nothing_and_its_button_takes_the_incident_once(firing):
    token = firing.token()
    opened = {await firing.opened(token) for _ in range(100)}
    before = firing.taken_by
    taken = [await firing.take(token, "ann"), await firing.take(token, "bob")]
    assert {"opened": opened, "before": before} == {"opened": {OPEN}, "before": None}
    assert taken == [OPEN, USED]
    assert firing.taken_by == "ann (link to chat)"


async def test_of_twenty_who_press_it_at_once_one_takes_it(firing):
    tokens = [firing.token(f"receiver-{number}") for number in range(20)]
    standings = await asyncio.gather(*(firing.take(token, f"p{number}") for number, token in enumerate(tokens)))
    assert sorted(standings) == [OPEN, *[USED] * 19]


async def test_a_link_expires_and_shows_nothing_of_the_incident_then(firing):
    token = firing.token()
    firing.clock.at = 11 + DAY_S - 0.001
    last = await firing.opened(token)
    firing.clock.at = 11 + DAY_S
    link = await firing.links.opened(token)
    taken = await firing.take(token)
    assert [last, link.standing, taken] == [OPEN, EXPIRED, EXPIRED]
    assert link.view is None
    assert firing.taken_by is None


async def test_a_link_of_an_incident_that_is_over_does_not_take_the_next_one_of_the_same_alert(firing):
    token = firing.token()
    await firing.see(20, Condition.CLEARED)
    over = await firing.opened(token)
    await firing.see(30)
    assert [over, await firing.take(token)] == [OVER, OVER]
    assert firing.taken_by is None


async def test_what_was_resolved_by_hand_and_fires_again_is_taken_by_a_new_link_alone(firing):
    old = firing.token()
    await firing.take(old, "ann")
    key = firing.incident().key
    await firing.rooms.alert_service.resolve(key, "ann", "fixed")
    await firing.see(20, Condition.MET)
    await firing.see(11 + 1_801, Condition.MET)
    firing.clock.at += 1
    standings = [await firing.take(old), await firing.take(firing.token(), "bob")]
    assert standings == [USED, OPEN]


async def test_after_a_restart_a_used_link_is_used_and_an_open_one_is_open(tmp_path):
    async with life(tmp_path, 0.0) as first:
        await first.see(10)
        await first.see(10, name="Other")
        used, still_open = first.token(), first.token(name="Other")
        await first.take(used)
    async with life(tmp_path, 60.0) as second:
        standings = [await second.take(used), await second.take(still_open)]
    assert standings == [USED, OPEN]


async def test_every_character_of_a_link_counts(firing):
    token = firing.token()
    others = {character: "A" if character != "A" else "B" for character in set(token)}
    changed = [token[:at] + others[token[at]] + token[at + 1 :] for at in range(len(token))]
    changed += [f"{token}{more}" for more in ("=", "A", "!", "\0", "é")] + [token[1:], token[:-1], "", "A" * 10_000]
    assert [await unknown(firing, forged) for forged in changed] == [True] * len(changed)


async def test_links_of_another_key_and_claims_under_the_signature_of_another_are_not_ours(firing, tmp_path):
    await firing.see(12, name="Other")
    own, other = firing.token(), firing.token(name="Other")
    (tmp_path / "other").mkdir()
    async with life(tmp_path / "other", 0.0, b"x" * 32) as stranger:
        await stranger.see(10)
        foreign = stranger.token()
    forged = [foreign, other[:-43] + own[-43:], own[:-43] + other[-43:]]
    assert [await unknown(firing, token) for token in forged] == [True] * 3


async def unknown(made: Life, token: str) -> bool:
    """Whether both ways to use a link refuse it."""
    refusals = 0
    for use in (made.links.opened(token), made.links.acknowledge(token, "")):
        try:
            await use
        except UnknownLinkError:
            refusals += 1
    return refusals == 2


texts = st.text(max_size=200) | st.text("ABCDEFGHabcdefgh0123-_", max_size=200)


@settings(max_examples=scaled(10))
@given(st.lists(texts, min_size=20, max_size=40))
def test_whatever_is_no_link_is_refused_as_unknown(tokens):
    with tempfile.TemporaryDirectory() as folder:
        assert asyncio.run(unknown_ones(Path(folder), tokens)) == len(tokens)


async def unknown_ones(folder: Path, tokens: list[str]) -> int:
    async with life(folder, 0.0) as made:
        return sum([await unknown(made, token) for token in tokens])


@asynccontextmanager
async def told(folder: Path, inboxes: Inboxes, **sections: object) -> AsyncIterator[tuple[httpx.AsyncClient, str]]:
    """A whole evaluator that has told of one alert, and the path of the link in the message."""
    receivers = [inboxes.receiver("chat", group_by=["alertname"])]
    async with reloadable(folder, receivers, **sections) as (client, _, _):
        await post(client, "One")
        await inboxes.have(chat=[("One", "firing")])
        yield client, path_of(inboxes.messages[0])


def path_of(message: dict[str, Any]) -> str:
    return httpx.URL(message["alerts"][0]["acknowledgeUrl"]).path


@pytest.fixture
async def inboxes() -> AsyncIterator[Inboxes]:
    async with inboxes_standing() as made:
        yield made


STRANGER = {"Via": "1.1 proxy", "X-Forwarded-For": "198.51.100.7"}


async def audited(client: httpx.AsyncClient, folder: Path) -> list[dict[str, str]]:
    token = (folder / "admin.token").read_text().strip()
    answer = await client.get("/api/performance/audit", headers={"Authorization": f"Bearer {token}"})
    return [{name: row[name] for name in ("actor", "action", "why")} for row in answer.json()["entries"]]


async def test_scanners_and_previews_change_nothing_and_a_browser_without_a_session_takes_it_once(tmp_path, inboxes):
    async with told(tmp_path, inboxes) as (client, path):
        looks = [await client.request(method, path, headers=STRANGER) for method in ("GET", "HEAD", "OPTIONS", "PUT")]
        (before,) = (await client.get("/api/performance/alerts")).json()["alerts"]
        form = {"name": "Ann"}
        pressed = [await client.post(path, data=form, headers=STRANGER) for _ in range(2)]
        (after,) = (await client.get("/api/performance/alerts")).json()["alerts"]
        look = await client.get(path, headers=STRANGER)
        rows = await audited(client, tmp_path)
    assert [answer.status_code for answer in looks] == [200, 405, 405, 405]
    assert [answer.status_code for answer in (*pressed, look)] == [200, 410, 410]
    assert {"before": before["acknowledged"], "after": after["acknowledged"]} == {"before": False, "after": True}
    assert "You have it" in pressed[0].text
    assert "Ann (link to chat) has it already" in look.text
    assert rows[0] == {"actor": "Ann (link to chat)", "action": "acknowledge", "why": "by the link in a message"}


async def test_the_page_has_no_script_and_may_load_nothing_and_send_its_form_to_itself_alone(tmp_path, inboxes):
    async with told(tmp_path, inboxes) as (client, path):
        page = await client.get(path)
    wanted = ("referrer-policy", "cache-control", "x-frame-options", "x-robots-tag")
    assert {name: page.headers[name] for name in wanted} == {
        "referrer-policy": "same-origin",
        "cache-control": "no-store",
        "x-frame-options": "DENY",
        "x-robots-tag": "noindex, nofollow",
    }
    policy = page.headers["content-security-policy"].rpartition("; style-src 'sha256-")[0]
    assert policy == "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    assert "<script" not in page.text


@pytest.mark.parametrize(
    ("origin", "status"),
    [("https://lapbell.example", 200), (None, 200), ("https://evil.example", 403), ("null", 403)],
)
async def test_the_form_of_the_page_is_taken_and_one_of_another_site_is_not(tmp_path, inboxes, origin, status):
    async with told(tmp_path, inboxes, external_url="https://lapbell.example") as (client, path):
        headers = STRANGER | ({} if origin is None else {"Origin": origin})
        answer = await client.post(path, data={}, headers=headers)
    assert inboxes.messages[0]["alerts"][0]["acknowledgeUrl"].startswith("https://lapbell.example/acknowledge/")
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("typed", "seen"),
    [
        ("", "link to chat"),
        ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)> (link to chat)"),
        ("a\r\nb\0c\u202e" + "d" * 500, f"a b c {'d' * 58} (link to chat)"),
    ],
)
async def test_a_typed_name_is_one_short_line_and_is_escaped(tmp_path, inboxes, typed, seen):
    async with told(tmp_path, inboxes) as (client, path):
        page = await client.post(path, data={"name": typed})
        rows = await audited(client, tmp_path)
    assert rows[0]["actor"] == seen
    assert f"The others see: {html.escape(seen)}." in page.text


async def test_a_form_that_is_too_long_is_refused_and_a_wrong_link_is_a_page_that_says_so(tmp_path, inboxes):
    async with told(tmp_path, inboxes) as (client, path):
        answers = [
            await client.post(path, content=b"name=" + b"a" * 5_000),
            await client.post(f"{path}A", data={}),
            await client.get("/acknowledge/nonsense"),
            await client.get(f"/acknowledge/{'A' * 5_000}"),
        ]
        (alert,) = (await client.get("/api/performance/alerts")).json()["alerts"]
    assert [answer.status_code for answer in answers] == [413, 404, 404, 404]
    assert ["not one of ours" in answer.text for answer in answers] == [False, True, True, True]
    assert alert["acknowledged"] is False


async def test_a_strangers_form_is_not_waited_for(tmp_path, inboxes):
    async with told(tmp_path, inboxes) as (client, path):
        answers = []
        for link, size in (("/acknowledge/nonsense", 900_000), (path, 900_000)):
            reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
            writer.write(f"POST {link} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\nname=".encode())
            answers.append((await reader.readline()).split()[1])
            writer.close()
    assert answers == [b"404", b"413"]


async def test_a_message_has_a_link_while_the_incident_can_be_taken_and_none_afterwards(tmp_path, inboxes):
    async with told(tmp_path, inboxes, alerting={"reopen_within": 0.0}) as (client, path):
        await client.post(path, data={})
        await post(client, "One", ends_at="2026-01-01T00:00:00Z")
        await inboxes.have(chat=[("One", "firing"), ("One", "resolved")])
        over = await client.get(path)
    links = [message["alerts"][0]["acknowledgeUrl"] is not None for message in inboxes.messages]
    assert links == [True, False]
    assert over.status_code == 410
    assert "It is over, since" in over.text


async def test_links_can_be_turned_off(tmp_path, inboxes):
    async with reloadable(tmp_path, [inboxes.receiver("chat")], alerting={"acknowledge_links": 0}) as (client, _, _):
        await post(client, "One")
        await inboxes.have(chat=[("One", "firing")])
    assert inboxes.messages[0]["alerts"][0]["acknowledgeUrl"] is None


async def test_the_log_tells_no_link(tmp_path, inboxes, caplog):
    caplog.set_level(logging.DEBUG)
    async with told(tmp_path, inboxes) as (client, path):
        for answer in (await client.get(path), await client.post(path, data={}), await client.post(path, data={})):
            assert answer.status_code in {200, 410}
    theirs = ("httpx", "httpcore")  # the log of this test's own client
    token = path.rpartition("/")[2]
    assert [
        record for record in caplog.records if token in record.getMessage() and not record.name.startswith(theirs)
    ] == []


def test_the_key_is_made_for_this_user_alone_and_one_that_is_no_secret_is_refused(tmp_path):
    own = Settings(data_dir=tmp_path)
    first = acknowledge_key(own)
    short = tmp_path / "short.key"
    short.touch(mode=0o600)
    short.write_text("hunter2")
    with pytest.raises(ConfigError, match="openssl rand -base64 32"):
        acknowledge_key(Settings.model_validate({"data_dir": tmp_path, "auth": {"acknowledge_key_file": short}}))
    assert acknowledge_key(own) == first
    assert stat.S_IMODE((tmp_path / "acknowledge.key").stat().st_mode) == 0o600


def test_a_link_that_took_an_incident_right_before_a_kill_takes_none_after_it():
    with otlp_sink() as sink:
        env = {"LAPBELL_RECEIVERS": json.dumps([{"name": "chat", "webhook": {"url": f"{sink.url}/in"}}])}
        with served(env) as first:
            base = first.rest.removesuffix("/api/performance")
            alert = [{"labels": {"alertname": "One"}}]
            httpx.post(f"{base}/api/v2/alerts", json=alert, timeout=30, trust_env=False).raise_for_status()
            first.process.wait_until(lambda: bool(sink.deliveries))
            path = path_of(json.loads(sink.deliveries[0].body))
            taken = httpx.post(f"{base}{path}", data={"name": "ann"}, timeout=30, trust_env=False)
            first.process.kill()
            with served(env, again=first) as second:
                again = httpx.post(f"{base}{path}", data={"name": "bob"}, timeout=30, trust_env=False)
                (view,) = second.ask("alerts")["alerts"]
    assert [taken.status_code, again.status_code] == [200, 410]
    assert "ann (link to chat) has it already" in again.text
    assert view["acknowledged"] is True
