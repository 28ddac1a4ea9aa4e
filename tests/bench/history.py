"""What history costs: bytes per sample, reading, laying out, starting. Run: `python tests/bench/history.py`."""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from lapbell_evaluator.history import History, HistorySettings, info  # noqa: E402
from lapbell_evaluator.history.columns import Columns  # noqa: E402
from lapbell_evaluator.model import Batch, labels  # noqa: E402
from lapbell_evaluator.receiver.limits import Limits  # noqa: E402
from lapbell_evaluator.receiver.protobuf import decode_metrics  # noqa: E402
from lapbell_evaluator.receiver.translator import Translator  # noqa: E402
from lapbell_evaluator.series import Limits as StoreLimits  # noqa: E402
from lapbell_evaluator.series import Matcher, MatchOp, SeriesStore  # noqa: E402
from otlp_kit.load import Service  # noqa: E402

NOON = 1_800_000_000.0
DAY_S, HOUR_S, STEP_S = 86_400, 3_600, 5
PEER_SERIES = 100_000


class HandClock:
    """Time as the benchmark moves it."""

    time = NOON

    def now(self) -> float:
        return self.time


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        realistic_mix(Path(folder) / "mix.db")
        one_day(Path(folder) / "day.db")
        many_series(Path(folder) / "many.db")


def realistic_mix(path: Path) -> None:
    """Two hours of a webhook service, every five seconds, with the jitter that real exports have."""
    clock = HandClock()
    history = History(SeriesStore(), path, clock)
    translator = Translator(history, Limits())
    service = Service("one", NOON - HOUR_S)
    jitter = np.random.default_rng(1)
    began = NOON - NOON % (2 * HOUR_S) + 2 * HOUR_S
    cuts = 0.0
    for k in range(2 * HOUR_S // STEP_S):
        clock.time = began + STEP_S * k + float(jitter.normal(0, 0.004))
        translated = translator.translate(decode_metrics(service.export(clock.time).SerializeToString()), clock.time)
        history.append(translated.zeros)
        history.append(translated.batch)
        if k % 60 == 59:
            cuts += timed(history.go_round)
    clock.time += HOUR_S
    compaction = timed(history.go_round)
    history.close()
    found = info(path)
    print(f"realistic mix: {found.series:,} series, {found.samples:,} samples in {found.chunks:,} chunks")
    packed, used = found.chunk_bytes / found.samples, found.used_bytes / found.samples
    print(f"  {packed:.2f} bytes per sample packed, {used:.2f} used in the file")
    print(f"  24 cuts {cuts:.2f} s together, chunks of two hours {compaction:.2f} s\n")


def one_day(path: Path) -> None:
    """A day of 100 series."""
    clock = HandClock()
    history = History(SeriesStore(), path, clock, HistorySettings(late_s=2 * DAY_S))
    names = [labels({"__name__": "m", "n": str(n)}) for n in range(100)]
    refs = np.array([history.intern(of) for of in names])
    count = DAY_S // STEP_S
    times = (np.arange(count) * STEP_S * 1000 + int(NOON * 1000)).astype(np.int64)
    dice = np.random.default_rng(2)
    values = np.cumsum(dice.poisson(3, (count, 100)), axis=0).astype(np.float64)
    for begin in range(0, count, 2_000):
        end = min(begin + 2_000, count)
        history._writer.put(columns=_columns(history, refs, times[begin:end], values[begin:end]))
    history.go_round()
    clock.time = NOON + 5 * DAY_S
    history.go_round()
    start = int(NOON * 1000)
    one = (Matcher("__name__", MatchOp.EQUAL, "m"), Matcher("n", MatchOp.EQUAL, "7"))
    everything = one[:1]
    print("a day of 100 series, one sample every 5 s:")
    print(f"  one series over the day  {best(history, one, start, start + DAY_S * 1000):7.2f} ms")
    print(f"  100 series over an hour  {best(history, everything, start, start + HOUR_S * 1000):7.2f} ms")
    print(f"  100 series over the day  {best(history, everything, start, start + DAY_S * 1000):7.2f} ms\n")
    history.close()


def _columns(history: History, refs: np.ndarray, times: np.ndarray, values: np.ndarray) -> Columns:
    numbers = history._numbered.of(refs)
    return Columns(np.tile(numbers, len(times)), np.repeat(times, len(refs)), values.reshape(-1))


def many_series(path: Path) -> None:
    """100,000 series: commits, a cut, and the start after it."""
    clock = HandClock()
    limits = StoreLimits(series=200_000, series_per_metric=200_000)
    history = History(SeriesStore(limits), path, clock)
    names = [labels({"__name__": f"m{n % 50}", "n": str(n)}) for n in range(PEER_SERIES)]
    refs = np.array([history.intern(of) for of in names])
    dice = np.random.default_rng(3)
    values = np.zeros(PEER_SERIES)
    exports = 15 * 60 // 15
    for _ in range(exports):
        clock.time += 15
        values += dice.poisson(3, PEER_SERIES)
        history.append(Batch(refs, np.full(PEER_SERIES, int(clock.time * 1000)), values.copy()))
    rows = PEER_SERIES * exports
    print(f"{PEER_SERIES:,} series, {rows:,} samples of 15 minutes:")
    print(f"  cut into pages           {timed(history.go_round):7.2f} s")
    history.close()
    began = time.perf_counter()
    again = History(SeriesStore(limits), path, clock)
    print(f"  start until warm         {time.perf_counter() - began:7.2f} s")
    clock.time += 3 * HOUR_S
    print(f"  chunks                   {timed(again.go_round):7.2f} s")
    again.close()
    found = info(path)
    print(f"  {found.chunk_bytes / found.samples:.2f} bytes per sample in chunks of only {exports} samples")


def best(history: History, matchers: tuple[Matcher, ...], start_ms: int, end_ms: int) -> float:
    """Milliseconds of the fastest of seven."""

    def read() -> None:
        with history.select(matchers, start_ms, end_ms) as selection:
            if not selection.table.size:
                raise LookupError("nothing was found")

    return 1000 * min(timed(read) for _ in range(7))


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
