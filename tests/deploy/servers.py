"""Servers of Prometheus' authors, run for a test: all have the same flags, and say in the same place that they are ready."""

import contextlib
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from service.adapters.embedded_kafka import HOST, free_port
from service.adapters.processes import stop
from tests.waiting import wait_for

STOP_S = 15


@contextlib.contextmanager
def running(binary: str, home: Path, config: Mapping[str, Any], *flags: str) -> Iterator[str]:
    """Started in an empty folder on a free port, ready; gives its "host:port". Stopped at the end."""
    home.mkdir(parents=True, exist_ok=True)
    file = home / "config.yaml"
    file.write_text(yaml.safe_dump(dict(config), allow_unicode=True), encoding="utf-8")
    address = f"{HOST}:{free_port()}"
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [binary, f"--config.file={file}", f"--web.listen-address={address}", *flags],
            stdout=log, stderr=log, cwd=home,
        )  # fmt: skip
    try:
        wait_for(lambda: process.poll() is not None or _ready(address), what=f"{Path(binary).name} is ready")
        assert process.poll() is None, (home / "log").read_text(encoding="utf-8", errors="replace")[-4000:]
        yield address
    finally:
        stop(process, STOP_S)


def _ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{address}/-/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
