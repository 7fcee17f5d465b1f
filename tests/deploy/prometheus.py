"""A real Prometheus on a free port of loopback, watching what it is told to.

A test gives it a configuration as Prometheus reads it (a dict) and asks it as Grafana does, over its HTTP API.
"""

import contextlib
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.deploy import servers
from tests.deploy.tools import tool

HOW = "`apt-get install prometheus` brings it"


@dataclass(frozen=True, slots=True)
class Prometheus:
    """One that runs; `url` is where."""

    url: str

    def ask(self, path: str, **parameters: object) -> Any:
        """The `data` of an answer of `/api/v1/...`; AssertionError with what Prometheus said where it refuses."""
        query = urllib.parse.urlencode(parameters, doseq=True)
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path} {parameters}: {error.read().decode(errors='replace')}") from None

    def query(self, expr: str, at_s: float | None = None) -> list[dict[str, Any]]:
        """What an expression is now, or was at a time: [{"metric": labels, "value": [time, text]}]."""
        when = {} if at_s is None else {"time": at_s}
        found: list[dict[str, Any]] = self.ask("query", query=expr, **when)["result"]
        return found

    def query_range(self, expr: str, *, start_s: float, end_s: float, step_s: float) -> list[dict[str, Any]]:
        """What it was meanwhile: [{"metric": labels, "values": [[time, text]...]}]."""
        found: list[dict[str, Any]] = self.ask("query_range", query=expr, start=start_s, end=end_s, step=step_s)[
            "result"
        ]
        return found

    def targets_up(self) -> dict[str, bool]:
        """Job -> whether all its targets answered when they were last asked."""
        up: dict[str, bool] = {}
        for target in self.ask("targets", state="active")["activeTargets"]:
            job = target["labels"]["job"]
            up[job] = up.get(job, True) and target["health"] == "up"
        return up


@contextlib.contextmanager
def running(home: Path, config: Mapping[str, Any], *flags: str) -> Iterator[Prometheus]:
    """Started in an empty folder, ready; with exemplars, as deploy/compose.yaml starts it. Stopped at the end.

    `flags` are of its command line, besides.
    """
    storage = f"--storage.tsdb.path={home / 'data'}"
    binary = tool("prometheus", HOW)
    with servers.running(binary, home, config, storage, "--enable-feature=exemplar-storage", *flags) as address:
        yield Prometheus(f"http://{address}")


def scrape(targets: Mapping[str, list[str]], *, every_s: float = 1) -> dict[str, Any]:
    """A configuration that looks at jobs: name -> "host:port" of each of its targets."""
    return {
        "global": {"scrape_interval": f"{every_s:g}s", "evaluation_interval": f"{every_s:g}s"},
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": addresses}]} for job, addresses in targets.items()
        ],
    }
