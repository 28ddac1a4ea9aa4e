"""The tables, as SQLAlchemy Core has them: the same on SQLite and PostgreSQL.

Times are Unix seconds. Payloads are msgpack: what has to be found or ordered by stands in columns of its own.
"""

from typing import Final

from sqlalchemy import BigInteger, Column, Float, Index, Integer, LargeBinary, MetaData, String, Table, Text

__all__ = ["alerts", "audit", "groups", "incidents", "lives", "metadata", "outbox", "silences", "transitions"]

metadata: Final = MetaData(
    naming_convention={"pk": "pk_%(table_name)s", "ix": "ix_%(table_name)s_%(column_0_N_name)s"},
)
_SERIAL: Final = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows itself for INTEGER alone

lives = Table(
    "lives",
    metadata,
    Column("id", _SERIAL, primary_key=True),
    Column("started_at", Float(53), nullable=False),
    info={"what": "Each start of an evaluator on this database."},
)

groups = Table(
    "groups",
    metadata,
    Column("name", Text, primary_key=True),
    Column("watched_at", Float(53), nullable=False),
    info={"what": "When a group with pending alerts was last evaluated."},
)

alerts = Table(
    "alerts",
    metadata,
    Column("rule", Text, primary_key=True),
    Column("fingerprint", String(16), primary_key=True),
    Column("group", Text, nullable=False),
    Column("incident", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("parcel", LargeBinary, nullable=False),
    info={"what": "Alerts that are not inactive."},
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
    Column("parcel", LargeBinary, nullable=False),
    Index(None, "state", "resolved_at"),
    Index(None, "key", "opened_at"),
    info={"what": "Every incident there ever was."},
)

transitions = Table(
    "transitions",
    metadata,
    Column("seq", _SERIAL, primary_key=True),
    Column("id", String(80), nullable=False, unique=True),
    Column("incident", String(64), nullable=False),
    Column("key", String(16), nullable=False),
    Column("at", Float(53), nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("actor", Text, nullable=False),
    Column("parcel", LargeBinary, nullable=False),
    Index(None, "key", "seq"),
    info={"what": "Every move of every incident, in order."},
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", _SERIAL, primary_key=True),
    Column("receiver", Text, nullable=False),
    Column("transition", String(80), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("delivered_at", Float(53)),
    Column("error", Text),
    Column("sent_at", Float(53)),
    Index(None, "receiver", "delivered_at", "id"),
    Index(None, "transition"),
    info={"what": "One row for each transition and receiver, written in the transition's transaction."},
)

audit = Table(
    "audit",
    metadata,
    Column("id", _SERIAL, primary_key=True),
    Column("at", Float(53), nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", String(32), nullable=False),
    Column("target", Text, nullable=False),
    Column("why", Text, nullable=False),
    info={"what": "Who changed what by hand, and why."},
)

silences = Table(
    "silences",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("ends_at", Float(53), nullable=False),
    Column("parcel", LargeBinary, nullable=False),
    Index(None, "ends_at"),
    info={"what": "Silences, expired ones for a while."},
)
