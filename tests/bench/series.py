"""What a series costs in memory, what a sample costs to append, and what it costs where there is no room.

Run: `python tests/bench/series.py`. Each line is a process of its own, so that what one leaves behind is not counted.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from lapbell_evaluator.model import METRIC_NAME, Batch, Labels, labels
from lapbell_evaluator.series import Limits, SeriesStore

OF_PROCESS = 24 * 20 * 6  # buckets, routes, phases
PROCESSES = 12
NAMES = 10_000
HOLD_S = 1_200
FIRST_MS = 1_000_000_000
EVERY_S = (5, 60)


def main() -> None:
    if len(sys.argv) > 1:
        MEASUREMENTS[sys.argv[1]](int(sys.argv[2]))
        return
    for name, argument in (*(("processes", every) for every in EVERY_S), *(("names", every) for every in EVERY_S)):
        subprocess.run([sys.executable, __file__, name, str(argument)], check=True)
    subprocess.run([sys.executable, __file__, "crowded", str(NAMES)], check=True)


def bucket(number: int) -> Labels:
    of_process = number % OF_PROCESS
    return labels(
        {
            METRIC_NAME: "webhook_phase_duration_seconds_bucket",
            "job": "shop",
            "instance": f"process{number // OF_PROCESS}",
            "http_route": f"/{of_process // 144}",
            "webhook_phase_name": f"phase{of_process % 144 // 24}",
            "le": str(number % 24),
        }
    )


def processes(every_s: int) -> None:
    measure(f"{PROCESSES} processes, one metric", [bucket(number) for number in range(PROCESSES * OF_PROCESS)], every_s)


def names(every_s: int) -> None:
    measure(
        f"{NAMES:,} names", [labels({METRIC_NAME: f"name{number}", "job": "shop"}) for number in range(NAMES)], every_s
    )


def measure(title: str, series: list[Labels], every_s: int) -> None:
    store = SeriesStore(Limits(series=len(series), series_per_metric=len(series)))
    before = resident_bytes()
    refs = np.array([store.intern(own) for own in series])
    batches = [refs[begin : begin + OF_PROCESS] for begin in range(0, len(refs), OF_PROCESS)]
    samples, began = 0, time.process_time()
    for at_ms in range(FIRST_MS, FIRST_MS + HOLD_S * 1_000, every_s * 1_000):
        for of_batch in batches:
            store.append(Batch(of_batch, np.full(len(of_batch), at_ms), np.full(len(of_batch), float(at_ms))))
            samples += len(of_batch)
    took = time.process_time() - began
    each = (resident_bytes() - before) / len(series)
    print(
        f"{title}, every {every_s} s: {each:,.0f} B per series, {took / samples * 1e9:,.0f} ns per sample", flush=True
    )


def crowded(count: int) -> None:
    """A full store: what a refused series costs, and what one costs for which another job gives one up."""
    store = SeriesStore(Limits(series=count))
    for number in range(count):
        store.intern(labels({METRIC_NAME: f"name{number}", "job": "noisy"}))
    refused = [labels({METRIC_NAME: f"more{number}", "job": "noisy"}) for number in range(count)]
    small = [labels({METRIC_NAME: f"name{number}", "job": "small"}) for number in range(count // 4)]
    for title, series in (("refused", refused), ("in the place of another job's", small)):
        began = time.process_time()
        for own in series:
            store.intern(own)
        took = time.process_time() - began
        print(f"a full store of {count:,} names: {took / len(series) * 1e6:.1f} us per series {title}")


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


MEASUREMENTS: dict[str, Callable[[int], None]] = {"processes": processes, "names": names, "crowded": crowded}

if __name__ == "__main__":
    main()
