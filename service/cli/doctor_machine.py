"""What this machine must have: room on the disk, the extras that the settings ask for, files, certificates."""

import importlib.util
import os
import resource
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from service.cli.doctor_finding import Finding, Level, level_of, span
from service.settings import Settings

MB, GB = 1_000_000, 1_000_000_000
FREE_WARNING, FREE_ERROR = 0.10, 0.03
"""Share of the file system; the alerts of deploy/prometheus warn of the same."""
LEAST_WARNING, LEAST_ERROR = 1 * GB, 200 * MB
"""Whatever its size: RocksDB writes a table anew before it removes the old files."""
FILES = 4096
"""512 POSTs under way and 256 files of each partition of a table."""
CERTIFICATE_WARNING_S, CERTIFICATE_ERROR_S = 14 * 86_400.0, 86_400.0
EXTRAS = {
    "morphology": ("kiwipiepy", "BONGSU_MATCHING_MORPHOLOGY is on"),
    "postgres": ("psycopg", "BONGSU_HISTORY_URL names PostgreSQL"),
    "embedded": ("jgo", ""),
    "receiver": ("standardwebhooks", ""),
}
"""Extra -> its module, and who asks for it: nobody but `demo`, `up`, `kafka` and `listen` for the last two."""


async def disk(settings: Settings) -> AsyncIterator[Finding]:
    """Room in BONGSU_DATA_DIR: tables of a worker, the history in SQLite, the embedded Kafka."""
    path = settings.bongsu.data_dir
    there = next(one for one in (path.absolute(), *path.absolute().parents) if one.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        yield Finding("error", "disk", f"{path} cannot be written", "set BONGSU_DATA_DIR, or let this user write there")
        return
    usage = shutil.disk_usage(there)
    share = usage.free / usage.total if usage.total else 0.0
    level: Level = "ok"
    if share < FREE_WARNING or usage.free < LEAST_WARNING:
        level = "warning"
    if share < FREE_ERROR or usage.free < LEAST_ERROR:
        level = "error"
    text = f"{_size(usage.free)} of {_size(usage.total)} free ({share:.0%}) where BONGSU_DATA_DIR is ({path})"
    yield Finding(level, "disk", text, "" if level == "ok" else "make room before the roles stop; docs/operations.md")


async def extras(settings: Settings) -> AsyncIterator[Finding]:
    """What is installed beside the core, and what the settings ask for and is not."""
    url = settings.history.url
    wanted = {"morphology": settings.matching.morphology}
    wanted["postgres"] = url is not None and url.get_secret_value().startswith("postgres")
    there = {name: importlib.util.find_spec(module) is not None for name, (module, _) in EXTRAS.items()}
    for name, (_, why) in EXTRAS.items():
        if wanted.get(name) and not there[name]:
            level: Level = "error" if name == "postgres" else "warning"
            yield Finding(level, "extras", f"{why}, and the extra is not installed", f"pip install 'bongsu[{name}]'")
    names = [name for name, is_there in there.items() if is_there]
    yield Finding("ok", "extras", f"installed: {', '.join(names) or 'none'}")


async def files(settings: Settings) -> AsyncIterator[Finding]:  # noqa: ARG001
    """How many files a process may open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = soft == resource.RLIM_INFINITY or soft >= FILES
    text = f"a process may open {'any number of' if soft == resource.RLIM_INFINITY else soft} files"
    yield Finding("ok" if enough else "warning", "files", text, "" if enough else f"`ulimit -n {FILES}` or more")


async def certificate(settings: Settings) -> AsyncIterator[Finding]:
    """The client's certificate for Kafka, where there is one."""
    path: Path | None = settings.kafka.ssl_certfile
    if path is None:
        return
    try:
        ends = _end_of(path)
    except (OSError, ValueError) as error:
        yield Finding("error", "certificate", f"{path} cannot be read: {error}", "set BONGSU_KAFKA_SSL_CERTFILE")
        return
    left_s = (ends - datetime.now(UTC)).total_seconds()
    level = level_of(-left_s, -CERTIFICATE_WARNING_S, -CERTIFICATE_ERROR_S)
    text = f"{path} ends in {span(left_s)}" if left_s > 0 else f"{path} has ended {span(-left_s)} ago"
    yield Finding(level, "certificate", text, "" if level == "ok" else "put a new one there and restart the roles")


def _end_of(path: Path) -> datetime:
    return x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc


def _size(count: int) -> str:
    return f"{count / GB:.1f} GB" if count >= GB else f"{count / MB:.0f} MB"
