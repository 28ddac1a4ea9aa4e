"""A fleet of services as arrays: the same samples for our store and for Prometheus."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lapbell_evaluator.model import METRIC_NAME, Batch, Labels, labels
from lapbell_evaluator.series import SeriesStore
from promql_kit.remote_write import RemoteWriter, encoded_labels, encoded_sample

JOBS, ROUTES, PHASES = 4, 5, 6
BOUNDS = ("0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2", "3", "5", "+Inf")
_SERIES_PER_REQUEST = 500


@dataclass(frozen=True)
class Fleet:
    """What all instances of all services export.

    Attributes:
        series: labels of every series.
        offsets_ms: int64[series], when in the interval its instance exports.
        values: float64[moment, series].
        start_ms: of the first moment.
        interval_ms: between moments.
    """

    series: list[Labels]
    offsets_ms: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]
    start_ms: int
    interval_ms: int

    @property
    def samples(self) -> int:
        """Number of samples."""
        return self.values.size

    def times_ms(self, moment: int) -> npt.NDArray[np.int64]:
        """int64[series]: when the samples of a moment were taken."""
        return self.start_ms + moment * self.interval_ms + self.offsets_ms

    def batches(self, store: SeriesStore) -> Iterator[list[Batch]]:
        """For each moment, one batch for each instance, as exporters send them."""
        refs = np.array([store.intern(own) for own in self.series], np.int64)
        exporters = [np.flatnonzero(self.offsets_ms == offset) for offset in np.unique(self.offsets_ms)]
        for moment in range(len(self.values)):
            times = self.times_ms(moment)
            yield [Batch(refs[own], times[own], self.values[moment, own]) for own in exporters]

    def whole_batches(self, store: SeriesStore) -> Iterator[Batch]:
        """For each moment, one batch of everything, as a collector sends them."""
        refs = np.array([store.intern(own) for own in self.series], np.int64)
        order = np.argsort(self.offsets_ms, kind="stable")
        for moment in range(len(self.values)):
            yield Batch(refs[order], self.times_ms(moment)[order], self.values[moment, order])

    def write_to(self, writer: RemoteWriter) -> None:
        """Send everything by remote write."""
        encoded = self._encoded()
        for begin in range(0, len(self.series), _SERIES_PER_REQUEST):
            body = bytearray()
            for at in range(begin, min(begin + _SERIES_PER_REQUEST, len(self.series))):
                payload = encoded_labels(self.series[at]) + encoded[at].tobytes()
                body += b"\x0a" + _varint(len(payload)) + payload
            writer.send(bytes(body))

    def _encoded(self) -> npt.NDArray[np.uint8]:
        """uint8[series, moment, byte]: samples in protobuf; all have one length, because all times have."""
        moments, size = self.values.shape
        encoded = np.empty((size, moments, len(encoded_sample((self.start_ms, 0.0)))), np.uint8)
        for offset in np.unique(self.offsets_ms).tolist():
            own = self.offsets_ms == offset
            for moment in range(moments):
                time = self.start_ms + moment * self.interval_ms + offset
                encoded[own, moment] = np.frombuffer(encoded_sample((time, 0.0)), np.uint8)
        encoded[:, :, 3:11] = np.ascontiguousarray(self.values.T).view(np.uint8).reshape(size, moments, 8)
        return encoded


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def fleet(instances: int, moments: int, end_ms: int, *, interval_ms: int = 5_000, seed: int = 7) -> Fleet:
    """`instances` of each service; about 2,000 series each 5 instances."""
    rng = np.random.default_rng(seed)
    series: list[Labels] = []
    offsets: list[int] = []
    columns: list[npt.NDArray[np.float64]] = []
    for job in range(JOBS):
        for instance in range(instances):
            own = {"job": f"service-{job}", "instance": f"host-{job}-{instance}:8000"}
            rows = [
                *_histograms(rng, own, job, moments),
                *_requests(rng, own, job, moments),
                *_gauges(rng, own, moments),
            ]
            offset = (job * instances + instance) * interval_ms // (JOBS * instances)
            for labels_of, values in rows:
                series.append(labels(labels_of))
                columns.append(values)
                offsets.append(offset)
    start_ms = end_ms - moments * interval_ms
    return Fleet(series, np.array(offsets, np.int64), np.stack(columns, axis=1), start_ms, interval_ms)


_Row = tuple[dict[str, str], npt.NDArray[np.float64]]


def _histograms(rng: np.random.Generator, own: dict[str, str], job: int, moments: int) -> list[_Row]:
    rows: list[_Row] = []
    for route in range(ROUTES):
        for phase in range(PHASES):
            base = own | {"http_route": f"/webhook/{route}", "webhook_phase_name": f"phase-{phase}"}
            weights = rng.dirichlet(np.ones(len(BOUNDS)) * (0.3 + 0.2 * (job + route) % 1.0))
            counts = np.cumsum(rng.poisson(20 * weights, (moments, len(BOUNDS))), axis=0)
            buckets = np.cumsum(counts, axis=1).astype(np.float64)
            name = "webhook_phase_duration_seconds"
            for at, bound in enumerate(BOUNDS):
                rows.append((base | {METRIC_NAME: f"{name}_bucket", "le": bound}, buckets[:, at]))
            rows.append((base | {METRIC_NAME: f"{name}_count"}, buckets[:, -1]))
            rows.append((base | {METRIC_NAME: f"{name}_sum"}, buckets[:, -1] * (0.05 + 0.1 * phase)))
    return rows


def _requests(rng: np.random.Generator, own: dict[str, str], job: int, moments: int) -> list[_Row]:
    rows: list[_Row] = []
    for route in range(ROUTES):
        for code, rate in (("200", 30.0), ("401", 1.0), ("429", 0.2), ("500", 0.5 + job)):
            values = np.cumsum(rng.poisson(rate, moments)).astype(np.float64)
            base = {METRIC_NAME: "webhook_requests_total", "http_route": f"/webhook/{route}", "code": code}
            rows.append((own | base, values))
    return rows


def _gauges(rng: np.random.Generator, own: dict[str, str], moments: int) -> list[_Row]:
    rows: list[_Row] = []
    for name, mean in (("queue_messages", 300.0), ("queue_limit", 1_000.0), ("worker_busy", 6.0), ("worker_all", 8.0)):
        for queue in ("high", "normal", "low"):
            values = np.abs(rng.normal(mean, mean / 5, moments)).round(2)
            rows.append((own | {METRIC_NAME: name, "queue": queue}, values))
    utilised = ("cpu_utilization", "memory_utilization", "disk_utilization")
    for name in utilised:
        values = rng.beta(5, 3, moments)
        rows.append((own | {METRIC_NAME: name}, values))
    return rows
