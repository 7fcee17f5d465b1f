"""`bongsu worker` and the others: what they are told, and that their process ends whatever hangs in it."""

import subprocess
import sys
import time

HANGS = """
import asyncio, threading, time
from service.cli import roles

roles.LAST_RESORT_S = 0.3

class Role:
    def __init__(self):
        self.failed = asyncio.get_running_loop().create_future()
    async def start(self):
        threading.Thread(target=time.sleep, args=(60,)).start()  # a library's thread that is not a daemon
        asyncio.get_running_loop().run_in_executor(None, time.sleep, 60)
        self.failed.set_result(ValueError("over"))
    async def stop(self):
        pass
    def not_ready(self):
        return []

roles.run("tester", lambda *_: Role(), None, None)
"""


def test_a_process_in_which_something_hangs_ends_all_the_same():
    before = time.monotonic()
    done = subprocess.run([sys.executable, "-c", HANGS], capture_output=True, text=True, check=False, timeout=50)
    assert done.returncode == 1
    assert time.monotonic() - before < 30
    assert '"stopping"' in done.stderr


def test_a_role_without_kafka_ends_with_one_sentence_after_its_log():
    done = subprocess.run(
        [sys.executable, "-m", "service", "worker"],
        capture_output=True, text=True, check=False, timeout=60, env={"BONGSU_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"},
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("bongsu: Kafka at 127.0.0.1:9 does not answer")
    assert "Traceback" not in done.stderr
