"""Twenty thousand samples a second for two minutes, hostile clients beside: nothing grows, nothing honest is lost."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from budget import scaled
from journey import Evaluator, evaluator
from soak_kit import Fleet, hostile, processor_s, resident_bytes

RUN_S = scaled(120, least=60)  # memory is what it stays at after half of that
pytestmark = [pytest.mark.slow, pytest.mark.timeout(RUN_S + 300)]

SERVICES, SERIES = 10, 4_000
GROWTH = 1.02
LOOK_EVERY_S = 0.5
SETTINGS = {"LAPBELL_SERIES__RETENTION": "30"}


@dataclass(frozen=True, slots=True)
class Soaked:
    """What came of it.

    Attributes:
        refusals: exports of honest services that were not taken whole.
        grew: whether more memory was held in the last ninth of the run than in the fourth one, by more than 2 %.
        alerted: services whose full queue made an alert.
    """

    refusals: list[str]
    grew: bool
    alerted: list[str]


def test_a_soak_beside_hostile_clients_grows_nothing_and_loses_nothing_honest():
    fleet = Fleet.of(SERVICES, SERIES)
    with evaluator(SETTINGS) as judge:
        pid = judge.process.popen.pid
        exporting = fleet.exporting(judge.ports.http, lambda: processor_s(pid))
        with exporting, hostile(f"http://127.0.0.1:{judge.ports.rest}", judge.otlp_http):
            early, late = watched(judge, lambda: resident_bytes(pid), fleet)
            alerted = judge.wait_until("alerts", lambda answer: full_queues(answer) == ["honest-0"], within_s=60.0)
    report(fleet, early, late)
    assert Soaked(fleet.refusals(), late > early * GROWTH, full_queues(alerted)) == Soaked([], False, ["honest-0"])


def watched(judge: Evaluator, measure: Callable[[], int], fleet: Fleet) -> tuple[int, int]:
    """The most that was held in the fourth ninth of the run and in the last one; at two thirds a queue fills up."""
    began, peaks = time.monotonic(), [0] * 9
    while (passed := time.monotonic() - began) < RUN_S:
        ninth = int(9 * passed / RUN_S)
        peaks[ninth] = max(peaks[ninth], measure())
        if ninth == 6:
            fleet.services[0].waiting = 900
        judge.process.run_for(LOOK_EVERY_S)
    return peaks[3], peaks[8]


def full_queues(answer: Any) -> list[str]:
    """Services whose queue is said to be too deep."""
    names = (alert["labels"] for alert in answer["alerts"] if alert["alertname"] == "TaskQueueDepth")
    return [labels["messaging_destination_name"].removeprefix("orders-") for labels in names]


def report(fleet: Fleet, early: int, late: int) -> None:
    later, meanwhile = fleet.later(), fleet.meanwhile_seconds()
    took_ms, spent_ms = (1_000 * p99(each) for each in ([e.seconds for e in later], [e.spent_s for e in later]))
    print(
        f"\n{fleet.samples / RUN_S:,.0f} samples/s over {RUN_S} s, p99 of {len(later)} exports {took_ms:.0f} ms,",
        end=" ",
    )
    print(f"of which the evaluator worked {spent_ms:.0f} ms,", end=" ")
    print(f"{fleet.first_seconds()[-1]:.1f} s for the first of {SERVICES} at once,", end=" ")
    print(f"{len(meanwhile)} that came meanwhile took up to {max(meanwhile, default=0.0):.1f} s,", end=" ")
    print(f"{early / 2**20:.0f} MiB at a third, {late / 2**20:.0f} MiB at the end ({late / early - 1:+.1%})")


def p99(figures: list[float]) -> float:
    """The figure that 99 % do not exceed."""
    return sorted(figures)[math.ceil(0.99 * len(figures)) - 1]
