"""What can be set: the shape of `lapbell.yaml`, with its defaults."""

import json
from itertools import product
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from lapbell_evaluator.alerts import parse_matchers
from lapbell_evaluator.config.heartbeat import HeartbeatSettings
from lapbell_evaluator.config.maintenance import MaintenanceWindow
from lapbell_evaluator.config.receivers import Receiver
from lapbell_evaluator.config.section import (
    Address,
    HttpUrl,
    LabelName,
    LabelValue,
    Matcher,
    Messages,
    Percent,
    PlainUrl,
    PriorityName,
    Seconds,
    Section,
)
from lapbell_evaluator.model import InhibitRule

__all__ = [
    "Alerting",
    "Auth",
    "Database",
    "Export",
    "Ingest",
    "Inhibit",
    "Kept",
    "Listen",
    "RuleFiles",
    "Series",
    "Settings",
    "Thresholds",
]


class Thresholds(Section):
    """The seed's thresholds, by its names and with its values; they compile to the shipped rules."""

    webhook_response_time_warning: Seconds = 1.0
    webhook_response_time_critical: Seconds = 3.0
    webhook_500ms_target: Seconds = 0.5
    webhook_2s_requirement: Seconds = 2.0
    webhook_error_rate_warning: Percent = 5.0
    webhook_error_rate_critical: Percent = 10.0
    redis_operation_warning: Seconds = 0.1
    redis_operation_critical: Seconds = 0.5
    redis_failure_rate_warning: Percent = 5.0
    redis_failure_rate_critical: Percent = 10.0
    task_queue_depth_warning: Messages = 500
    task_queue_depth_critical: Messages = 800
    task_processing_time_warning: Seconds = 10.0
    task_processing_time_critical: Seconds = 30.0
    worker_utilization_warning: Percent = 80.0
    worker_utilization_critical: Percent = 95.0
    system_utilization_warning: Percent = 80.0
    system_utilization_critical: Percent = 95.0
    event_loop_blocked_warning: Seconds = 0.25
    event_loop_blocked_critical: Seconds = 1.0
    task_queue_age_warning: Seconds = 60.0
    task_queue_age_critical: Seconds = 300.0
    task_queue_age_unwatched: tuple[PriorityName, ...] = Field(
        default=("low",), description="Priorities whose messages may wait: TaskQueueAge does not look at them."
    )
    task_failure_rate_warning: Percent = 5.0
    task_failure_rate_critical: Percent = 10.0
    outliers_by_chance: float = Field(
        default=2.0,
        ge=0,
        description="Bad events that may come together by chance before a share of them alerts: 2 where outliers are"
        " independent or come in pairs, 4 where they come in threes.",
    )

    @model_validator(mode="after")
    def _warnings_come_first(self) -> Self:
        pairs = [
            (name, name.replace("_warning", "_critical")) for name in type(self).model_fields if "_warning" in name
        ]
        for lower, upper in (*pairs, ("webhook_500ms_target", "webhook_2s_requirement")):
            if getattr(self, lower) > getattr(self, upper):
                raise ValueError(f"{lower} = {getattr(self, lower):g} is above {upper} = {getattr(self, upper):g}")
        return self


class Listen(Section):
    """Where the gates listen, as host:port; port 0 takes a free one."""

    rest: Address = "127.0.0.1:8740"
    otlp_grpc: Address = "127.0.0.1:4317"
    otlp_http: Address = "127.0.0.1:4318"


class Auth(Section):
    """Who may do what. Tokens are read from files, so that none stands in a config or an environment."""

    ingest_token_file: Path | None = Field(default=None, description="Senders of OTLP must show this token.")
    viewer_token_file: Path | None = Field(default=None, description="May read.")
    editor_token_file: Path | None = Field(default=None, description="May also acknowledge and silence.")
    admin_token_file: Path | None = Field(
        default=None,
        description="May also resolve by hand and reload; made in data_dir on the first start if not given.",
    )
    acknowledge_key_file: Path | None = Field(
        default=None,
        description="Signs the links in messages by which incidents are acknowledged; evaluators that share a database"
        " share it. Made in data_dir on the first start if not given.",
    )
    resolve_role: Literal["admin", "editor"] = Field(default="admin", description="Who may resolve an alert by hand.")
    allow_loopback: bool = Field(
        default=True, description="Loopback may ingest and read without a token, never through a proxy."
    )


class RuleFiles(Section):
    """Which rules run."""

    files: tuple[Path, ...] = Field(default=(), description="Prometheus rule files beside the shipped rules.")
    runbooks: HttpUrl | None = Field(
        default=None,
        description="Link to the runbooks of the shipped rules, if they are yours, for example"
        " https://wiki.example/{name}; the evaluator's own at `external_url` otherwise.",
        pattern=r"\{name\}",
    )
    interval: Annotated[float, Field(ge=0.25, le=86_400)] = Field(
        default=5.0, description="Seconds between evaluations of a group that names no interval."
    )


class Kept(Section):
    """How much history is kept on disk; the oldest goes first."""

    keep_days: float = Field(default=30.0, gt=0, allow_inf_nan=False, description="Days.")
    keep_bytes: int = Field(default=10 * 1024**3, ge=16 * 1024**2, description="Bytes of the file.")


class Export(Section):
    """Where alerts leave by OTLP, as log records and a metric; nothing leaves while there is no endpoint."""

    endpoint: HttpUrl | None = Field(
        default=None, description="Such as http://collector:4317; never a gate of the evaluator itself."
    )
    protocol: Literal["grpc", "http/protobuf"] = "grpc"
    headers_file: Path | None = Field(default=None, description="Lines of `name: value`, sent with each export.")
    ca_file: Path | None = Field(
        default=None, description="Certificates that are trusted, in PEM; OTEL_EXPORTER_OTLP_CERTIFICATE if not given."
    )
    client_certificate_file: Path | None = Field(
        default=None, description="Ours, in PEM; OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE if not given."
    )
    client_key_file: Path | None = Field(
        default=None, description="Its key, in PEM; OTEL_EXPORTER_OTLP_CLIENT_KEY if not given."
    )


class Alerting(Section):
    """How alerts are told; Alertmanagers as Prometheus tells them: each of every alert, again and again."""

    alertmanagers: tuple[PlainUrl, ...] = Field(default=(), description="Such as http://alertmanager:9093.")
    resend_delay: Annotated[float, Field(ge=1, le=3_600)] = Field(
        default=60.0, description="Seconds until a firing alert is sent again."
    )
    acknowledge_links: Annotated[float, Field(ge=0, le=2_592_000)] = Field(
        default=86_400.0,
        description="Seconds for which a link in a message acknowledges its incident; 0: messages have no such links.",
    )
    reopen_within: Annotated[float, Field(ge=0, le=86_400)] | None = Field(
        default=None,
        description="Seconds in which an alert that cleared may return as the same incident, before it is told as"
        " resolved; 0 tells it at once. Ten minutes if not given, or the longest window of the rule if that is longer.",
    )


_FORMER_KEYS: Final = ("source_match", "source_match_re", "target_match", "target_match_re")


def _instead_of(key: str, values: object) -> str:
    """The matchers that say the same as one of the former keys."""
    operator = "=~" if key.endswith("_re") else "="
    pairs = values.items() if isinstance(values, dict) else ()
    matchers = ", ".join(f"'{name}{operator}{json.dumps(str(value))}'" for name, value in pairs)
    return f"{key.removesuffix('_re')}ers: [{matchers}]"


class Inhibit(Section):
    """While a source fires, targets that are equal to it in some labels are not told; as Alertmanager has it."""

    source_matchers: tuple[Matcher, ...] = Field(min_length=1, description="Which alerts inhibit.")
    target_matchers: tuple[Matcher, ...] = Field(min_length=1, description="Which are inhibited.")
    equal: tuple[str, ...] = Field(default=(), description="Labels that must have the same value in both.")

    @model_validator(mode="before")
    @classmethod
    def _is_written_the_new_way(cls, value: object) -> object:
        """Alertmanager still takes its keys of before 0.22 and lists them as deprecated."""
        former = [key for key in _FORMER_KEYS if isinstance(value, dict) and key in value]
        if isinstance(value, dict) and former:
            meant = "; ".join(_instead_of(key, value[key]) for key in former)
            raise ValueError(f"{', '.join(former)} is how Alertmanager wrote it before 0.22. Write {meant}")
        return value

    def rule(self) -> InhibitRule:
        """The rule that it is."""
        sources, targets = (
            tuple(matcher for text in texts for matcher in parse_matchers(text))
            for texts in (self.source_matchers, self.target_matchers)
        )
        return InhibitRule(sources, targets, self.equal)


class Series(Section):
    """How many series are held: a bound on memory.

    Where it is reached, jobs share it evenly: one that has more series than others loses its newest, and is named in
    the log; an alert of our own tells of what is refused.
    """

    limit: int = Field(
        default=200_000, ge=100, description="Of all metrics; at exports of 5 s each takes 5.6 KB, at 60 s 0.9 KB."
    )
    limit_per_metric: int = Field(default=100_000, ge=10, description="Of one metric.")
    reserve: Annotated[float, Field(ge=0, le=90)] = Field(
        default=25.0, description="Percent of `limit` that only metrics have which rules read or record."
    )
    retention: Annotated[float, Field(ge=10, le=86_400)] = Field(
        default=900.0,
        description="Seconds that samples stay in memory; those of metrics that a rule looks further back to stay as"
        " long as it needs them, and history answers the rest.",
    )


class Ingest(Section):
    """How what arrives is named and bounded."""

    promote: tuple[str, ...] = Field(
        default=(), description="Resource attributes that become labels of every series, such as service.version."
    )
    utf8_names: bool = Field(
        default=False, description="Keep the dots of names that no shipped rule asks for; underscores otherwise."
    )
    correct_clocks: bool = Field(
        default=True, description="Shift what senders send whose clocks are more than 5 s off, see LapbellClockSkew."
    )
    body_bytes: int = Field(default=4 * 1024**2, ge=64 * 1024, description="The largest export, after decompression.")
    items: int = Field(
        default=100_000,
        ge=1_000,
        description="The most data points, spans, log records and series of one export, with what holds them; two"
        " attributes, labels or samples count as one.",
    )


class Limits(Section):
    """What callers may hold at once, and how slow they may be. Of one caller means: of one identity at one address."""

    connections: int = Field(
        default=4096,
        ge=64,
        le=1_000_000,
        description="Open at once on each gate, as far as the limit of open files goes; idle ones give way.",
    )
    connections_each: int = Field(default=2048, ge=16, description="The same from one address, over HTTP.")
    requests: int = Field(
        default=256, ge=8, description="REST requests under way at once; `/-/healthy` and `/-/ready` need no place."
    )
    requests_each: int = Field(default=128, ge=4, description="The same of one caller.")
    exports: int = Field(default=2048, ge=8, description="Exports under way at once, on all gates together.")
    exports_each: int = Field(default=1024, ge=4, description="The same of one caller.")
    head_timeout: Seconds = Field(default=10.0, description="Seconds for the head of a request.")
    body_timeout: Seconds = Field(
        default=10.0, description="Seconds for a body, and more as it comes: see `body_bytes_per_second`."
    )
    body_bytes_per_second: int = Field(
        default=16 * 1024, ge=1, description="As many bytes of a body, or of an answer, buy another second."
    )
    call_timeout: Seconds = Field(default=30.0, description="Seconds from a gRPC call to its whole message.")
    idle_timeout: Seconds = Field(default=75.0, description="Seconds between an answer and the next request.")
    write_timeout: Seconds = Field(default=30.0, description="Seconds in which a reader that stopped may go on.")


class Database(Section):
    """Where alerts are kept; SQLite in data_dir if neither is given."""

    url: str | None = Field(default=None, description="PostgreSQL, such as postgresql+psycopg://lapbell@db/lapbell.")
    url_file: Path | None = Field(default=None, description="A file with the URL, where it holds a password.")
    keep_days: float = Field(
        default=400.0,
        ge=1,
        allow_inf_nan=False,
        description="Days that an incident is kept after its end, with its moves, messages and dead letters; as long"
        " the audit. What is not over, and what a receiver has yet to hear of, is kept however old it is.",
    )


class Settings(Section):
    """The whole of `lapbell.yaml`."""

    thresholds: Thresholds = Thresholds()
    listen: Listen = Listen()
    auth: Auth = Auth()
    rules: RuleFiles = RuleFiles()
    ingest: Ingest = Ingest()
    series: Series = Series()
    limits: Limits = Limits()
    database: Database = Database()
    history: Kept = Kept()
    export: Export = Export()
    alerting: Alerting = Alerting()
    receivers: tuple[Receiver, ...] = Field(default=(), description="Who is told of alerts, and how.")
    heartbeat: HeartbeatSettings | None = Field(default=None, description="A dead man's switch, if there is one.")
    inhibit_rules: tuple[Inhibit, ...] = Field(default=(), description="Which alerts keep which others quiet.")
    maintenance: tuple[MaintenanceWindow, ...] = Field(
        default=(), description="Windows in which, again and again, nobody is told of some alerts."
    )
    external_labels: dict[LabelName, LabelValue] = Field(
        default_factory=dict, description="Of this evaluator: templates see them, Alertmanagers get them."
    )
    external_url: PlainUrl | None = Field(
        default=None, description="Where people reach the REST of this evaluator; http://<listen.rest> otherwise."
    )
    data_dir: Path = Field(default=Path(".lapbell"), description="Where the database and the tokens are kept.")
    trace_url: HttpUrl | None = Field(
        default=None,
        description="Link to a trace, such as http://127.0.0.1:16686/trace/{trace_id}; to this evaluator otherwise.",
        pattern=r"\{trace_id\}",
    )

    @model_validator(mode="after")
    def _names_are_their_own(self) -> Self:
        receivers = [receiver.name for receiver in self.receivers]
        windows = [window.name for window in self.maintenance]
        for what, names in (("receivers", receivers), ("maintenance windows", windows)):
            if len(set(names)) < len(names):
                twice = next(name for name in names if names.count(name) > 1)
                raise ValueError(f"two {what} are called {twice}: give each a name of its own")
        return self

    @model_validator(mode="after")
    def _does_not_export_to_itself(self) -> Self:
        endpoints = {"export.endpoint": self.export.endpoint or ""}
        endpoints |= {
            f"the endpoint of receiver {each.name}": each.otlp.endpoint for each in self.receivers if each.otlp
        }
        gates = (self.listen.otlp_grpc, self.listen.otlp_http, self.listen.rest)
        for (setting, endpoint), gate in product(endpoints.items(), gates):
            target = urlsplit(endpoint)
            host, _, port = gate.rpartition(":")
            if target.port == int(port) and target.hostname in {host.strip("[]"), "localhost"}:
                raise ValueError(
                    f"{setting} {endpoint} is this evaluator's own {gate}: "
                    "alerts would come back to it and reach nobody. Name a Collector or another backend"
                )
        return self
