"""Which phase is to blame."""

import re
from dataclasses import dataclass, field

import pytest

from lapbell_evaluator.evidence import phase_blame
from lapbell_evaluator.model import PhaseShare, QueryResult, Sample, labels

FAST = {"signature_validation": 0.02, "redis_operation": 0.01, "other": 0.01}
EVEN = {"signature_validation": 0.75, "other": 0.25}
SLOW = {"signature_validation": 1.02, "redis_operation": 0.01, "other": 0.26}


@dataclass
class Requests:
    """Answers the two questions that blame asks, by adding up requests one by one."""

    of_second: dict[int, dict[str, float]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def query(self, expr, time):
        self.asked.append(expr)
        window_s = int(re.search(r"\[(\d+)s\]", expr).group(1))
        inside = [phases for at, phases in self.of_second.items() if time - window_s < at <= time]
        if not inside:
            return QueryResult(())
        if "webhook_request_duration_seconds_count" in expr:
            return QueryResult((Sample((), time, float(len(inside))),))
        names = {name for phases in inside for name in phases}
        sums = {name: sum(phases.get(name, 0.0) for phases in inside) for name in names}
        return QueryResult(
            tuple(Sample(labels({"webhook_phase_name": name}), time, total) for name, total in sums.items())
        )


def rounded(shares):
    return [PhaseShare(share.phase, round(share.share, 6), round(share.excess_s, 6)) for share in shares]


async def test_the_phase_that_takes_longer_than_it_did_is_to_blame():
    requests = Requests({second: FAST if second <= 1_000 else SLOW for second in range(1, 1_061)})
    assert rounded(await phase_blame(requests, "app", "/w", 1_060, 1_060)) == [
        PhaseShare("signature_validation", 0.8, 1.0),
        PhaseShare("other", 0.2, 0.25),
    ]


async def test_without_a_baseline_all_of_the_time_is_excess():
    requests = Requests(dict.fromkeys(range(1_001, 1_061), EVEN))
    assert rounded(await phase_blame(requests, "app", "/w", 1_060, 1_060)) == [
        PhaseShare("signature_validation", 0.75, 0.75),
        PhaseShare("other", 0.25, 0.25),
    ]


@pytest.mark.parametrize("of_second", [{}, dict.fromkeys(range(1, 1_061), FAST)])
async def test_nobody_is_to_blame_where_nothing_takes_longer(of_second):
    assert rounded(await phase_blame(Requests(of_second), "app", "/w", 1_060, 1_060)) == []


async def test_names_of_services_and_routes_are_quoted():
    requests = Requests()
    await phase_blame(requests, 'a"b', "/\\w\n", 1_060, 1_060)
    assert '{job="a\\"b",http_route="/\\\\w\\n"}' in requests.asked[0]
