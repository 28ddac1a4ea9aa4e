"""The tables of a database brought up to date."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection

from lapbell_evaluator.database.errors import DatabaseError

__all__ = ["upgrade"]

_SCRIPTS: Final = Path(__file__).parent / "migrations"


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Run the steps that this database has not seen, in the connection's transaction.

    Args:
        connection: to the database.
        revision: the last step.

    Raises:
        DatabaseError: a newer lapbell wrote to it.
    """
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, revision)
    except CommandError as error:
        raise DatabaseError(
            f"The alert database has a state that this version does not know: {error}.",
            "A newer lapbell used it: install that version, or start with another data_dir.",
        ) from error
