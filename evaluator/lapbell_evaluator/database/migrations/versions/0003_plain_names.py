"""Tables, columns and indexes get names that say what they hold; every row stays as it is."""

from dataclasses import dataclass

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")

# (table, old column, new column)
_COLUMNS = [
    ("alerts", "group", "rule_group"),
    ("alerts", "incident", "incident_key"),
    ("alerts", "parcel", "payload"),
    ("incidents", "parcel", "payload"),
    ("transitions", "incident", "incident_id"),
    ("transitions", "key", "incident_key"),
    ("transitions", "parcel", "payload"),
    ("outbox", "transition", "transition_id"),
    ("outbox", "sent_at", "first_attempt_at"),
    ("outbox", "error", "last_error"),
    ("audit", "why", "reason"),
    ("silences", "parcel", "payload"),
]

_COMMENTS = {
    "evaluator_starts": "Each start of an evaluator on this database.",
    "rule_groups": "When a group with pending alerts was last evaluated.",
    "alerts": "Alerts that are not inactive.",
    "incidents": "Every incident there ever was.",
    "transitions": "Every move of every incident, in order.",
    "outbox": "One row for each transition and receiver, written in the transition's transaction.",
    "audit": "Who changed what by hand, and why.",
    "silences": "Silences, expired ones for a while.",
}


@dataclass(frozen=True, slots=True)
class _Index:
    table: str
    columns: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"ix_{self.table}_{'_'.join(self.columns)}"


# the same columns, by their old and their new names
_INDEXES = [
    (_Index("transitions", ("key", "seq")), _Index("transitions", ("incident_key", "seq"))),
    (_Index("outbox", ("transition",)), _Index("outbox", ("transition_id",))),
]


_TIME = ("watched_at", "last_evaluated_at")


def upgrade() -> None:
    """Give the plain names."""
    _move_small_tables(starts=("lives", "evaluator_starts"), groups=("groups", "rule_groups"), time=_TIME)
    for table, old, new in _COLUMNS:
        op.alter_column(table, old, new_column_name=new)
    for before, after in _INDEXES:
        _rename_index(before, after)
    if op.get_bind().dialect.supports_comments:
        for table, comment in _COMMENTS.items():
            op.create_table_comment(table, comment)


def downgrade() -> None:
    """Give the former names back."""
    if op.get_bind().dialect.supports_comments:
        for table in _COMMENTS:
            op.drop_table_comment(table)
    for table, old, new in _COLUMNS:
        op.alter_column(table, new, new_column_name=old)
    for before, after in _INDEXES:
        _rename_index(after, before)
    _move_small_tables(starts=("evaluator_starts", "lives"), groups=("rule_groups", "groups"), time=_TIME[::-1])


def _move_small_tables(starts: tuple[str, str], groups: tuple[str, str], time: tuple[str, str]) -> None:
    """Copy two tables of few rows into new ones, so that their primary keys and sequences have the new names too.

    Args:
        starts: the old and the new name of the table of starts.
        groups: the same of the table of groups.
        time: the old and the new name of the latter's column.
    """
    op.create_table(
        starts[1],
        sa.Column("id", _SERIAL, primary_key=True),
        sa.Column("started_at", sa.Float(53), nullable=False),
    )
    op.execute(f"INSERT INTO {starts[1]} (started_at) SELECT started_at FROM {starts[0]} ORDER BY id")  # noqa: S608 - our names
    op.drop_table(starts[0])
    op.create_table(
        groups[1],
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column(time[1], sa.Float(53), nullable=False),
    )
    op.execute(f"INSERT INTO {groups[1]} SELECT name, {time[0]} FROM {groups[0]}")  # noqa: S608 - our names
    op.drop_table(groups[0])


def _rename_index(before: _Index, after: _Index) -> None:
    """PostgreSQL renames it without reading the table; SQLite can only make it again."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER INDEX {before.name} RENAME TO {after.name}")
    else:
        op.drop_index(before.name, before.table)
        op.create_index(after.name, after.table, list(after.columns))
