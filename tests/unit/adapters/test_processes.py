"""Children end with us: told to, killed with us, and whatever thread started them."""

import os
import signal
import subprocess
import sys
import threading

import psutil
import pytest

from service.adapters.processes import Child, log_tail, spawn, stop, write_ready
from service.model.errors import Unavailable
from tests.waiting import wait_for

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)",
]


def gone(pid):
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_output_and_environment(tmp_path):
    log = tmp_path / "logs" / "child.log"
    show = "import os, sys; print(sorted(os.environ), flush=True); print('err', file=sys.stderr); sys.exit(7)"
    child = spawn([sys.executable, "-c", show], log_path=log, env={"ONLY": "this"})
    assert child.wait(10) == 7
    assert "'ONLY'" in log_tail(log)
    assert "PATH" not in log_tail(log)
    assert log_tail(log, 1) == "err"


def test_a_program_that_is_none_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="/no/such/program"):
        spawn(["/no/such/program"], log_path=tmp_path / "log")


def test_stop_asks_and_then_insists(tmp_path):
    log = tmp_path / "log"
    polite = spawn(SLEEPER, log_path=log)
    wait_for(lambda: "up" in log_tail(log))
    assert stop(polite, 10) == -signal.SIGTERM
    assert stop(polite, 10) == -signal.SIGTERM  # again: nothing happens
    log = tmp_path / "log2"
    stubborn = spawn(STUBBORN, log_path=log)
    wait_for(lambda: "up" in log_tail(log))
    assert stop(stubborn, 0.1) == -signal.SIGKILL


def test_stop_wakes_a_paused_process(tmp_path):
    log = tmp_path / "log"
    child = spawn(SLEEPER, log_path=log)
    wait_for(lambda: "up" in log_tail(log))
    child.send_signal(signal.SIGSTOP)
    assert stop(child, 10) == -signal.SIGTERM


def test_a_child_has_a_session_of_its_own_and_survives_the_thread_that_asked_for_it(tmp_path):
    made = []
    asking = threading.Thread(target=lambda: made.append(spawn(SLEEPER, log_path=tmp_path / "log")))
    asking.start()
    asking.join()
    wait_for(lambda: "up" in log_tail(tmp_path / "log"))
    assert os.getsid(made[0].pid) == made[0].pid  # Ctrl-C in our terminal does not reach it
    assert made[0].poll() is None
    stop(made[0], 10)


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_a_child_dies_with_us_even_when_we_are_killed(tmp_path):
    log = tmp_path / "log"
    code = (
        "import sys, time; from pathlib import Path; from service.adapters.processes import spawn; "
        f"print(spawn({SLEEPER!r}, log_path=Path({str(log)!r})).pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        wait_for(lambda: "up" in log_tail(log))
        assert not gone(pid)
        parent.kill()
        parent.wait()
        wait_for(lambda: gone(pid))


def test_the_ready_file_is_there_whole(tmp_path):
    ready = tmp_path / "ready"
    write_ready(ready, {"metrics": 1234})
    assert ready.read_text() == f'{{"pid": {os.getpid()}, "ports": {{"metrics": 1234}}}}'
    assert [path.name for path in tmp_path.iterdir()] == ["ready"]
    write_ready(None, {})


def test_a_role_that_ends_early_shows_why(tmp_path):
    child = Child("worker")
    child.start(["no-such-command"], {}, tmp_path / "worker.log")
    with pytest.raises(Unavailable, match=r"(?s)worker ended with 2 before it was ready:.*no-such-command"):
        child.wait_ready(30)
    assert child.returncode == 2
    assert child.terminate() == 2


def test_a_role_that_is_not_ready_in_time_shows_what_it_wrote(tmp_path):
    child = Child("listen")
    child.start(["kafka", "--help"], {}, tmp_path / "role.log", ready=False)
    assert child.wait(30) == 0
    assert "Apache Kafka" in child.tail(100)
