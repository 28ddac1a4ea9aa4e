"""When delivery of a notice was first tried; notices of a transition and the last resolved found without a scan."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and the indexes."""
    op.add_column("outbox", sa.Column("sent_at", sa.Float(53)))
    op.create_index("ix_outbox_transition", "outbox", ["transition"])
    op.drop_index("ix_incidents_state", "incidents")
    op.create_index("ix_incidents_state_resolved_at", "incidents", ["state", "resolved_at"])


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_incidents_state_resolved_at", "incidents")
    op.create_index("ix_incidents_state", "incidents", ["state"])
    op.drop_index("ix_outbox_transition", "outbox")
    op.drop_column("outbox", "sent_at")
