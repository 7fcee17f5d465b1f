"""The database of the history: SQLite beside the other data, or PostgreSQL by its URL; opened to write or to read.

SQLite: a write-ahead log, one writer (the role), any number of readers. A database file that is deleted or replaced
while it is open would go on answering from a file that nobody else sees: both sides look at it and say so.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError, NoSuchModuleError

from service.model.errors import HistoryUnavailable, WrongSetup
from service.settings import Settings

FILE = "history.sqlite"
BUSY_S = 10.0
"""A reader of SQLite waits so long for a writer that changes the schema."""
POOL = 8
"""Readers at once in one process; more wait."""
QUESTION_S = 20
"""PostgreSQL gives up a question that takes longer."""


def url_of(settings: Settings) -> URL:
    """Where the history is.

    Raises:
        WrongSetup: BONGSU_HISTORY_URL is no URL of PostgreSQL or SQLite, or psycopg is not installed.
    """
    if settings.history.url is None:
        return URL.create("sqlite", database=str(settings.bongsu.data_dir.resolve() / FILE))
    try:
        url = make_url(settings.history.url.get_secret_value())
    except ArgumentError:
        raise WrongSetup(
            "BONGSU_HISTORY_URL is no database URL; e.g. postgresql+psycopg://user:password@host/name"
        ) from None
    if url.drivername in {"postgresql", "postgres"}:
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername not in {"postgresql+psycopg", "sqlite"}:
        raise WrongSetup(f"BONGSU_HISTORY_URL: {url.drivername} is not known; postgresql+psycopg or sqlite")
    if url.drivername == "sqlite" and not url.database:
        raise WrongSetup("BONGSU_HISTORY_URL: sqlite needs a file, e.g. sqlite:////var/lib/bongsu/history.sqlite")
    return url


def open_to_write(url: URL) -> Engine:
    """For the role and the commands that change the history; a missing SQLite file is made."""
    if url.drivername == "sqlite":
        assert url.database is not None
        try:
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WrongSetup(f"{Path(url.database).parent} cannot be made: {error.strerror}") from None
    return _engine(url, writes=True)


def open_to_read(url: URL) -> Engine:
    """For the API; nothing is made, and a missing file is told of when it is asked."""
    return _engine(url, writes=False)


def _engine(url: URL, *, writes: bool) -> Engine:
    try:
        if url.drivername == "sqlite":
            return _sqlite(url, writes=writes)
        options = {} if writes else {"options": f"-c statement_timeout={QUESTION_S}s"}
        return create_engine(
            url,
            pool_size=1 if writes else POOL,
            max_overflow=0,
            pool_pre_ping=True,
            connect_args={"connect_timeout": 5, **options},
        )
    except (NoSuchModuleError, ImportError):
        raise WrongSetup("PostgreSQL needs psycopg, which is not installed: `pip install 'bongsu[postgres]'`") from None


def _sqlite(url: URL, *, writes: bool) -> Engine:
    assert url.database is not None
    path = Path(url.database)
    # mode=rw: a reader that came first would make an empty file, and its schema would be missing
    engine = create_engine(
        url.set(database=f"file:{quote(str(path))}", query={"uri": "true", "mode": "rwc" if writes else "rw"}),
        pool_size=1 if writes else POOL,
        max_overflow=0,
        connect_args={"timeout": BUSY_S, "check_same_thread": False, "isolation_level": None},
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL" if writes else "PRAGMA query_only=ON")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA cache_size=-32768")
        cursor.close()
        record.info["file"] = file_identity(path)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    if not writes:

        @event.listens_for(engine, "checkout")
        def _same_file(_: Any, record: Any, __: Any) -> None:
            if record.info.get("file") != file_identity(path):
                raise DisconnectionError(f"{path} was replaced")

    return engine


def file_identity(path: Path) -> tuple[int, int] | None:
    """Which file a path names now; None: no file."""
    with contextlib.suppress(OSError):
        found = os.stat(path)  # noqa: PTH116  twice a second, and for every question
        return found.st_dev, found.st_ino
    return None


def sqlite_path(engine: Engine) -> Path | None:
    """The file behind an engine; None: it is no SQLite."""
    if engine.dialect.name != "sqlite":
        return None
    assert engine.url.database is not None
    return Path(unquote(engine.url.database.removeprefix("file:")))


def _missing_or_unusable(engine: Engine, error: DBAPIError) -> HistoryUnavailable:
    """Why a question was not answered, and what to do about it."""
    path = sqlite_path(engine)
    if path is not None and not path.exists():
        return _unavailable(
            f"there is no history at {path}: start the role `bongsu history`, which makes it",
            "there is no history: start the role `bongsu history`, which makes it",
        )
    reason = str(error.orig).strip().splitlines()[0] if error.orig is not None else str(error)
    if "no such table" in reason or "does not exist" in reason or "no such column" in reason:
        return _unavailable(
            f"the history has not the tables of this version ({reason}): start the role `bongsu history`, or run "
            "`bongsu history migrate`",
            "the history has not the tables of this version: start the role `bongsu history`, which makes them",
        )
    return _unavailable(
        f"the history does not answer ({reason}); BONGSU_HISTORY_URL says where it is", "the history does not answer"
    )


def _unavailable(message: str, outside: str) -> HistoryUnavailable:
    return HistoryUnavailable(message).told_outside_as(outside)


@contextlib.contextmanager
def told_as_ours(engine: Engine) -> Iterator[None]:
    """Errors of the database within become HistoryUnavailable."""
    try:
        yield
    except DBAPIError as error:
        raise _missing_or_unusable(engine, error) from error
