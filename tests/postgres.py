"""A real PostgreSQL for the tests: the one that TEST_POSTGRES_URL names, or one started from its binaries."""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import URL, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from service.adapters.embedded_kafka import free_port
from service.adapters.processes import stop
from tests.waiting import wait_for

GIVEN = os.environ.get("TEST_POSTGRES_URL")
"""Of a user that may create databases. Read at import: each test sees an environment without BONGSU_."""


def binaries() -> Path | None:
    """The folder of the newest `postgres` and `initdb` here; None: there is none."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    if on_path := shutil.which("postgres"):
        found.append(Path(on_path).parent)
    usable = [path for path in found if (path / "initdb").exists()]
    return max(usable, key=lambda path: [int(part) for part in path.parts if part.isdigit()] or [0], default=None)


def available() -> bool:
    """Whether there is one, here or elsewhere."""
    return GIVEN is not None or binaries() is not None


@contextlib.contextmanager
def server() -> Iterator[URL]:
    """Its URL, of the database `postgres`."""
    if GIVEN is not None:
        yield make_url(GIVEN)
        return
    folder = binaries()
    assert folder is not None
    home = Path(tempfile.mkdtemp(prefix="bongsu-pg-"))
    try:
        with _started(folder, home) as port:
            yield URL.create("postgresql+psycopg", "postgres", host="127.0.0.1", port=port, database="postgres")
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextlib.contextmanager
def database(of: URL) -> Iterator[URL]:
    """An empty database of its own."""
    name = f"t{uuid.uuid4().hex[:12]}"
    admin = create_engine(of, isolation_level="AUTOCOMMIT")
    try:
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        yield of.set(database=name)
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    finally:
        admin.dispose()


@contextlib.contextmanager
def _started(folder: Path, home: Path) -> Iterator[int]:
    """PostgreSQL refuses to run as root: then it runs as whoever may do nothing else."""
    user = _unprivileged() if os.geteuid() == 0 else None
    if user is not None:
        shutil.chown(home, user)
    data = home / "data"
    subprocess.run(
        [folder / "initdb", "-D", data, "-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"],
        check=True, capture_output=True, user=user, cwd=home, timeout=60,
    )  # fmt: skip
    port = free_port()
    options = ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={home}", "-c", "fsync=off"]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [folder / "postgres", "-D", data, "-p", str(port), *options], user=user, cwd=home, stdout=log, stderr=log
        )
    try:
        url = URL.create("postgresql+psycopg", "postgres", host="127.0.0.1", port=port, database="postgres")
        wait_for(lambda: process.poll() is not None or _answers(url), what="PostgreSQL answers")
        assert process.poll() is None, (home / "log").read_text(encoding="utf-8", errors="replace")
        yield port
    finally:
        stop(process, 20)


def _unprivileged() -> str:
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in names)


def _answers(url: URL) -> bool:
    engine = create_engine(url)
    try:
        with engine.connect():
            return True
    except OperationalError:
        return False
    finally:
        engine.dispose()
