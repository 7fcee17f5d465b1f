"""`bongsu rules apply`: put a directory of rules in force."""

import asyncio
from pathlib import Path

import click

from service.actions.actor import Actor
from service.actions.control import Control
from service.actions.rules import apply as applied
from service.adapters.control_rules import Published, publish_rules
from service.adapters.rule_files import load_rules
from service.cli.common import settings_of, tenant_option
from service.matching.ruleset import RuleSet
from service.settings import Settings


@click.command()
@tenant_option
@click.argument("directory", metavar="DIR", type=click.Path(exists=True, path_type=Path))
def apply(directory: Path, tenant: str) -> None:
    """Put the rules of DIR (or of one file) in force in every worker, within a second, without a restart.

    They are checked first; workers see all of them or none. Applying the same rules again changes nothing.
    """
    settings = settings_of("rules")
    ruleset = load_rules(directory)
    done = asyncio.run(_apply(settings, ruleset, tenant))
    count = len(ruleset.rules)
    click.echo(
        f"rules applied: {count} rule{'s' if count != 1 else ''}, version {done.version[:12]} "
        f"({done.items_written} written, {done.items_kept} unchanged, {done.items_removed} removed)"
    )


async def _apply(settings: Settings, ruleset: RuleSet, tenant: str) -> Published:
    async with Control(settings, follow=(), once=True) as control:
        return await applied(
            control, Actor.of_shell(tenant), lambda: publish_rules(settings.kafka, ruleset, tenant=tenant)
        )
