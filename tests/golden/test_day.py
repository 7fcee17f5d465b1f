"""A small day, written by hand, that meets every mode, reason and hold: what is told of it is a golden file.

After a change that is meant run `python -m tests.golden.test_day`, and read the difference before you commit it.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import orjson

from service.adapters.rule_files import load_rules
from service.cli.subscriptions_file import load_subscriptions
from service.delivery.formats import body_of
from service.matching.engine import Engine
from service.simulation.day import read_day
from service.simulation.run import Sent, Simulation
from service.simulation.trace import traced
from service.simulation.world import World

DAY = Path(__file__).parent / "day"
GOLDEN = DAY / "expected.jsonl"
TAIL_MS = 24 * 3_600_000

DECISIONS = {
    "attached": {"copy", "version", "superseded", "not_listed"},
    "expired": {"time_to_live"},
    "held": {"cap", "digest", "frequency", "group_interval", "group_wait", "quiet_hours", "throttle"},
    "notified": {
        "cap", "correction", "digest", "each", "first", "frequency", "group_wait", "headline", "headline_changed",
        "quiet_hours", "sentence_changed", "silence_ended", "sources", "taken_down", "throttle", "tier",
    },
    "silenced": {"silenced"},
    "suppressed": {"filter", "frequency_not_reached", "inhibited", "redated", "subscription_gone", "taken_down"},
}  # fmt: skip


def simulated() -> list[Sent]:
    simulation = Simulation(World(Engine(load_rules(DAY / "rules.yaml")), body_of))
    simulation.control.subscribe(load_subscriptions(DAY / "subscriptions.yaml"))
    sent: list[Sent] = []
    with (DAY / "day.jsonl").open("rb") as lines:
        for event in read_day(lines, "day.jsonl"):
            sent += simulation.take(event)
    return [*sent, *simulation.run_until(simulation.now_ms + TAIL_MS)]


def told() -> list[dict[str, Any]]:
    return [line for one in simulated() if (line := traced(one)) is not None]


def test_the_day_is_told_as_it_was() -> None:
    expected = [json.loads(line) for line in GOLDEN.read_text(encoding="utf-8").splitlines()]
    lines = told()
    for number, (line, wanted) in enumerate(zip(lines, expected, strict=False), 1):
        assert line == wanted, f"{GOLDEN.name}:{number}; is the change meant? python -m tests.golden.test_day"
    assert len(lines) == len(expected)


def test_it_meets_every_decision_and_every_reason() -> None:
    met: dict[str, set[str]] = {}
    for line in told():
        if "decision" in line:
            met.setdefault(line["decision"], set()).add(line["reason"])
    assert {name: sorted(reasons) for name, reasons in met.items()} == {
        name: sorted(reasons) for name, reasons in sorted(DECISIONS.items())
    }


def test_every_alert_has_an_end_and_no_delivery_two_contents() -> None:
    current: dict[str, str] = {}
    bodies: Counter[str] = Counter()
    for line in told():
        if "decision" in line:
            current[line["alert"]] = line["decision"]
        else:
            bodies[line["delivery"]] += 1
    assert set(bodies.values()) == {1}
    assert not {"held", "silenced"} & set(current.values())


def test_an_empty_digest_says_so() -> None:
    empty = [line for line in told() if line.get("notification") == "alert.digest" and line["held_count"] == 0]
    assert {line["subscription"] for line in empty} == {"heartbeat"}


if __name__ == "__main__":
    GOLDEN.write_bytes(b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in told()))
