"""Notices that a receiver refuses for ever are told apart from those that wait."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_COMMENT_BEFORE = "One row for each transition and receiver, written in the transition's transaction."
_COMMENT = f"{_COMMENT_BEFORE[:-1]}; a dead letter if refused_at."


def upgrade() -> None:
    """Add the columns and the indexes."""
    op.add_column("outbox", sa.Column("refused_at", sa.Float(53)))
    op.add_column("outbox", sa.Column("refused_status", sa.Text))
    op.create_index("ix_outbox_refused_at", "outbox", ["refused_at"])
    op.create_index(
        "ix_outbox_receiver_delivered_at_refused_at_id", "outbox", ["receiver", "delivered_at", "refused_at", "id"]
    )
    op.drop_index("ix_outbox_receiver_delivered_at_id", "outbox")
    _comment(_COMMENT)


def downgrade() -> None:
    """Drop them: dead letters wait again."""
    _comment(_COMMENT_BEFORE)
    op.create_index("ix_outbox_receiver_delivered_at_id", "outbox", ["receiver", "delivered_at", "id"])
    op.drop_index("ix_outbox_receiver_delivered_at_refused_at_id", "outbox")
    op.drop_index("ix_outbox_refused_at", "outbox")
    op.drop_column("outbox", "refused_status")
    op.drop_column("outbox", "refused_at")


def _comment(text: str) -> None:
    if op.get_bind().dialect.supports_comments:
        op.create_table_comment("outbox", text)
