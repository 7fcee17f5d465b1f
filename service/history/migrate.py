"""Bring a database to the tables of this version, with alembic and without its command line or files."""

from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from service.history.database import told_as_ours
from service.model.errors import WrongSetup

VERSION_TABLE = "schema_version"


def migrate(engine: Engine) -> tuple[str | None, str]:
    """Take every step that is missing, all or none of them; returns the versions before and after.

    Raises:
        WrongSetup: a newer Bongsu made the tables.
        HistoryUnavailable: the database does not answer.
    """
    with told_as_ours(engine), engine.begin() as connection:
        before = version_of(connection)
        config = _config(connection)
        script = ScriptDirectory.from_config(config)
        head = script.get_current_head()
        assert head is not None
        if before is not None and before not in {step.revision for step in script.walk_revisions()}:
            raise WrongSetup(
                f"the history has tables of version {before}, which this Bongsu does not know (it knows up to "
                f"{head}): upgrade, or empty it with `bongsu history rebuild`, which loses nothing"
            )
        if before != head:
            if engine.dialect.name == "postgresql":  # of two that start at once, one waits
                connection.execute(text("SELECT pg_advisory_xact_lock(20250815)"))
            command.upgrade(config, "head")
        return before, head


def version_of(connection: Connection) -> str | None:
    """The version of the tables; None: there are none."""
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()


def drop_all(engine: Engine) -> None:
    """Remove the tables, also those of another version, and nothing else that is in the database.

    Raises:
        HistoryUnavailable: the database does not answer.
    """
    from service.history.tables import metadata

    with told_as_ours(engine), engine.begin() as connection:
        connection.execute(text("DROP VIEW IF EXISTS coverage"))
        for table in metadata.sorted_tables:
            connection.execute(text(f"DROP TABLE IF EXISTS {table.name}"))
        connection.execute(text(f"DROP TABLE IF EXISTS {VERSION_TABLE}"))


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", "service.history:migrations")
    attributes: dict[str, Any] = config.attributes
    attributes["connection"] = connection
    return config
