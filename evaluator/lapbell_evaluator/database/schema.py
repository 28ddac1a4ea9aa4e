"""The tables of a database brought up to date."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection

from lapbell_evaluator.database.errors import DatabaseError

__all__ = ["alembic_config", "upgrade"]

_SCRIPTS: Final = Path(__file__).parent / "migrations"


def upgrade(connection: Connection) -> None:
    """Run the migrations that this database has not seen, all or none, in the connection's transaction.

    Raises:
        DatabaseError: a newer lapbell wrote to it.
    """
    if connection.dialect.name == "sqlite":
        # Python's driver begins a transaction before it changes rows, but not before it changes tables.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    try:
        command.upgrade(alembic_config(connection), "head")
    except CommandError as error:
        raise DatabaseError(
            f"The alert database has a state that this version does not know: {error}.",
            "A newer lapbell used it: install that version, or start with another data_dir.",
        ) from error


def alembic_config(connection: Connection) -> Config:
    """What alembic's commands need to run the migrations on this connection."""
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
