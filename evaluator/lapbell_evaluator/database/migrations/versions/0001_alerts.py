"""Alerts, incidents, their history, the outbox, the audit."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the first tables."""
    op.create_table(
        "lives",
        sa.Column("id", _SERIAL, primary_key=True),
        sa.Column("started_at", sa.Float(53), nullable=False),
    )
    op.create_table(
        "groups",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("watched_at", sa.Float(53), nullable=False),
    )
    op.create_table(
        "alerts",
        sa.Column("rule", sa.Text, primary_key=True),
        sa.Column("fingerprint", sa.String(16), primary_key=True),
        sa.Column("group", sa.Text, nullable=False),
        sa.Column("incident", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("parcel", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "incidents",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("key", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("opened_at", sa.Float(53), nullable=False),
        sa.Column("resolved_at", sa.Float(53)),
        sa.Column("parcel", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_incidents_state", "incidents", ["state"])
    op.create_index("ix_incidents_key_opened_at", "incidents", ["key", "opened_at"])
    op.create_table(
        "transitions",
        sa.Column("seq", _SERIAL, primary_key=True),
        sa.Column("id", sa.String(80), nullable=False, unique=True),
        sa.Column("incident", sa.String(64), nullable=False),
        sa.Column("key", sa.String(16), nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("parcel", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_transitions_key_seq", "transitions", ["key", "seq"])
    op.create_table(
        "outbox",
        sa.Column("id", _SERIAL, primary_key=True),
        sa.Column("receiver", sa.Text, nullable=False),
        sa.Column("transition", sa.String(80), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("delivered_at", sa.Float(53)),
        sa.Column("error", sa.Text),
    )
    op.create_index("ix_outbox_receiver_delivered_at_id", "outbox", ["receiver", "delivered_at", "id"])
    op.create_table(
        "audit",
        sa.Column("id", _SERIAL, primary_key=True),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
    )
    op.create_table(
        "silences",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("ends_at", sa.Float(53), nullable=False),
        sa.Column("parcel", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_silences_ends_at", "silences", ["ends_at"])


def downgrade() -> None:
    """Drop everything."""
    for table in ("silences", "audit", "outbox", "transitions", "incidents", "alerts", "groups", "lives"):
        op.drop_table(table)
