"""The list of receivers changes while a whole evaluator tells them of alerts that others post."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from evaluator_kit import evaluator
from lapbell_evaluator.app import Running
from lapbell_evaluator.config import ConfigError
from message_kit import Configuration, Inboxes, inboxes_standing, post, reloadable


@pytest.fixture
async def inboxes() -> AsyncIterator[Inboxes]:
    async with inboxes_standing() as made:
        yield made


async def reload(addresses: Running, configuration: Configuration, receivers: list[dict[str, object]]) -> None:
    configuration.sections["receivers"] = receivers
    await addresses.reload("ann")


async def test_receivers_are_added_removed_and_changed_and_a_message_under_way_to_one_that_stays_is_sent_once(
    tmp_path, inboxes
):
    stays, moves = inboxes.receiver("stays"), inboxes.receiver("moves")
    one, two = [("One", "firing")], [("One", "firing"), ("Two", "firing")]
    inboxes.held = {"stays"}
    before = [stays, moves, inboxes.receiver("goes")]
    after = [stays, inboxes.receiver("moves", "elsewhere"), inboxes.receiver("new")]
    async with reloadable(tmp_path, before) as (client, addresses, configuration):
        await post(client, "One")
        await inboxes.have(stays=one, moves=one, goes=one)
        await reload(addresses, configuration, after)
        inboxes.open.set()
        await post(client, "Two")
        await inboxes.have(stays=two, elsewhere=one, new=one)
        named = (await client.get("/api/v2/receivers")).json()
    assert inboxes.came == {
        "stays": two,
        "moves": one,
        "goes": one,
        "elsewhere": two[1:],
        "new": two[1:],
    }
    assert [receiver["name"] for receiver in named] == ["stays", "moves", "new"]


async def test_a_message_under_way_to_a_receiver_that_changes_is_sent_to_its_end_and_not_once_more(tmp_path, inboxes):
    inboxes.held = {"chat"}
    async with reloadable(tmp_path, [inboxes.receiver("chat")]) as (client, addresses, configuration):
        await post(client, "One")
        await inboxes.have(chat=[("One", "firing")])
        changed = [inboxes.receiver("chat", repeat_interval=600.0)]
        reloading = asyncio.create_task(reload(addresses, configuration, changed))
        inboxes.open.set()
        await reloading
        await post(client, "Two")
        await inboxes.have(chat=[("One", "firing"), ("Two", "firing")])
    assert inboxes.came == {"chat": [("One", "firing"), ("Two", "firing")]}


async def test_a_receiver_that_was_changed_is_told_the_end_of_what_it_was_told_before(tmp_path, inboxes):
    chat = inboxes.receiver("chat")
    settings = {"alerting": {"reopen_within": 0.0}}
    async with reloadable(tmp_path, [chat]) as (client, addresses, configuration):
        configuration.sections |= settings
        await reload(addresses, configuration, [chat])
        await post(client, "One")
        await inboxes.have(chat=[("One", "firing")])
        await reload(addresses, configuration, [inboxes.receiver("chat", "elsewhere", group_by=["alertname"])])
        await post(client, "One", ends_at="2026-01-01T00:00:00Z")
        await inboxes.have(elsewhere=[("One", "resolved")])
    assert inboxes.came == {"chat": [("One", "firing")], "elsewhere": [("One", "resolved")]}


async def test_what_waits_for_a_receiver_that_is_removed_is_dropped_and_says_why(tmp_path, inboxes):
    inboxes.status = {"away": 503}
    chat, away = inboxes.receiver("chat"), inboxes.receiver("away")
    async with reloadable(tmp_path, [chat, away]) as (client, addresses, configuration):
        await post(client, "One")
        await inboxes.have(chat=[("One", "firing")], away=[("One", "firing")])
        await reload(addresses, configuration, [chat])
        (alert,) = (await client.get("/api/performance/alerts")).json()["alerts"]
        view = (await client.get(f"/api/performance/alerts/{alert['alert_key']}")).json()
    errors = {each["receiver"]: each["error"] for each in view["deliveries"]}
    assert errors["away"] == "There is no such receiver any more."


@pytest.mark.parametrize("fault", ["unreadable", "no secret", "bad rules"])
async def test_a_list_that_can_not_be_used_leaves_rules_and_receivers_as_they_were(tmp_path, inboxes, fault):
    chat = inboxes.receiver("chat")
    rules = tmp_path / "rules.yml"
    rules.write_text("groups: 7")
    async with reloadable(tmp_path / "data", [chat]) as (client, addresses, configuration):
        wanted = [inboxes.receiver("other")]
        if fault == "unreadable":
            configuration.error = ConfigError("lapbell.yaml: no.")
        elif fault == "no secret":
            wanted = [{"name": "other", "webhook": {"url_file": tmp_path / "absent"}}]
        else:
            configuration.sections["rules"] = {"files": [rules]}
        with pytest.raises(Exception, match=r"lapbell\.yaml: no|absent|rules\.yml"):
            await reload(addresses, configuration, wanted)
        await post(client, "One")
        await inboxes.have(chat=[("One", "firing")])
        named = (await client.get("/api/v2/receivers")).json()
    assert named == [{"name": "chat"}]


async def test_without_receivers_who_reads_alertmanagers_api_is_who_is_told(tmp_path):
    async with evaluator(tmp_path) as (client, _):
        assert (await client.get("/api/v2/receivers")).json() == [{"name": "lapbell"}]
