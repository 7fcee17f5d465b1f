"""A process that is forked from one that has imported everything is like one that was started from nothing."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from service.adapters.processes import spawn as really
from tests.commands import bongsu_forked, bongsu_process
from tests.forked import spawn
from tests.waiting import wait_for


@pytest.mark.parametrize(
    ("args", "stdin"),
    [
        (["--version"], None),
        (["no-such-command"], None),
        (["topics", "create"], None),
        (["verify", "--secret", "whsec_x"], None),
        (["match", "-", "--rules", "rules"], '{"text": "서울시가 알렸다."}\n'),
        (["match", "-", "--rules", "rules"], b'{"text": "\xff"}\n'),
    ],
)
def test_a_command_says_and_ends_the_same(args, stdin):
    env = {"BONGSU_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9", "BONGSU_MATCHING_MORPHOLOGY": "false"}
    forked, started = (run(*args, env=env, stdin=stdin) for run in (bongsu_forked, bongsu_process))
    assert (forked.returncode, forked.stdout, forked.stderr) == (started.returncode, started.stdout, started.stderr)


def test_it_has_its_own_environment_folder_and_session(tmp_path, monkeypatch):
    (tmp_path / "about.py").write_text(
        "import json, os, sys\n"
        "print(json.dumps([dict(os.environ), os.getcwd(), os.getsid(0) == os.getpid(), sys.argv[1:], __name__]))\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    told = []
    for number, start in enumerate((spawn, really)):
        log = tmp_path / f"{number}.log"
        child = start(
            [sys.executable, "-m", "about", "a", "b"], log_path=log, env={"ONLY": "this", "LC_CTYPE": "C.UTF-8"}
        )
        assert child.wait(30) == 0, log.read_text()
        told.append(json.loads(log.read_text()))
    assert told == [[{"ONLY": "this", "LC_CTYPE": "C.UTF-8"}, str(tmp_path), True, ["a", "b"], "__main__"]] * 2


def test_it_can_be_waited_for_asked_and_killed(tmp_path):
    log = tmp_path / "log"
    child = spawn([sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "0"], log_path=log)
    wait_for(lambda: "Serving" in log.read_text())
    assert child.poll() is None
    assert os.getsid(child.pid) == child.pid
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(0.05)
    child.kill()
    assert child.wait(30) == child.returncode == -signal.SIGKILL
    child.send_signal(signal.SIGTERM)  # nobody is there: nothing happens


PARENT = """
import sys, time
from pathlib import Path
from tests.forked import spawn

child = spawn([sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "0"], log_path=Path(sys.argv[1]))
print(child.pid, flush=True)
time.sleep(100)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux ends it")
def test_it_does_not_outlive_who_started_it(tmp_path):
    log = tmp_path / "log"
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", PARENT, log], cwd=root, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        wait_for(lambda: log.exists() and "Serving" in log.read_text())
        parent.kill()
    wait_for(lambda: ended(pid))


def ended(pid):
    """Also where the first process of a container never asks for the exit codes of orphans: they stay as zombies."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return stat.rpartition(") ")[2][0] in "ZX"
