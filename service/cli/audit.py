"""`bongsu audit`: once, exactly, with an exit code; or as a role."""

import asyncio
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import orjson

from service import app
from service.audit.books import Balance, Books
from service.audit.reader import LedgerReader, Position
from service.cli.common import settings_of
from service.cli.roles import role_options, run
from service.settings import KafkaSettings

ROUND_PAUSE_S = 0.3


async def take_audit(settings: KafkaSettings, wait_s: float = 0.0) -> dict[str, Any]:
    """Fold the topics; with `wait_s`, again until nothing is pending and nothing is behind, or the time is over.

    Raises:
        Unavailable, WrongSetup: Kafka does not answer or refuses us, or the topics do not exist.
        NewerSchema: a record was written by a newer Bongsu.
    """
    books = Books()
    reader = LedgerReader(settings, books)
    try:
        await reader.start()
        deadline = time.monotonic() + wait_s
        while True:
            balances = books.balances(await reader.catch_up(), round(time.time() * 1000))
            if _at_rest(balances, reader.positions) or time.monotonic() >= deadline:
                break
            await asyncio.sleep(ROUND_PAUSE_S)
    finally:
        await reader.stop()
    return {
        "balanced": all(balance.balanced for balance in balances),
        "at_rest": _at_rest(balances, reader.positions),
        "ledgers": {balance.ledger: {**asdict(balance), "balanced": balance.balanced} for balance in balances},
        "topics": {
            position.topic: {"records": position.records, "behind": position.behind} for position in reader.positions
        },
        "unreadable": reader.unreadable,
    }


def _at_rest(balances: tuple[Balance, ...], positions: tuple[Position, ...]) -> bool:
    return not any(balance.pending for balance in balances) and not any(position.behind for position in positions)


@click.command()
@role_options
@click.option("--json", "as_json", is_flag=True, help="The whole account as one JSON object.")
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(0),
    default=0.0,
    metavar="S",
    help="Wait up to S seconds for all to come to rest.",
)
def audit(metrics_port: int | None, ready_file: Path | None, as_json: bool, wait_s: float) -> int:
    """Prove that the books balance.

    Ledger 1: every alert has exactly one current decision. Ledger 2: every delivery has exactly one end, or is
    pending. Exit code 0 when both balance, 1 when anything is unaccounted for or has two contents. With
    --metrics-port it stays, and exports bongsu_account_unaccounted{ledger} and its siblings.
    """
    if metrics_port is not None or ready_file is not None:
        if as_json or wait_s:
            raise click.UsageError("--json and --wait belong to the audit that ends; leave them out for the role.")
        run("audit", app.make_audit, metrics_port, ready_file)
        return 0
    settings = settings_of("audit")
    account = asyncio.run(take_audit(settings.kafka, wait_s))
    if as_json:
        click.echo(orjson.dumps(account, option=orjson.OPT_INDENT_2).decode())
    else:
        click.echo(as_text(account))
    return 0 if account["balanced"] else 1


def as_text(account: dict[str, Any]) -> str:
    """The account for people."""
    lines = []
    for name, ledger in account["ledgers"].items():
        ends = ", ".join(f"{end} {count}" for end, count in ledger["ends"].items()) or "none"
        verdict = "balances" if ledger["balanced"] else "DOES NOT BALANCE"
        lines.append(
            f"ledger {name:<11} {verdict}: {ledger['entries']} ids, ended {ledger['ended']} ({ends}), "
            f"pending {ledger['pending']}, unaccounted {ledger['unaccounted']}, conflicting {ledger['conflicting']}"
        )
        if ledger["examples"]:
            lines.append(f"  look at: {', '.join(ledger['examples'])}")
    for name, topic in account["topics"].items():
        behind = "" if topic["behind"] is None else f", {topic['behind']} not yet acknowledged"
        lines.append(f"topic  {name:<22} {topic['records']} records{behind}")
    if account["unreadable"]:
        lines.append(f"unreadable records in these topics: {account['unreadable']} (the log says which)")
    return "\n".join(lines)
