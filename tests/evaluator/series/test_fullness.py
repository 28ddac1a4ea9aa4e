import numpy as np

from evaluator_kit import evaluator
from lapbell_evaluator.model import METRIC_NAME, labels
from lapbell_evaluator.series import Limits, SeriesStore


def test_fullness_names_the_metric_that_has_the_most_series():
    store = SeriesStore(Limits(series=5, series_per_metric=3, reserved=1))
    store.reserve({"few"})
    before = store.fullness()
    refs = [
        store.intern(labels({METRIC_NAME: metric, "of": str(of)}))
        for metric, count in (("few", 1), ("many", 9))
        for of in range(count)
    ]
    after = store.fullness()
    assert {
        "before": [(reading.name, reading.value) for reading in before.readings()],
        "after": [(reading.name, reading.value, reading.attributes) for reading in after.readings()],
        "refused": int(np.count_nonzero(np.array(refs) == 0)),
    } == {
        "before": [
            ("lapbell.series.held", 0),
            ("lapbell.series.limit", 5),
            ("lapbell.series.of_fullest_metric", 0),
            ("lapbell.series.limit_per_metric", 3),
            ("lapbell.series.unread", 0),
            ("lapbell.series.limit_unread", 4),
        ],
        "after": [
            ("lapbell.series.held", 4, ()),
            ("lapbell.series.limit", 5, ()),
            ("lapbell.series.of_fullest_metric", 3, labels({"lapbell.series.metric": "many"})),
            ("lapbell.series.limit_per_metric", 3, ()),
            ("lapbell.series.unread", 3, ()),
            ("lapbell.series.limit_unread", 4, ()),
        ],
        "refused": 6,
    }


async def test_a_running_evaluator_tells_how_full_it_is(tmp_path):
    async with evaluator(tmp_path, series={"limit": 5000, "limit_per_metric": 400}) as (client, _):
        lines = (await client.get("/metrics")).text.splitlines()
    assert {"lapbell_series_limit 5000.0", "lapbell_series_limit_per_metric 400.0"} <= set(lines)
