"""The account at the end of `bongsu demo`: what went in, what came out, and what is not as it must be."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from service.adapters.receiver import Received
from service.cli.arrivals import Arrivals
from service.cli.audit import as_text
from service.model import topics
from service.model.errors import BadInput

SETTLE_S = 60.0
"""Within it everything must come to rest."""


def read_expected(seeds_dir: Path) -> dict[str, list[str]] | None:
    """What the seeds promise: rule ids for each article; None where they promise nothing.

    Raises:
        BadInput: the file is there and is not that.
    """
    path = seeds_dir / "expected.yaml"
    if not path.exists():
        return None
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is not YAML: {error}") from None
    if not isinstance(value, dict) or not all(isinstance(rules, list) for rules in value.values()):
        raise BadInput(f"{path}: each line must be `FILE: [rule ids]`, or `FILE#LINE: [rule ids]` for JSON Lines")
    return value


def problems_of(
    expected: Mapping[str, list[str]] | None, published: int, received: Sequence[Received], account: dict[str, Any]
) -> list[str]:
    """What is wrong with the run, as sentences; empty when all is as it must be."""
    problems = []
    if not account["balanced"]:
        problems.append(f"the books do not balance:\n{as_text(account)}")
    if not account["at_rest"]:
        problems.append(f"not all came to rest within {SETTLE_S:g} s:\n{as_text(account)}")
    if account["topics"][topics.DEAD_LETTERS]["records"]:
        problems.append(f"{account['topics'][topics.DEAD_LETTERS]['records']} records went to dead-letters")
    unverified = sum(not one.verified for one in received)
    if unverified:
        problems.append(f"{unverified} webhooks did not verify")
    different = {one.id: one for one in received}
    delivered = account["ledgers"]["deliveries"]["ends"].get("delivered", 0)
    if len(different) != delivered:
        problems.append(f"{len(different)} different webhooks arrived, {delivered} were accounted as delivered")
    if expected is not None:
        if len(expected) != published:
            problems.append(f"{published} articles were published, expected.yaml names {len(expected)}")
        promised = Counter(rule for rules in expected.values() for rule in rules)
        arrived = Counter(one.payload["data"]["rule"]["id"] for one in different.values())
        problems += [
            f"expected.yaml promises {promised[rule]} webhooks of the rule {rule}, {arrived[rule]} arrived"
            for rule in sorted(promised | arrived)
            if promised[rule] != arrived[rule]
        ]
    return problems


def print_account(console: Console, published: int, arrivals: Arrivals, account: dict[str, Any], began: float) -> None:
    """What went in and came out; `began` is of `time.monotonic`."""
    ledgers = account["ledgers"]
    different = len({received.id for received in arrivals.received})
    verified = len({received.id for received in arrivals.received if received.verified})
    unaccounted = sum(ledger["unaccounted"] + ledger["conflicting"] for ledger in ledgers.values())
    latencies = sorted(arrivals.latencies_ms)
    middle = f", {latencies[len(latencies) // 2]:.0f} ms in the middle" if latencies else ""
    console.rule("the account", characters="-" if not console.is_terminal else "─")
    for label, value in (
        ("articles in", published),
        ("articles in which a rule was found", account["topics"][topics.MATCHES]["records"]),
        ("alerts", ledgers["alerts"]["entries"]),
        ("webhooks delivered", f"{different}{middle}"),
        ("webhooks verified", verified),
        ("dead letters", account["topics"][topics.DEAD_LETTERS]["records"]),
        ("unaccounted for", unaccounted),
        ("seconds", f"{time.monotonic() - began:.1f}"),
    ):
        console.print(f"  {label:<36}{value}")
