"""deploy/healthcheck.py: asks the role of its container, whatever port that was given."""

import importlib.util
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import ModuleType

import pytest

from service.adapters.embedded_kafka import free_port
from tests.deploy.tools import ROOT


@pytest.fixture(scope="module")
def healthcheck() -> ModuleType:
    spec = importlib.util.spec_from_file_location("healthcheck", ROOT / "deploy" / "healthcheck.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("command", "port"),
    [
        ("/opt/bongsu/bin/python /opt/bongsu/bin/bongsu worker --metrics-port 9100", 9100),
        ("python bongsu worker --metrics-port=9101 --ready-file /tmp/r", 9101),
        ("/sbin/docker-init -- bongsu api --port 8080 --metrics-port 9100", 9100),
        ("bongsu worker --metrics-port 0", None),
        ("bongsu topics create", None),
        ("bongsu worker --metrics-port", None),
    ],
)
def test_port(healthcheck: ModuleType, command: str, port: int | None) -> None:
    assert healthcheck.metrics_port(command.split()) == port


def _command_line(folder: Path, *words: str) -> Path:
    path = folder / "cmdline"
    path.write_bytes("\0".join((*words, "")).encode())
    return path


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/healthz" else 404)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Quiet."""


def test_a_role_that_answers_is_healthy(healthcheck: ModuleType, tmp_path: Path) -> None:
    with HTTPServer(("127.0.0.1", 0), _Answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        told = healthcheck.main(_command_line(tmp_path, "bongsu", "worker", "--metrics-port", str(server.server_port)))
        server.shutdown()
    assert told == 0


def test_a_role_that_does_not_answer_is_not(
    healthcheck: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = str(free_port())
    assert healthcheck.main(_command_line(tmp_path, "bongsu", "worker", "--metrics-port", port)) == 1
    assert f"127.0.0.1:{port}/healthz" in capsys.readouterr().out


def test_a_command_without_a_port_is_healthy(healthcheck: ModuleType, tmp_path: Path) -> None:
    assert healthcheck.main(_command_line(tmp_path, "bongsu", "topics", "create")) == 0
