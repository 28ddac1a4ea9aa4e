"""Fifty rules of the kinds that people write, by kind."""

_HISTOGRAM = "webhook_phase_duration_seconds"
_REQUESTS = "webhook_requests_total"


def _quantiles() -> list[str]:
    groupings = ("job", "job, http_route", "job, webhook_phase_name", "job, http_route, webhook_phase_name")
    return [
        f"histogram_quantile({quantile}, sum by (le, {by}) (rate({_HISTOGRAM}_bucket[{window}]))) > {limit}"
        for by in groupings
        for quantile, window, limit in (("0.95", "1m", "1"), ("0.95", "5m", "3"), ("0.99", "5m", "2"))
    ]


def _means() -> list[str]:
    return [
        f"{_summed(by, f'{_HISTOGRAM}_sum', window)} / {_summed(by, f'{_HISTOGRAM}_count', window)} > {limit}"
        for by in ("job", "job, http_route", "job, webhook_phase_name", "instance")
        for window, limit in (("1m", "0.4"), ("5m", "0.3"))
    ]


def _summed(by: str, metric: str, window: str) -> str:
    return f"sum by ({by}) (rate({metric}[{window}]))"


def _shares() -> list[str]:
    bad = _REQUESTS + '{code=~"5.."}'
    fast = _HISTOGRAM + '_bucket{le="0.5"}'
    failing = f"{_summed('job', bad, '1m')} / {_summed('job', _REQUESTS, '1m')} > 0.02"
    return [
        *(
            f"100 * {_summed(by, bad, window)} / {_summed(by, _REQUESTS, window)} > {limit}"
            for by in ("job", "job, http_route", "instance")
            for window, limit in (("1m", "5"), ("5m", "10"))
        ),
        f"1 - {_summed('job', fast, '5m')} / {_summed('job', f'{_HISTOGRAM}_count', '5m')} > 0.3",
        f"({failing}) and (sum by (job) (increase({_REQUESTS}[1m])) >= 10)",
    ]


def _gauges() -> list[str]:
    return [
        "max by (job, queue) (queue_messages) > 500",
        "max by (job, queue) (queue_messages) > 800",
        "queue_messages / on (instance, queue) queue_limit > 0.8",
        "worker_busy / worker_all > 0.9",
        "sum by (job) (worker_busy) / sum by (job) (worker_all) > 0.8",
        "avg_over_time(cpu_utilization[2m]) > 0.8",
        "avg_over_time(memory_utilization[2m]) > 0.8",
        "avg_over_time(disk_utilization[2m]) > 0.8",
        "max_over_time(queue_messages[5m]) > 600",
        "min_over_time(worker_busy[1m]) > 7",
        "stddev_over_time(queue_messages[5m]) > 80",
        "quantile_over_time(0.9, cpu_utilization[5m]) > 0.9",
        "predict_linear(queue_messages[5m], 600) > 1000",
        "deriv(memory_utilization[5m]) > 0.01",
    ]


def _others() -> list[str]:
    return [
        "topk(5, sum by (instance) (rate(webhook_requests_total[1m])))",
        'absent(webhook_requests_total{job="service-9"})',
        "count by (job) (cpu_utilization > 0.7) > 2",
        'changes(worker_all{queue="high"}[5m]) > 50',
        f"sum by (job) (increase({_HISTOGRAM}_count[5m])) < 100",
        f"{_summed('job', _REQUESTS, '5m')} > 1.5 * sum by (job) (rate({_REQUESTS}[5m] offset 1m))",
        "avg by (job) (queue_messages) > on (job) 2 * avg by (job) (queue_limit)",
        'sum without (code) (rate(webhook_requests_total{code!="200"}[5m])) > 5',
    ]


RULES: dict[str, list[str]] = {
    "quantile": _quantiles(),
    "mean": _means(),
    "share": _shares(),
    "gauge": _gauges(),
    "other": _others(),
}
