"""Called by alembic. There is only the connection that `service.history.migrate` hands over: no file of settings."""

from alembic import context

from service.history.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, version_table="schema_version")
with context.begin_transaction():
    context.run_migrations()
