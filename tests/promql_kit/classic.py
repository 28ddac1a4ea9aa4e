"""Classic bucket series turned into native histograms with custom buckets (`load_with_nhcb`).

Source: Prometheus, util/convertnhcb.
"""

import math

import numpy as np

from lapbell_evaluator.model import CUSTOM_SCHEMA, METRIC_NAME, Histogram, Labels, labels
from promql_kit.series_text import Point

_SUFFIXES = ("_bucket", "_count", "_sum")


def custom_bucket_series(series: list[tuple[Labels, list[Point]]]) -> list[tuple[Labels, list[Point]]]:
    """One series of histograms for each set of bucket series."""
    parts: dict[Labels, dict[int, dict[object, float]]] = {}
    for own, points in series:
        pairs = dict(own)
        suffix = next((one for one in _SUFFIXES if pairs.get(METRIC_NAME, "").endswith(one)), None)
        if suffix is None:
            continue
        key: object = suffix
        if suffix == "_bucket":
            try:
                key = float(pairs.pop("le", "nan"))
            except ValueError:
                continue
            if math.isnan(key):
                continue
        pairs[METRIC_NAME] = pairs[METRIC_NAME].removesuffix(suffix)
        times = parts.setdefault(labels(pairs), {})
        for at, point in enumerate(points):
            if isinstance(point.value, float):
                times.setdefault(at, {})[key] = point.value
    return [
        (own, [Point(_histogram(times[at])) if at in times else Point() for at in range(max(times) + 1)])
        for own, times in parts.items()
        if times
    ]


def _histogram(parts: dict[object, float]) -> Histogram:
    bounds = sorted(key for key in parts if isinstance(key, float))
    cumulative = [parts[bound] for bound in bounds]
    count = parts.get("_count", cumulative[-1] if cumulative else 0.0)
    finite = [bound for bound in bounds if not math.isinf(bound)]
    buckets = np.diff(np.array([0.0, *cumulative[: len(finite)], count]))
    return Histogram(CUSTOM_SCHEMA, count, parts.get("_sum", 0.0), positive=buckets, bounds=tuple(finite))
