"""`bongsu listen` as a process of its own: prints its URL, verifies, names causes, ends on SIGTERM."""

import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from service.cli.listen import listen
from service.delivery.signing import signature_headers
from service.model.errors import InvalidSubscription
from tests.deliveries import SECRET

OTHER = "whsec_" + "A" * 43 + "="


@pytest.fixture
def listening() -> Iterator[Any]:
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "service", "listen", "--secret", SECRET, "--status", "500,200"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    yield process, process.stdout.readline().strip(), process.stdout
    process.kill()
    process.wait()
    process.stdout.close()


def post(url: str, body: bytes, secret: str, message_id: str) -> int:
    headers = signature_headers([secret], message_id, int(time.time()), body)
    request = urllib.request.Request(url, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_listens_verifies_and_names_the_cause(listening: Any) -> None:
    process, url, out = listening
    mention = {
        "entity": "seoul-city",
        "surface": "서울시",
        "text": "서울시와",
        "sentence": "서울시와 만났다.",
        "zone": "lead",
    }
    alert = {"alert_id": "a", "match_id": "m", "article": {"id": "1", "title": "제목"}, "mentions": [mention]}
    data = {"rule": {"id": "r", "name": "규칙"}, "alerts": [alert]}
    body = json.dumps({"type": "alert.matched", "timestamp": "2026-01-01T00:00:00Z", "data": data}).encode()
    assert [post(url, body, SECRET, "msg_1") for _ in range(2)] == [500, 200]
    assert post(url, body, OTHER, "msg_2") == 500
    assert post(url, body, OTHER, "msg_2") == 401
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    shown = out.read()
    assert "서울시와 만났다." in shown
    assert "webhook-id msg_1" in shown
    assert "other_secret" in shown


@pytest.mark.parametrize("statuses", ["abc", "200,", "99", "200;500"])
def test_a_status_that_is_none_is_refused(statuses: str) -> None:
    done = CliRunner().invoke(listen, ["--status", statuses])
    assert done.exit_code == 2
    assert "500,500,200" in done.output


def test_a_secret_that_is_none_is_refused() -> None:
    done = CliRunner().invoke(listen, ["--secret", "hunter2"])
    assert isinstance(done.exception, InvalidSubscription)
    assert "hunter2" not in str(done.exception)
