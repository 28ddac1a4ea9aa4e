# ruff: noqa: E501 -- rules as people write them
"""A rule file of many rules that differ: what a mixin generates for each service of a company."""

from collections.abc import Iterator
from itertools import count, islice
from typing import Final

__all__ = ["many_rules"]

_GROUP: Final = """\
- name: {service}.rules
  interval: 30s
  rules:
"""

_RULES: Final = (
    """\
  - record: {metric}:http_requests:rate5m
    expr: sum by (namespace, job, code) (rate({metric}_http_requests_total{{job="{service}", code!=""}}[5m]))
    labels:
      team: {team}
""",
    """\
  - record: {metric}:http_request_duration_seconds:p99
    expr: |
      histogram_quantile(0.99,
        sum by (le, namespace, job) (rate({metric}_http_request_duration_seconds_bucket{{job="{service}"}}[5m]))
      )
    labels:
      quantile: "0.99"
""",
    """\
  - alert: {name}HighErrorRate
    expr: |
      100 * sum by (namespace, job) (rate({metric}_http_requests_total{{job="{service}", code=~"5.."}}[5m]))
        /
      sum by (namespace, job) (rate({metric}_http_requests_total{{job="{service}"}}[5m]))
        > {percent}
    for: 15m
    labels:
      severity: critical
      team: {team}
    annotations:
      summary: "{service} answers with errors."
      description: '{{{{ printf "%.2f" $value }}}}% of the requests of {{{{ $labels.namespace }}}}/{{{{ $labels.job }}}} fail.'
      runbook_url: https://runbooks.example.com/{team}/{service}#errors
""",
    """\
  - alert: {name}Slow
    expr: '{metric}:http_request_duration_seconds:p99{{job="{service}"}} > {seconds}'
    for: 10m
    labels:
      severity: warning
      team: {team}
    annotations:
      summary: "{service} is slow."
      description: "The 99th percentile of {{{{ $labels.job }}}} is {{{{ $value | humanizeDuration }}}}."
""",
    """\
  - alert: {name}PodCrashLooping
    expr: |
      max_over_time(kube_pod_container_status_waiting_reason{{reason="CrashLoopBackOff", namespace=~"{team}-.+", container="{service}"}}[5m]) >= 1
    for: 15m
    labels:
      severity: warning
      team: {team}
    annotations:
      summary: Pod is crash looping.
      description: 'Pod {{{{ $labels.namespace }}}}/{{{{ $labels.pod }}}} ({{{{ $labels.container }}}}) is in waiting state (reason: "CrashLoopBackOff").'
""",
    """\
  - alert: {name}ReplicasMismatch
    expr: |
      (
        kube_deployment_spec_replicas{{job="kube-state-metrics", deployment="{service}"}}
          >
        kube_deployment_status_replicas_available{{job="kube-state-metrics", deployment="{service}"}}
      ) and (
        changes(kube_deployment_status_replicas_updated{{job="kube-state-metrics", deployment="{service}"}}[10m]) == 0
      )
    for: 15m
    labels:
      severity: warning
      team: {team}
    annotations:
      summary: Deployment has not matched the expected number of replicas.
      description: "Deployment {{{{ $labels.namespace }}}}/{{{{ $labels.deployment }}}} has lacked replicas for 15 minutes."
""",
    """\
  - alert: {name}ErrorBudgetBurn
    expr: |
      (
        sum(rate({metric}_http_requests_total{{code=~"5..", job="{service}"}}[1h])) / sum(rate({metric}_http_requests_total{{job="{service}"}}[1h])) > (14.4 * {budget})
        and
        sum(rate({metric}_http_requests_total{{code=~"5..", job="{service}"}}[5m])) / sum(rate({metric}_http_requests_total{{job="{service}"}}[5m])) > (14.4 * {budget})
      )
    for: 2m
    labels:
      severity: critical
      long: 1h
      short: 5m
    annotations:
      summary: "{service} burns too much of its error budget."
""",
    """\
  - alert: {name}CPUThrottling
    expr: |
      sum(increase(container_cpu_cfs_throttled_periods_total{{container="{service}"}}[5m])) without (id, metrics_path, name, image, endpoint, job, node)
        / on (cluster, namespace, pod, container, instance) group_left
      sum(increase(container_cpu_cfs_periods_total{{container="{service}"}}[5m])) without (id, metrics_path, name, image, endpoint, job, node)
        > ( 25 / 100 )
    for: 15m
    labels:
      severity: info
    annotations:
      summary: Processes experience elevated CPU throttling.
      description: "{{{{ $value | humanizePercentage }}}} throttling of CPU in namespace {{{{ $labels.namespace }}}} for container {{{{ $labels.container }}}} in pod {{{{ $labels.pod }}}}."
""",
    """\
  - alert: {name}Down
    expr: absent(up{{job="{service}"}} == 1)
    for: 5m
    labels:
      severity: critical
      team: {team}
    annotations:
      summary: "{service} has disappeared."
""",
    """\
  - alert: {name}QueueGrows
    expr: predict_linear({metric}_queue_length{{job="{service}"}}[30m], 4 * 3600) > {length} and deriv({metric}_queue_length{{job="{service}"}}[30m]) > 0
    for: 10m
    labels:
      severity: warning
      team: {team}
    annotations:
      summary: "The queue of {service} will be full in four hours."
      description: "{{{{ range query `topk(3, {metric}_queue_length)` }}}}{{{{ .Labels.instance }}}}: {{{{ .Value | humanize }}}}; {{{{ end }}}}"
""",
)  # fmt: skip


def many_rules(rules: int) -> str:
    """YAML of so many rules, ten in a group; no two of them are the same."""
    lines = "".join(islice(_texts(), rules + -(-rules // len(_RULES))))
    return f"groups:\n{lines}"


def _texts() -> Iterator[str]:
    for number in count():
        own = {
            "service": f"service-{number}",
            "metric": f"service_{number}",
            "name": f"Service{number}",
            "team": f"team-{number % 40}",
            "percent": 1 + number % 97 / 10,
            "seconds": 0.5 + number % 83 / 20,
            "budget": f"{0.0005 + number % 61 / 10_000:.4f}",
            "length": 1_000 + 10 * number,
        }
        yield _GROUP.format(**own)
        for rule in _RULES:
            yield rule.format(**own)
