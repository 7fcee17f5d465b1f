"""`bongsu rules`: write rules without fear. Each sub-command is a module of its own, imported when it is called."""

import importlib
from pathlib import Path

import click

COMMANDS = {
    "check": "service.cli.rules_check:check",
    "test": "service.cli.rules_test:test",
    "backtest": "service.cli.rules_backtest:backtest",
    "diff": "service.cli.rules_diff:diff",
    "apply": "service.cli.rules_apply:apply",
}


class _Rules(click.Group):
    """`apply` talks to Kafka, `check` needs no such thing."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command


@click.group(cls=_Rules)
def rules() -> None:
    """Check, test, compare and apply rule files."""


directory = click.argument("path", type=click.Path(path_type=Path), metavar="DIR", default=Path("rules"))
as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
