"""One cause, one page: from requests and Redis calls over the shipped rules to the messages that a receiver takes."""

import pytest

from lapbell_evaluator.model import LabelMatcher, Silence, State
from problem_kit import World, firing, shop

WELL = World()
REDIS_DOWN = World(in_redis=0.5, failing=20)
REQUESTS_FAIL = World(in_redis=0.5, operations=0)
ERRORS, REDIS = "WebhookErrorRate /w", "RedisFailureRate"


@pytest.fixture
async def lives(tmp_path):
    async with shop(tmp_path) as made:
        yield made


def caused_by(message) -> dict[str, bool]:
    """Of each alert of a message whether another one explains it."""
    return {alert["labels"]["alertname"]: alert["causedBy"] is not None for alert in message["alerts"]}


async def test_redis_down_is_one_page_and_an_update_that_names_the_cause_first(lives):
    async with lives.life() as shop:
        await shop.lives(60)
        await shop.lives(120, REDIS_DOWN)
        last = shop.posted[-1]
    assert [shop.pages(), shop.updates()] == [[[REDIS]], [[REDIS, ERRORS]]]
    assert caused_by(last) == {"RedisFailureRate": False, "WebhookErrorRate": True}
    assert last["problem"]["cause"]["alertname"] == "RedisFailureRate"
    assert [each["alertname"] for each in last["problem"]["explains"]] == ["WebhookErrorRate"]


async def test_a_cause_found_later_joins_the_message_of_its_symptom_at_once(lives):
    async with lives.life() as shop:
        await shop.lives(60)
        await shop.lives(60, REQUESTS_FAIL)
        await shop.lives(15, REDIS_DOWN)
        last = shop.posted[-1]
    assert [shop.pages(), firing(last), last["isPage"]] == [[[ERRORS]], [REDIS, ERRORS], False]
    assert len({message["groupKey"] for message in shop.posted}) == 1


async def test_routes_that_fail_in_the_same_redis_are_one_page_before_their_cause_is_known(lives):
    async with lives.life() as shop:
        await shop.lives(60, World(routes=("/w", "/x")))
        await shop.lives(15, REQUESTS_FAIL)
        await shop.lives(90, World(in_redis=0.5, operations=0, routes=("/w", "/x")))
        await shop.lives(15, World(in_redis=0.5, failing=20, routes=("/w", "/x")))
        incidents = await shop.line.alert_service.incidents()
    assert [len(shop.pages()), firing(shop.posted[-1])[0]] == [1, REDIS]
    assert len({view.incident.problem for view in incidents}) == 1


async def test_requests_that_fail_by_themselves_while_redis_does_are_two_problems_and_two_pages(lives):
    async with lives.life() as shop:
        await shop.lives(60)
        await shop.lives(120, World(in_code=0.5, operations=40, failing=40))
        incidents = await shop.line.alert_service.incidents()
    assert shop.pages() == [[REDIS], [ERRORS]]
    assert [view.incident.caused_by for view in incidents] == [None, None]


async def test_a_symptom_that_goes_on_by_new_requests_pages_alone_a_minute_and_its_window_after_the_cause(lives):
    async with lives.life() as shop:
        await shop.lives(60)
        await shop.lives(60, REDIS_DOWN)
        await shop.lives(600, World(in_code=0.5))
        (ended_at,) = (move.at for move in shop.line.told if move.state is State.RECOVERING)
        (alone,) = (move for move in shop.line.told if move.reason == "outlasted")
    assert [shop.pages(), alone.at - ended_at] == [[[REDIS], [ERRORS]], 360.0]
    assert [message["groupKey"] for message in shop.posted if message["isPage"]] == [
        shop.posted[0]["groupKey"],
        alone.incident.problem,
    ]


async def test_a_symptom_that_ends_with_its_cause_is_never_a_page(lives):
    async with lives.life() as shop:
        await shop.lives(60)
        await shop.lives(120, REDIS_DOWN)
        await shop.lives(2_100, step_s=15)
    assert [shop.pages(), shop.posted[-1]["status"]] == [[[REDIS]], "resolved"]


async def test_a_symptom_that_ends_first_leaves_the_cause(lives):
    async with lives.life() as shop:
        await shop.lives(60)
        await shop.lives(120, REDIS_DOWN)
        await shop.lives(2_100, World(failing=20), step_s=15)
        incidents = await shop.line.alert_service.incidents()
    assert [shop.pages(), firing(shop.posted[-1])] == [[[REDIS]], [REDIS]]
    assert [view.explains for view in incidents] == [()]


async def test_a_member_that_gets_worse_than_what_was_told_is_a_page_at_once(lives):
    async with lives.life() as shop:
        await shop.lives(60)
        await shop.lives(120, World(operations=200, failing=15))
        warned = [message["alerts"][0]["severity"] for message in shop.posted]
        await shop.lives(60, World(in_redis=0.5, operations=200, failing=15))
    assert [warned, shop.pages()] == [["warning"], [[REDIS], [REDIS, ERRORS]]]


async def test_what_was_known_of_a_problem_is_known_after_a_restart(lives):
    async with lives.life() as shop:
        await shop.lives(60)
        await shop.lives(60, REQUESTS_FAIL)
    async with lives.life() as shop:
        await shop.lives(90, REDIS_DOWN)
    async with lives.life() as shop:
        await shop.lives(30, REDIS_DOWN)
        incidents = await shop.line.alert_service.incidents()
    assert [shop.pages(), shop.updates()] == [[[ERRORS]], [[REDIS, ERRORS]]]
    assert {view.name: len(view.explains) for view in incidents} == {"RedisFailureRate": 1, "WebhookErrorRate": 0}
    assert len({message["groupKey"] for message in shop.posted}) == 1


async def test_the_end_of_a_cause_is_known_after_a_restart(lives):
    async with lives.life() as shop:
        await shop.lives(60)
        await shop.lives(60, REDIS_DOWN)
        await shop.lives(180, World(in_code=0.5))
    async with lives.life() as shop:
        await shop.lives(420, World(in_code=0.5))
    assert shop.pages() == [[REDIS], [ERRORS]]


async def test_who_silences_the_cause_is_paged_for_the_symptom(lives):
    async with lives.life() as shop:
        await shop.lives(60)
        now = shop.line.clock.at
        matchers = (LabelMatcher("alertname", "RedisFailureRate"),)
        await shop.line.muting.put(Silence("", matchers, now, now + 3_600, "ann", "it is being moved"))
        await shop.lives(120, REDIS_DOWN)
    assert shop.pages() == [[ERRORS]]
    assert shop.posted[-1]["problem"]["cause"]["alertname"] == "RedisFailureRate"


async def test_who_takes_the_cause_hears_no_repeats_of_what_it_explains(lives):
    async with lives.life() as shop:
        await shop.lives(60)
        await shop.lives(90, REDIS_DOWN)
        (cause,) = (key for key, each in shop.line.alerts.incidents.items() if each.caused_by is None)
        await shop.line.alert_service.acknowledge(cause, "ann", "mine")
        shop.line.clock.at += 14_500
        await shop.delivery.deliver()
    assert shop.pages() == [[REDIS]]
