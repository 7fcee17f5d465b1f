"""How a rule is shown part by part: `explain --rule`, and tests of rules that fail."""

from collections.abc import Iterable, Mapping
from typing import Any

import click

WIDTH = 60


def print_parts(parts: Iterable[Mapping[str, Any]], indent: int = 0) -> None:
    """One line for each part, indented as they stand over each other."""
    for part in parts:
        text = part["part"] if len(part["part"]) <= WIDTH else part["part"][: WIDTH - 1] + "…"
        click.echo(" " * indent, nl=False)
        click.secho("yes" if part["true"] else "NO ", fg="green" if part["true"] else "red", nl=False)
        click.echo(f"  {'  ' * part['depth']}{text}   {part['why']}")
