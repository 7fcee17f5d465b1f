"""What the commands that do one thing and end have in common."""

import re

import click

from service import logs
from service.model.record import DEFAULT_TENANT, TENANT_PATTERN
from service.settings import Settings


class _Tenant(click.ParamType):
    """The name of a tenant."""

    name = "tenant"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if re.fullmatch(TENANT_PATTERN, value) is None:
            self.fail(f"{value!r} is no name of a tenant: a-z, 0-9 and -, at most 40, no - at either end", param, ctx)
        return value


tenant_option = click.option(
    "--tenant", type=_Tenant(), default=DEFAULT_TENANT, show_default=True, metavar="NAME",
    help="Whose: one tenant never sees what is another's.",
)  # fmt: skip


def settings_of(command: str) -> Settings:
    """The settings, with logs set up for a command.

    Raises:
        WrongSetup: a setting is wrong.
    """
    settings = Settings()
    logs.configure(settings.log, command)
    if settings.log.level != "DEBUG":
        logs.only_warnings()
    return settings


def printable(text: str) -> str:
    """What others wrote must not steer a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
