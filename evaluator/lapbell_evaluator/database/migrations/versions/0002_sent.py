"""When delivery of a notice was first tried, and the notices of a transition found without reading all of them."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and the index."""
    op.add_column("outbox", sa.Column("sent_at", sa.Float(53)))
    op.create_index("ix_outbox_transition", "outbox", ["transition"])


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_outbox_transition", "outbox")
    op.drop_column("outbox", "sent_at")
