"""The tables, as SQLAlchemy Core has them: the same on SQLite and PostgreSQL.

Times are Unix seconds. A payload is the whole object in msgpack: what is searched or ordered by has columns of its own.
"""

from typing import Final

from sqlalchemy import BigInteger, Column, Float, Index, Integer, LargeBinary, MetaData, String, Table, Text

__all__ = [
    "alerts",
    "audit",
    "evaluator_lease",
    "evaluator_starts",
    "incidents",
    "metadata",
    "outbox",
    "quarantine",
    "rule_groups",
    "silences",
    "traces",
    "transitions",
]

metadata: Final = MetaData(
    naming_convention={"pk": "pk_%(table_name)s", "ix": "ix_%(table_name)s_%(column_0_N_name)s"},
)
_SERIAL: Final = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows itself for INTEGER alone

evaluator_lease = Table(
    "evaluator_lease",
    metadata,
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("owner", Text, nullable=False),
    Column("until", Float(53), nullable=False),
    comment="One row: the evaluator that may write to this database.",
)

evaluator_starts = Table(
    "evaluator_starts",
    metadata,
    Column("id", _SERIAL, primary_key=True),
    Column("started_at", Float(53), nullable=False),
    Column("last_write", BigInteger, nullable=False, server_default="0"),
    comment="Each start of an evaluator on this database.",
)

rule_groups = Table(
    "rule_groups",
    metadata,
    Column("name", Text, primary_key=True),
    Column("last_evaluated_at", Float(53), nullable=False),
    comment="When a group with pending alerts was last evaluated.",
)

alerts = Table(
    "alerts",
    metadata,
    Column("rule", Text, primary_key=True),
    Column("fingerprint", String(16), primary_key=True),
    Column("rule_group", Text, nullable=False),
    Column("incident_key", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("payload", LargeBinary, nullable=False),
    comment="Alerts that are not inactive.",
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("key", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("severity", Text, nullable=False),
    Column("opened_at", Float(53), nullable=False),
    Column("resolved_at", Float(53)),
    Column("payload", LargeBinary, nullable=False),
    Column("problem_id", String(64)),
    Index(None, "state", "resolved_at"),
    Index(None, "key", "opened_at"),
    comment="Every incident there ever was.",
)

transitions = Table(
    "transitions",
    metadata,
    Column("seq", _SERIAL, primary_key=True),
    Column("id", String(80), nullable=False, unique=True),
    Column("incident_id", String(64), nullable=False),
    Column("incident_key", String(16), nullable=False),
    Column("at", Float(53), nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("actor", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Index(None, "incident_key", "seq"),
    comment="Every move of every incident, in order.",
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", _SERIAL, primary_key=True),
    Column("receiver", Text, nullable=False),
    Column("transition_id", String(80), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("delivered_at", Float(53)),
    Column("last_error", Text),
    Column("first_attempt_at", Float(53)),
    Column("refused_at", Float(53)),
    Column("refused_status", Text),
    Column("message", String(32)),
    Column("last_sent_at", Float(53)),
    Column("dropped_at", Float(53)),
    Index(None, "receiver", "delivered_at", "refused_at", "dropped_at", "id"),
    Index(None, "transition_id"),
    Index(None, "refused_at"),
    comment="One row for each transition and receiver, written in the transition's transaction; a dead letter if"
    " refused_at, told nobody if dropped_at.",
)

audit = Table(
    "audit",
    metadata,
    Column("id", _SERIAL, primary_key=True),
    Column("at", Float(53), nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", String(32), nullable=False),
    Column("target", Text, nullable=False),
    Column("reason", Text, nullable=False),
    comment="Who changed what by hand, and why.",
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", _SERIAL, primary_key=True),
    Column("at", Float(53), nullable=False),
    Column("source", Text, nullable=False),
    Column("row_key", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("payload", LargeBinary),
    comment="Damaged rows of other tables, as they were.",
)

silences = Table(
    "silences",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("ends_at", Float(53), nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Index(None, "ends_at"),
    comment="Silences, expired ones for a while.",
)

traces = Table(
    "traces",
    metadata,
    Column("id", _SERIAL, primary_key=True),
    Column("incident_id", String(64), nullable=False),
    Column("trace_id", String(32), nullable=False),
    Column("role", String(16), nullable=False),
    Column("at", Float(53), nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Index(None, "incident_id"),
    Index(None, "trace_id"),
    comment="Traces of incidents: some of the worst, and one of how it was before.",
)
