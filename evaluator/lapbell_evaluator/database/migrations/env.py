"""Run by alembic: the connection comes from `schema.upgrade`, never from a file."""

from alembic import context

from lapbell_evaluator.database.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
