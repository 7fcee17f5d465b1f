"""`bongsu doctor`: is everything as it must be, and if not, what to do about it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict

import click
import orjson

from service.cli import doctor_control, doctor_groups, doctor_history, doctor_kafka, doctor_machine
from service.cli.common import settings_of
from service.cli.doctor_finding import Check, Finding
from service.model.errors import BongsuError
from service.settings import Settings

WITHOUT_KAFKA: tuple[Check, ...] = (
    doctor_machine.disk,
    doctor_machine.extras,
    doctor_machine.files,
    doctor_machine.certificate,
    doctor_history.history,
)
WITH_KAFKA: tuple[Check, ...] = (
    doctor_kafka.settings_of_topics,
    doctor_kafka.copies,
    doctor_kafka.clock,
    doctor_control.rules,
    doctor_control.subscriptions,
    doctor_control.secrets,
    doctor_control.tokens,
    doctor_groups.groups,
)
ABOUT: dict[Check, str] = {doctor_kafka.settings_of_topics: "topics", doctor_groups.groups: "roles"}
"""Where a check that cannot be made has another name than what it is about."""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="All findings as one JSON object.")
@click.option(
    "--role",
    "roles",
    multiple=True,
    metavar="URL",
    help="Ask a role's /readyz, e.g. http://worker-1:9100 (its --metrics-port). May be given several times.",
)
def doctor(as_json: bool, roles: tuple[str, ...]) -> int:
    """Is everything as it must be, and what to do if not?

    Kafka, topics and their copies, clock, rules, subscriptions, secrets, tokens, who is alive and what waits, disk,
    extras, certificate, history. Each line is `ok`, `warning` or `error`; exit code 1 when there is an error.

    Worker and dispatcher are seen in their groups; audit and API only by --role. Disk, files and certificate are those
    of the machine that this runs on. To ask for the broker's time it makes a topic `doctor.…` and deletes it again.
    """
    settings = settings_of("doctor")
    return asyncio.run(_print_all(settings, roles, as_json=as_json))


async def _print_all(settings: Settings, roles: Sequence[str], *, as_json: bool) -> int:
    found = []
    async for finding in examine(settings, roles):
        found.append(finding)
        if not as_json:
            todo = f"; {finding.todo}" if finding.todo else ""
            click.echo(f"{finding.level:<7}  {finding.about:<13} {finding.text}{todo}")
    counts = Counter(finding.level for finding in found)
    if as_json:
        told = {
            "ok": not counts["error"],
            "errors": counts["error"],
            "warnings": counts["warning"],
            "findings": [asdict(finding) for finding in found],
        }
        click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode())
    return int(counts["error"] > 0)


async def examine(settings: Settings, roles: Sequence[str] = ()) -> AsyncIterator[Finding]:
    """All findings, as they are made. What needs Kafka is left out when that does not answer."""
    checks = (*WITH_KAFKA, *WITHOUT_KAFKA)
    try:
        async for finding in doctor_kafka.brokers(settings):
            yield finding
    except BongsuError as error:
        yield Finding("error", "kafka", str(error))
        checks = WITHOUT_KAFKA
    for check in checks:
        async for finding in _told(check, settings, ABOUT.get(check, check.__name__)):
            yield finding
    for url in roles:
        yield await doctor_groups.ready(url)


async def _told(check: Check, settings: Settings, about: str) -> AsyncIterator[Finding]:
    """The findings of a check; one that cannot be made is an error and keeps back no other."""
    try:
        async for finding in check(settings):
            yield finding
    except BongsuError as error:
        yield Finding("error", about, str(error))
