"""What `make soak` adds to a test: parts, luck that can be had again, what is seen while it runs, a record to go on by.

Variables: KILLS (of each test, over all of its parts), PARTS, SEED (drawn when not given), MINUTES (after so many a part
kills nobody more, and looks at what it has), SOAK_RECORD (a file of JSON Lines: what passed there with the same seed, kills
and parts is left out). docs/soak.md says what all this proves.
"""

import json
import os
import random
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from service.adapters.processes import Child
from service.bench.processes import resident_mb

KILLS = int(os.environ.get("KILLS") or "200")
PARTS = int(os.environ.get("PARTS") or "4")
KILLS_A_PART = -(-KILLS // PARTS)
MINUTES = float(os.environ.get("MINUTES") or "inf")
SAY_EVERY_S = 15.0
DEATHS_AT_START = 0.15
"""Share of kills that are followed by another while the heir starts: a recovery can be killed too."""
PLUGIN = "soak-run"
parts = pytest.mark.parametrize("part", range(1, PARTS + 1), ids=lambda part: f"part{part}of{PARTS}")
_FAULT = re.compile(r'"level": "(error|critical)", "logger": "service|Traceback|in a fault')
_WARNING = re.compile(r'"event": "([^"]*)".*"level": "(?:warning|error)"')
"""Errors of Kafka's clients too: what they say while a coordinator moves is no fault of ours, but is counted."""


class Soak:
    """One part of one test: its luck, its progress, what it measured."""

    def __init__(self, request: pytest.FixtureRequest, seed: int) -> None:
        self._node = request.node
        self._capture = request.config.pluginmanager.getplugin("capturemanager")
        self._started = time.monotonic()
        self._said = -SAY_EVERY_S
        self._series: dict[str, list[float]] = {}
        self.deaths = 0
        self.seed = f"{seed} {request.node.name}"
        self.luck = random.Random(self.seed)

    @property
    def time_is_up(self) -> bool:
        """No more kills: what is under way comes to rest and is looked at."""
        return time.monotonic() - self._started > MINUTES * 60

    def kill(self, victim: Child) -> None:
        """SIGKILL, counted."""
        victim.kill()
        self.deaths += 1

    def dies_at_start(self) -> bool:
        """Is the next heir killed while it starts?"""
        return self.luck.random() < DEATHS_AT_START

    def moment_s(self, longest_s: float) -> float:
        """A random moment: not a time that something takes, but when luck strikes."""
        return self.luck.random() * longest_s

    def note(self, **facts: Any) -> None:
        """Kept in the record, and shown at the end of the part."""
        self._node.user_properties.extend(facts.items())

    def measure(self, name: str, value: float) -> None:
        """One of many, e.g. how long it took until the next webhook after a kill; the record tells how they grew."""
        self._series.setdefault(name, []).append(value)

    def memory(self, roles: Iterable[Child]) -> None:
        """Resident memory of roles as they are now; fails for one that ended by itself."""
        for role in roles:
            assert role.returncode is None, f"{role.name} ended by itself with {role.returncode}:\n{role.tail()}"
            self.measure(f"{role.name}_mb", resident_mb(role.pid)[0])

    def progress(self, total: int) -> None:
        """Say how many of `total` kills there were; at most every SAY_EVERY_S."""
        if time.monotonic() - self._said >= SAY_EVERY_S:
            self._said = time.monotonic()
            last = ", ".join(f"{name} {values[-1]:.1f}" for name, values in self._series.items())
            self._say(f"{self.deaths} of {total} kills, {self._said - self._started:.0f} s; {last}")

    def logs(self, folder: Path) -> None:
        """Reads what the roles wrote: counts warnings for the record, fails for an error or an exception."""
        warnings: Counter[str] = Counter()
        faults = []
        for log in sorted(folder.glob("**/*.log")):
            for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
                if _FAULT.search(line):
                    faults.append(f"{log.name}: {line[:500]}")
                elif found := _WARNING.search(line):
                    warnings[re.sub(r"\d+(\.\d+)?", "0", found[1])[:100]] += 1
        self.note(warnings=dict(warnings.most_common()), errors=len(faults))
        assert not faults, "\n".join(faults[:20])

    def end(self) -> None:
        """Put what was measured into the record: median of the first and the last quarter, and the most."""
        if self.deaths:
            self.note(deaths=self.deaths)
        for name, values in self._series.items():
            quarter = max(1, len(values) // 4)
            self.note(**{name: {
                "first": round(median(values[:quarter]), 2), "last": round(median(values[-quarter:]), 2),
                "most": round(max(values), 2),
            }})  # fmt: skip
        self._say(", ".join(f"{name} {value}" for name, value in self._node.user_properties))

    def _say(self, text: str) -> None:
        with self._capture.global_and_fixture_disabled():
            print(f"\n  {time.strftime('%H:%M:%S')} {self._node.name}: {text}", end="", flush=True)


@pytest.fixture
def soak(request: pytest.FixtureRequest) -> Iterator[Soak]:
    """The soak of a test; see the class."""
    run = request.config.pluginmanager.getplugin(PLUGIN)
    assert isinstance(run, Run)
    made = Soak(request, run.seed)
    yield made
    made.end()


class Run:
    """A plugin for the whole run: leaves out what its record says, and writes down what passes or fails now."""

    def __init__(self, record: str | None) -> None:
        self._path = Path(record) if record else None
        lines = self._path.read_text(encoding="utf-8").splitlines() if self._path and self._path.exists() else []
        before = [json.loads(line) for line in lines]
        drawn = before[-1]["seed"] if before else random.SystemRandom().randrange(1_000_000)
        self.seed = int(os.environ.get("SEED") or drawn)
        self._like = {"seed": self.seed, "kills": KILLS, "parts": PARTS}
        self._passed = {
            one["test"]: one for one in before if one["outcome"] == "passed" and one.items() >= self._like.items()
        }
        self._ended: dict[str, tuple[str, float]] = {}

    def pytest_report_header(self, config: pytest.Config) -> str:
        """What to type to have the same luck again."""
        if config.option.markexpr != "soak":
            return ""
        of = f"; {self._path} says that {len(self._passed)} passed before" if self._path else ""
        return f"soak: SEED={self.seed} KILLS={KILLS} PARTS={PARTS}{of}"

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Skip what passed before, as long as it is of this seed and of as many kills."""
        for item in items:
            if (one := self._passed.get(item.nodeid)) and item.get_closest_marker("soak"):
                item.add_marker(pytest.mark.skip(f"passed at {one['at']} in {one['seconds']} s"))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A line for each soak that ran to its end."""
        if self._path is None or "soak" not in report.keywords or report.skipped:
            return
        if report.when == "call":
            self._ended[report.nodeid] = (report.outcome, report.duration)
        elif report.when == "teardown" and report.nodeid in self._ended:
            outcome, took_s = self._ended.pop(report.nodeid)
            line = {
                "test": report.nodeid, **self._like, "outcome": outcome if report.passed else "failed",
                "seconds": round(took_s), "at": time.strftime("%Y-%m-%d %H:%M:%S"), **dict(report.user_properties),
            }  # fmt: skip
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
