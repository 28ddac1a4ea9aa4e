"""Random series and random queries: irregular times, gaps, stale markers, resets, NaN, infinities."""

import math
import random
import struct
from collections.abc import Callable
from dataclasses import dataclass

from lapbell_evaluator.model import METRIC_NAME, Labels, labels
from lapbell_evaluator.series import STALE_BITS

STALE = struct.pack("<Q", STALE_BITS)
END_MS_AFTER_START = 20 * 60_000

_GROUPS = ("a", "b", "c")
_BOUNDS = ("0.1", "0.5", "1", "+Inf")
_ALL_CODES = "sum without (code) (rate(requests_total[5m]))"


@dataclass(frozen=True)
class RandomSeries:
    """Labels and (milliseconds, value or raw bytes) points, oldest first."""

    labels: Labels
    points: list[tuple[int, float | bytes]]


def random_series(rng: random.Random, start_ms: int) -> list[RandomSeries]:
    """Counters, gauges and histograms with everything that happens to series."""
    series = []
    for job in _GROUPS:
        for instance in ("1", "2"):
            own = {"job": job, "instance": instance}
            series += [
                _one(rng, "requests_total", own | {"code": code}, start_ms, _counter(rng)) for code in ("200", "500")
            ]
            series.append(_one(rng, "load", own, start_ms, _gauge(rng)))
            series.append(_one(rng, "wild", own, start_ms, _wild(rng)))
            series += _histogram(rng, own, start_ms)
        series.append(_one(rng, "limit", {"job": job, "team": f"t{job}"}, start_ms, lambda: float(rng.randint(1, 5))))
    return series


def _one(
    rng: random.Random, name: str, own: dict[str, str], start_ms: int, value: Callable[[], float | bytes]
) -> RandomSeries:
    return RandomSeries(labels(own | {METRIC_NAME: name}), [(time, value()) for time in _times(rng, start_ms)])


def _times(rng: random.Random, start_ms: int) -> list[int]:
    """Around every 15 s, with jitter, gaps, and sometimes a late beginning or an early end."""
    time = start_ms + rng.randint(0, 15_000) + (rng.randint(0, 8 * 60_000) if rng.random() < 0.15 else 0)
    end = start_ms + END_MS_AFTER_START - (rng.randint(0, 10 * 60_000) if rng.random() < 0.15 else 0)
    times = []
    while time < end:
        times.append(time)
        time += 15_000 + rng.randint(-2_000, 2_000) + (rng.randint(20_000, 400_000) if rng.random() < 0.02 else 0)
    return times


def _counter(rng: random.Random) -> Callable[[], float | bytes]:
    state = [float(rng.randint(0, 100))]

    def value() -> float | bytes:
        chance = rng.random()
        if chance < 0.01:
            return STALE
        state[0] = 0.0 if chance < 0.04 else state[0] + rng.choice((0, 0, 1, 3, rng.random() * 10))
        return state[0]

    return value


def _gauge(rng: random.Random) -> Callable[[], float | bytes]:
    def value() -> float | bytes:
        return STALE if rng.random() < 0.01 else round(rng.gauss(0, 10), 2)

    return value


def _wild(rng: random.Random) -> Callable[[], float | bytes]:
    def value() -> float | bytes:
        return rng.choice((math.nan, math.inf, -math.inf, 0.0, 1e300, -1e300, 1e-300, 1.0, 2.0, 3.0, 3.0, 3.0))

    return value


def _histogram(rng: random.Random, own: dict[str, str], start_ms: int) -> list[RandomSeries]:
    times = _times(rng, start_ms)
    counts = [0] * len(_BOUNDS)
    points: list[list[tuple[int, float | bytes]]] = [[] for _ in _BOUNDS]
    for time in times:
        if rng.random() < 0.02:
            counts = [0] * len(_BOUNDS)
        for _ in range(rng.randint(0, 5)):
            first = rng.randrange(len(_BOUNDS))
            counts = [count + (at >= first) for at, count in enumerate(counts)]
        for at, count in enumerate(counts):
            points[at].append((time, float(count)))
    return [
        RandomSeries(labels(own | {METRIC_NAME: "latency_bucket", "le": le}), points[at])
        for at, le in enumerate(_BOUNDS)
    ]


class RandomQueries:
    """A grammar run backwards."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def vector(self, depth: int = 3) -> str:
        """An instant vector expression."""
        if depth <= 0:
            return self._selector()
        return self._pick(
            (3, self._selector),
            (4, self._over_time),
            (4, lambda: self._aggregate(depth)),
            (3, lambda: f"{self.vector(depth - 1)} {self._arithmetic()} {self._scalar()}"),
            (1, lambda: f"{self._scalar()} {self._arithmetic()} {self.vector(depth - 1)}"),
            (3, lambda: f"({self.vector(depth - 1)}) {self._comparison()} {self._maybe_bool()}{self._scalar()}"),
            (3, lambda: self._joined(depth)),
            (2, lambda: f"({self.vector(depth - 1)}) {self._set()} ({self.vector(depth - 1)})"),
            (2, lambda: f"{self._function()}({self.vector(depth - 1)})"),
            (1, lambda: f"clamp({self.vector(depth - 1)}, {self._scalar()}, {self._scalar()})"),
            (1, lambda: f"-({self.vector(depth - 1)})"),
            (1, lambda: f"absent({self._selector()})"),
            (1, lambda: f'label_replace({self.vector(depth - 1)}, "x", "$1", "job", "(.)")'),
            (2, lambda: self._quantile(depth)),
            (1, lambda: f"timestamp({self._selector()})"),
            (2, lambda: self._subquery(depth)),
            (1, lambda: f"vector({self._scalar()})"),
            (1, lambda: f"{self._rng.choice(('day_of_week', 'hour', 'minute'))}({self._finite()})"),
        )

    def _pick(self, *choices: tuple[int, Callable[[], str]]) -> str:
        return self._rng.choices([make for _, make in choices], [weight for weight, _ in choices])[0]()

    def _metric(self) -> str:
        return self._rng.choice(("requests_total", "load", "wild", "limit", "latency_bucket"))

    def _finite(self) -> str:
        """What is no NaN and not infinite: for those, Go's calendar says what the processor happens to say."""
        return self._rng.choice(("load", "limit * 1e5", "timestamp(load)", "requests_total * 12345"))

    def _matchers(self) -> str:
        return self._rng.choice(
            (
                "",
                "",
                "",
                '{job="a"}',
                '{job!="b"}',
                '{job=~"a|c"}',
                '{instance!~"2.*"}',
                '{job=~".*",instance="1"}',
                '{nope="x"}',
            )
        )

    def _selector(self) -> str:
        return f"{self._metric()}{self._matchers()}{self._offset()}"

    def _offset(self) -> str:
        if self._rng.random() < 0.8:
            return ""
        return self._rng.choice((" offset 1m", " offset 13s", " offset -30s", " offset 5m"))

    def _window(self) -> str:
        return self._rng.choice(("31s", "1m", "97s", "3m", "5m", "7m13s"))

    def _over_time(self) -> str:
        ranged = f"{self._metric()}{self._matchers()}[{self._window()}]{self._offset()}"
        function = self._rng.choice(
            (
                "rate", "rate", "increase", "delta", "irate", "idelta", "avg_over_time", "sum_over_time",
                "min_over_time", "max_over_time", "count_over_time", "last_over_time", "present_over_time",
                "stddev_over_time", "stdvar_over_time", "changes", "resets", "deriv", "quantile_over_time",
                "predict_linear", "absent_over_time",
            )
        )  # fmt: skip
        if function == "quantile_over_time":
            return f"quantile_over_time({self._rng.choice(('0', '0.5', '0.9', '1'))}, {ranged})"
        if function == "predict_linear":
            return f"predict_linear({ranged}, {self._rng.choice(('60', '-10', '0'))})"
        return f"{function}({ranged})"

    def _subquery(self, depth: int) -> str:
        function = self._rng.choice(
            ("max_over_time", "min_over_time", "sum_over_time", "avg_over_time", "rate", "count_over_time")
        )
        step = self._rng.choice(("17s", "30s", "1m", ""))
        return f"{function}(({self.vector(depth - 2)})[{self._rng.choice(('2m', '4m11s'))}:{step}])"

    def _grouping(self) -> str:
        return self._rng.choice(
            (
                "",
                " by (job)",
                " by (job, le)",
                " by (instance)",
                " without (instance)",
                " without (job, le)",
                " by (nope)",
            )
        )

    def _aggregate(self, depth: int) -> str:
        function = self._rng.choice(
            ("sum", "sum", "avg", "min", "max", "count", "group", "stddev", "stdvar", "quantile", "count_values")
        )
        inner = self.vector(depth - 1)
        if function == "quantile":
            return f"quantile{self._grouping()} ({self._rng.choice(('0.1', '0.5', '0.99'))}, {inner})"
        if function == "count_values":
            return f'count_values{self._grouping()} ("value", {self._selector()})'
        return f"{function}{self._grouping()} ({inner})"

    def _joined(self, depth: int) -> str:
        op = self._rng.choice((self._arithmetic(), self._arithmetic(), self._comparison()))
        return self._rng.choice(
            (
                f"sum by (job) ({self.vector(depth - 1)}) {op} on (job) sum by (job) ({self.vector(depth - 1)})",
                f"load {op} on (job) group_left (team) limit",
                f"limit {op} on (job) group_right () load",
                f"rate(requests_total[3m]) {op} ignoring (code) group_left () {_ALL_CODES}",
                f"{self._selector()} {op} ignoring (code, le) {self._selector()}",
                f"requests_total {op} requests_total offset 1m",
            )
        )

    def _quantile(self, depth: int) -> str:
        del depth
        inner = self._rng.choice(
            (
                f"rate(latency_bucket{self._matchers()}[{self._window()}])",
                f"sum by (le, job) (rate(latency_bucket[{self._window()}]))",
                "latency_bucket",
                f"sum by (le) (increase(latency_bucket{self._matchers()}[{self._window()}]))",
            )
        )
        if self._rng.random() < 0.2:
            return f"histogram_fraction(0, {self._rng.choice(('0.3', '0.5', '2'))}, {inner})"
        return f"histogram_quantile({self._rng.choice(('0.5', '0.9', '0.99', '0', '1', '1.2'))}, {inner})"

    def _scalar(self) -> str:
        return self._rng.choice(
            ("0", "1", "2", "-3", "0.5", "100", 'scalar(limit{job="a"})', "(time() % 100)", "Inf", "NaN")
        )

    def _arithmetic(self) -> str:
        return self._rng.choice(("+", "-", "*", "/", "%", "^", "+", "-", "*", "/"))

    def _comparison(self) -> str:
        return self._rng.choice(("==", "!=", "<", ">", "<=", ">="))

    def _maybe_bool(self) -> str:
        return "bool " if self._rng.random() < 0.3 else ""

    def _set(self) -> str:
        return self._rng.choice(
            ("and", "or", "unless", "and on (job)", "unless on (instance)", "or on (job)", "and ignoring (le, code)")
        )

    def _function(self) -> str:
        return self._rng.choice(("abs", "ceil", "floor", "sqrt", "exp", "ln", "sgn", "round", "deg", "cos"))
