"""`bongsu demo` and `bongsu up` as a newcomer runs them: in a process of their own, and nothing is left of them."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
import yaml

from service.adapters.control import publish_subscription, read_subscriptions, remove_subscription
from service.cli.demo import EVERY_ALERT, _sample
from tests.waiting import wait_for

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

ROOT = Path(__file__).parents[2]
EXPECTED = yaml.safe_load((ROOT / "seeds" / "expected.yaml").read_text(encoding="utf-8"))
WEBHOOKS = sum(map(len, EXPECTED.values()))
INTERRUPTED_S = 15


class Run:
    """One `bongsu ...` from the root of the repository, with a data directory of its own."""

    def __init__(self, tmp_path, *args, **env):
        self.data_dir = tmp_path / "data"
        self.out_path = tmp_path / "out.txt"
        with self.out_path.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-u", "-m", "service", *map(str, args)],
                cwd=ROOT,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, "BONGSU_DATA_DIR": str(self.data_dir), "BONGSU_API_PORT": "0", **env},
            )

    @property
    def out(self):
        return self.out_path.read_text(encoding="utf-8")

    def wait_for_output(self, pattern, timeout_s=90):
        def found():
            assert self.process.poll() is None or re.search(pattern, self.out), self.out
            return re.search(pattern, self.out)

        return wait_for(found, timeout_s, what=f"output {pattern!r}")

    def running(self):
        """Every process that was started with this data directory, this one too."""
        needle = f"BONGSU_DATA_DIR={self.data_dir}".encode()
        pids = []
        for environ in Path("/proc").glob("[0-9]*/environ"):
            try:
                if needle in environ.read_bytes():
                    pids.append(int(environ.parent.name))
            except OSError:  # it ended meanwhile, or is not ours
                continue
        return pids

    def wait_for_nothing(self):
        wait_for(lambda: not self.running(), 10, what="no process of it is left")

    def interrupt(self, number=signal.SIGINT):
        before = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(60)
        took = time.monotonic() - before
        assert took < INTERRUPTED_S, f"{took:.1f} s\n{self.out}"
        return code


@pytest.fixture
def start(tmp_path):
    """Start `bongsu ...`; at the end of the test nothing of it may be there."""
    runs = []

    def one(*args, **env):
        run = Run(tmp_path, *args, **env)
        runs.append(run)
        return run

    yield one
    for run in runs:
        if run.process.poll() is None:
            run.process.kill()
        run.process.wait()
        run.wait_for_nothing()


def check_account(out):
    for label, value in (
        ("articles in", len(EXPECTED)),
        ("alerts", WEBHOOKS),
        ("webhooks verified", WEBHOOKS),
        ("dead letters", 0),
        ("unaccounted for", 0),
    ):
        assert re.search(rf"^ +{label} +{value}$", out, re.MULTILINE), out
    assert re.search(rf"^ +webhooks delivered +{WEBHOOKS}, \d+ ms in the middle$", out, re.MULTILINE), out
    assert len(re.findall(r"^\d\d:\d\d:\d\d +verified ", out, re.MULTILINE)) == WEBHOOKS
    assert "서울시와 충칭의 교류" in out
    assert "\x1b" not in out, "a pipe gets no colours"


@pytest.mark.long
def test_the_demo_ends_with_an_account_and_works_twice(start, tmp_path):
    """The second time something else is expected: it says so, and keeps its logs."""
    run = start("demo")
    assert run.process.wait(150) == 0, run.out
    assert run.running() == []
    check_account(run.out)
    assert list(run.data_dir.iterdir()) == [], "a run that went well leaves nothing"

    seeds = tmp_path / "seeds"
    shutil.copytree(ROOT / "seeds", seeds)
    text = (seeds / "expected.yaml").read_text(encoding="utf-8")
    changed = text.replace("20-nothing-watched.txt: []", "20-nothing-watched.txt: [gaon-safety]")
    assert changed != text
    (seeds / "expected.yaml").write_text(changed, encoding="utf-8")
    run = start("demo", "--seeds", seeds)
    assert run.process.wait(150) == 1, run.out
    assert run.running() == []
    check_account(run.out)
    gaon = sum(rules.count("gaon-safety") for rules in EXPECTED.values())
    assert f"promises {gaon + 1} webhooks of the rule gaon-safety, {gaon} arrived" in run.out
    (kept,) = run.data_dir.iterdir()
    assert f"the logs are in {kept}/logs" in run.out
    assert {path.name.split("-")[0] for path in (kept / "logs").glob("*.log")} == {"worker", "dispatcher", "audit"}


MOMENTS = {
    "Kafka starts": None,
    "roles start": r"starting worker",
    "articles flow": r"publishing",
}


@pytest.mark.parametrize("pattern", MOMENTS.values(), ids=MOMENTS)
def test_ctrl_c_leaves_nothing_behind(start, pattern):
    run = start("demo")
    if pattern is None:
        wait_for(lambda: list(run.data_dir.glob("demo-*/kafka/lock")), 60, what="Kafka is being started")
    else:
        run.wait_for_output(pattern)
    assert run.interrupt() == 130
    assert run.running() == []
    assert "nothing is left running" in run.out
    assert "Traceback" not in run.out
    assert list(run.data_dir.iterdir()) == []


def test_up_takes_articles_until_it_is_told_to_end(start, tmp_path):
    run = start("up")
    run.wait_for_output(r"Ctrl-C ends it")
    servers = re.search(r"BONGSU_KAFKA_BOOTSTRAP_SERVERS=(\S+)", run.out)
    assert servers
    article = tmp_path / "article.txt"
    article.write_text("서울시, 충칭시와 물 관리 협약\n서울시와 충칭시가 4일 협약을 맺었다.\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "service", "ingest", str(article)],
        cwd=ROOT,
        env={**os.environ, "BONGSU_KAFKA_BOOTSTRAP_SERVERS": servers[1]},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    run.wait_for_output(r" verified .*\n +서울시, 충칭시와 물 관리 협약")
    api = re.search(r"^API +(http://127\.0\.0\.1:\d+/v1)$", run.out, re.MULTILINE)
    assert api
    with urllib.request.urlopen(f"{api[1]}/openapi.json", timeout=30) as answer:
        assert json.load(answer)["openapi"].startswith("3.1")
    for name in ("worker", "dispatcher", "audit", "history", "api"):
        assert re.search(rf"^{name} +http://127\.0\.0\.1:\d+/metrics", run.out, re.MULTILINE)
    assert run.interrupt(signal.SIGTERM) == 130
    assert run.running() == []


def test_up_ends_when_a_role_does(start):
    run = start("up")
    run.wait_for_output(r"Ctrl-C ends it")
    (worker,) = [pid for pid in run.running() if b"\0worker\0" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    os.kill(worker, signal.SIGKILL)
    assert run.process.wait(30) == 1
    assert "worker ended with -9" in run.out
    assert run.running() == []


@pytest.mark.parametrize("name", ["BOOTSTRAP_SERVERS", "SECURITY_PROTOCOL"])
def test_settings_of_another_kafka_are_refused(start, name):
    value = {"BOOTSTRAP_SERVERS": "kafka.example.org:9092", "SECURITY_PROTOCOL": "SSL"}[name]
    run = start("demo", **{f"BONGSU_KAFKA_{name}": value})
    assert run.process.wait(30) == 2
    assert run.out.startswith(f"bongsu: BONGSU_KAFKA_{name} set:")


def test_a_data_directory_that_cannot_be_made_is_named(start, tmp_path):
    (tmp_path / "file").write_text("")
    run = start("demo", BONGSU_DATA_DIR=str(tmp_path / "file" / "data"))
    assert run.process.wait(30) == 2
    assert "choose another with BONGSU_DATA_DIR" in run.out


async def test_up_again_on_its_data_calls_the_new_receiver_and_keeps_what_was_changed(kafka_settings):
    for port in (1, 2):
        await publish_subscription(kafka_settings, await _sample(kafka_settings, f"http://127.0.0.1:{port}/"))
    (stands,) = await read_subscriptions(kafka_settings)
    assert (stands.url, stands.revision) == ("http://127.0.0.1:2/", 2)
    changed = stands.model_copy(update={"revision": 3, "rules": ("seoul-*",), "disabled_ms": 5})
    await publish_subscription(kafka_settings, changed)
    await publish_subscription(kafka_settings, await _sample(kafka_settings, "http://127.0.0.1:3/"))
    (stands,) = await read_subscriptions(kafka_settings)
    assert (stands.url, stands.rules, stands.disabled_ms) == ("http://127.0.0.1:3/", ("seoul-*",), None)
    await remove_subscription(kafka_settings, "sample")
    await publish_subscription(kafka_settings, await _sample(kafka_settings, "http://127.0.0.1:4/"))
    (stands,) = await read_subscriptions(kafka_settings)
    assert (stands.url, stands.rules, stands.policy) == ("http://127.0.0.1:4/", ("*",), EVERY_ALERT)
