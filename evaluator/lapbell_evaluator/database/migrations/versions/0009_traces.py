"""Traces that are kept with incidents."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0007"
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "traces",
        sa.Column("id", _SERIAL, nullable=False),
        sa.Column("incident_id", sa.String(64), nullable=False),
        sa.Column("trace_id", sa.String(32), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_traces"),
        comment="Traces of incidents: some of the worst, and one of how it was before.",
    )
    for name in ("incident_id", "trace_id"):
        op.create_index(f"ix_traces_{name}", "traces", [name])


def downgrade() -> None:
    """Drop it: nothing else was changed."""
    op.drop_table("traces")
