"""Notices that are told together in one message, told again, or not at all."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_BEFORE = ["receiver", "delivered_at", "refused_at", "id"]
_WAITING = ["receiver", "delivered_at", "refused_at", "dropped_at", "id"]
_COMMENT_BEFORE = (
    "One row for each transition and receiver, written in the transition's transaction; a dead letter if refused_at."
)
_COMMENT = f"{_COMMENT_BEFORE[:-1]}, told nobody if dropped_at."


def upgrade() -> None:
    """Add the columns, and have what waits found without what was dropped."""
    op.add_column("outbox", sa.Column("message", sa.String(32)))
    op.add_column("outbox", sa.Column("last_sent_at", sa.Float(53)))
    op.add_column("outbox", sa.Column("dropped_at", sa.Float(53)))
    op.create_index(f"ix_outbox_{'_'.join(_WAITING)}", "outbox", _WAITING)
    op.drop_index(f"ix_outbox_{'_'.join(_BEFORE)}", "outbox")
    _comment(_COMMENT)


def downgrade() -> None:
    """Drop them: what was dropped waits again."""
    _comment(_COMMENT_BEFORE)
    op.create_index(f"ix_outbox_{'_'.join(_BEFORE)}", "outbox", _BEFORE)
    op.drop_index(f"ix_outbox_{'_'.join(_WAITING)}", "outbox")
    for name in ("dropped_at", "last_sent_at", "message"):
        op.drop_column("outbox", name)


def _comment(text: str) -> None:
    if op.get_bind().dialect.supports_comments:
        op.create_table_comment("outbox", text)
