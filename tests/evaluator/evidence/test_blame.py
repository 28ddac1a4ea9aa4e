"""Which phase is to blame, asked of a real store by a real engine."""

import pytest

from blame_kit import Request, Service
from lapbell_evaluator.evidence import RecentTraces, phase_blame
from lapbell_evaluator.model import PhaseShare
from lapbell_evaluator.promql import Engine
from lapbell_evaluator.series import SeriesStore

FAST = (("signature_validation", 0.02), ("redis_operation", 0.01), ("other", 0.01))
SLOW = (("signature_validation", 1.02), ("redis_operation", 0.01), ("other", 0.26))
VERY_SLOW = (("signature_validation", 3.02), ("redis_operation", 0.01), ("other", 0.01))
BREACHED_AT = 1_060


@pytest.fixture
def service():
    return Service(SeriesStore(), RecentTraces())


@pytest.fixture
def engine(service):
    engine = Engine(service.store)
    yield engine
    engine.close()


def second_by_second(service, phases_of, *, until=BREACHED_AT, since=1, **own):
    """A request each second, scraped every ten."""
    for second in range(since, until + 1):
        if phases := phases_of(second):
            service.answer(Request(second, phases, **own), with_spans=False)
        if second % 10 == 0:
            service.scrape(second)


def rounded(shares):
    return [PhaseShare(share.phase, round(share.share, 2), round(share.excess_s, 2)) for share in shares]


async def test_the_phase_that_takes_longer_than_it_did_is_to_blame(service, engine):
    second_by_second(service, lambda second: FAST if second <= 1_000 else SLOW)
    assert rounded(await phase_blame(engine, service.job, "/w", BREACHED_AT, BREACHED_AT)) == [
        PhaseShare("signature_validation", 0.8, 1.0),
        PhaseShare("other", 0.2, 0.25),
    ]


async def test_without_a_baseline_all_of_the_time_is_excess(service, engine):
    service.scrape(990)
    second_by_second(service, lambda _: (("signature_validation", 0.75), ("other", 0.25)), since=1_001)
    assert [
        (share.phase, round(share.share, 2)) for share in await phase_blame(engine, service.job, "/w", 1_060, 1_060)
    ] == [
        ("signature_validation", 0.75),
        ("other", 0.25),
    ]


async def test_those_that_miss_the_requirement_are_looked_at_alone_where_there_are_three(service, engine):
    """A phase that became slower for everybody is not why one in ten takes three seconds."""
    shifted = (("signature_validation", 0.02), ("redis_operation", 0.51), ("other", 0.01))
    second_by_second(service, lambda second: FAST if second <= 1_000 else VERY_SLOW if second % 10 == 0 else shifted)
    blame = await phase_blame(engine, service.job, "/w", BREACHED_AT, BREACHED_AT)
    assert rounded(blame) == [PhaseShare("signature_validation", 1.0, 3.0)]


@pytest.mark.parametrize("phases_of", [lambda _: (), lambda _: FAST])
async def test_nobody_is_to_blame_where_nothing_takes_longer(phases_of, service, engine):
    second_by_second(service, phases_of)
    assert await phase_blame(engine, service.job, "/w", BREACHED_AT, BREACHED_AT) == ()


async def test_names_of_services_and_routes_are_quoted(engine, service):
    service.job = 'a"b'
    second_by_second(service, lambda second: FAST if second <= 1_000 else SLOW, route="/\\w\n")
    second_by_second(service, lambda second: FAST, since=1_061, until=1_062)
    assert (await phase_blame(engine, 'a"b', "/\\w\n", 1_060, 1_060))[0].phase == "signature_validation"
