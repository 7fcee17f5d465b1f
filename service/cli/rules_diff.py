"""`bongsu rules diff`: what changes if these rules go in force."""

import asyncio
import sys
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from service.cli.common import tenant_option
from service.cli.rules import as_json

if TYPE_CHECKING:
    from service.matching.comparison import Comparison, Differences
    from service.matching.ruleset import RuleSet

SHOWN = 100


@click.command()
@click.argument("paths", type=click.Path(path_type=Path), metavar="[OLD] NEW", nargs=-1, required=True)
@tenant_option
@as_json
def diff(paths: tuple[Path, ...], tenant: str, as_json: bool) -> None:
    """Compare the rule files NEW with OLD, or with the rules in force: added, removed, changed, field by field.

    Also rules that stay as they are and mean something else, since an entity that they ask for changed. Exit code 0: no
    difference. 1: there is one. 2: one of them does not load.
    """
    if len(paths) > 2:
        raise click.UsageError(f"compare two, OLD and NEW, and not {len(paths)}")
    from service.adapters.rule_files import load_rules
    from service.matching.comparison import compare

    after = load_rules(paths[-1])
    before = load_rules(paths[0]) if len(paths) == 2 else _in_force(tenant)
    found = compare(before, after)
    differs = any(kind.added or kind.removed or kind.changed for kind in (found.entities, found.rules))
    if as_json:
        answer = {"from": before.version, "to": after.version, "differs": differs, **asdict(found)}
        sys.stdout.buffer.write(orjson.dumps(answer, option=orjson.OPT_APPEND_NEWLINE, default=_plain))
    else:
        _print(found)
        if not differs:
            click.echo("no difference")
    if differs:
        raise SystemExit(1)


def _in_force(tenant: str) -> "RuleSet":
    """The set in force for a tenant; empty where there is none."""
    from service.adapters.control_rules import read_in_force
    from service.cli.common import settings_of
    from service.matching.ruleset import RuleSet

    return asyncio.run(read_in_force(settings_of("rules").kafka, tenant)) or RuleSet((), (), {})


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"{type(value).__name__} is not for JSON")


def _print(found: "Comparison") -> None:
    for what, kind in (("entity", found.entities), ("rule", found.rules)):
        _print_kind(what, kind)
    for rule in found.affected[:SHOWN]:
        click.secho(f"~ rule {rule}: as it was, but an entity that it asks for changed", fg="yellow")
    if len(found.affected) > SHOWN:
        click.echo(f"... and {len(found.affected) - SHOWN} more; --json has all")


def _print_kind(what: str, kind: "Differences") -> None:
    for name in kind.added[:SHOWN]:
        click.secho(f"+ {what} {name}", fg="green")
    for name in kind.removed[:SHOWN]:
        click.secho(f"- {what} {name}", fg="red")
    for name, changes in list(kind.changed.items())[:SHOWN]:
        click.secho(f"~ {what} {name}", fg="yellow")
        for field, (was, now) in changes.items():
            click.echo(f"    {field}: {_short(was)} -> {_short(now)}")
    more = sum(max(0, len(part) - SHOWN) for part in (kind.added, kind.removed, kind.changed))
    if more:
        click.echo(f"... and {more} more; --json has all")


def _short(value: Any) -> str:
    if isinstance(value, tuple):
        text = "[" + ", ".join(str(getattr(one, "text", one)) for one in value) + "]"
    else:
        text = str(value)
    return text if len(text) <= 200 else text[:199] + "…"
