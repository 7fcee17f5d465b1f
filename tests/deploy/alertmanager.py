"""A real Alertmanager on a free port of loopback, and what it sends its alerts to."""

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.deploy import servers
from tests.deploy.tools import tool

HOW = "`apt-get install prometheus-alertmanager` brings it"


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
        thread.join(servers.STOP_S)


@contextlib.contextmanager
def running(home: Path, config: Mapping[str, Any]) -> Iterator[str]:
    """Started in an empty folder, ready, in no cluster; gives its "host:port". Stopped at the end."""
    # Debian calls it otherwise than its authors
    binary = tool("prometheus-alertmanager", HOW)
    with servers.running(
        binary, home, config, f"--storage.path={home / 'data'}", "--cluster.listen-address="
    ) as address:
        yield address
