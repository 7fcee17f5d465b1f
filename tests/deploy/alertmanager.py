"""A real Alertmanager on a free port of loopback, and what it sends its alerts to."""

import contextlib
import json
import subprocess
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.prometheus import free_port
from tests.deploy.tools import tool
from tests.waiting import wait_for

HOW = "`apt-get install prometheus-alertmanager` brings it"
STOP_S = 15


@dataclass(slots=True)
class Told:
    """What came, in its order: the path that it came to, and one alert of Alertmanager's message."""

    url: str = ""
    all: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def of(self, name: str, *, status: str = "firing", path: str | None = None, **labels: str) -> list[dict[str, Any]]:
        """Alerts of a name, with these labels among theirs."""
        return [
            alert
            for at, alert in self.all
            if alert["labels"]["alertname"] == name
            and alert["status"] == status
            and path in (None, at)
            and labels.items() <= alert["labels"].items()
        ]


@contextlib.contextmanager
def hook() -> Iterator[Told]:
    """Something that listens and remembers."""
    told = Told()

    class Handler(BaseHTTPRequestHandler):
        """Takes everything."""

        def do_POST(self) -> None:
            message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            told.all.extend((self.path, alert) for alert in message["alerts"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its name there
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join(STOP_S)


@contextlib.contextmanager
def running(home: Path, config: Mapping[str, Any]) -> Iterator[str]:
    """Started in an empty folder, ready, in no cluster; gives its "host:port". Stopped at the end."""
    # Debian calls it otherwise than its authors
    binary = tool("prometheus-alertmanager", HOW)
    home.mkdir(parents=True, exist_ok=True)
    file = home / "alertmanager.yaml"
    file.write_text(yaml.safe_dump(dict(config), allow_unicode=True), encoding="utf-8")
    address = f"127.0.0.1:{free_port()}"
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [binary, f"--config.file={file}", f"--storage.path={home / 'data'}", f"--web.listen-address={address}",
             "--cluster.listen-address="],
            stdout=log, stderr=log, cwd=home,
        )  # fmt: skip
    try:
        wait_for(lambda: process.poll() is not None or _ready(address), what="Alertmanager is ready")
        assert process.poll() is None, (home / "log").read_text(encoding="utf-8", errors="replace")[-4000:]
        yield address
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/-/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
