"""Who may write, and how far it has written; incidents that explain each other are one problem."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a table of one row, that nobody has yet, and two columns."""
    lease = op.create_table(
        "evaluator_lease",
        sa.Column("epoch", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("until", sa.Float(53), nullable=False),
        comment="One row: the evaluator that may write to this database.",
    )
    op.bulk_insert(lease, [{"epoch": 0, "owner": "", "until": 0.0}])
    op.add_column("evaluator_starts", sa.Column("last_write", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("incidents", sa.Column("problem_id", sa.String(64)))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("incidents", "problem_id")
    op.drop_column("evaluator_starts", "last_write")
    op.drop_table("evaluator_lease")
