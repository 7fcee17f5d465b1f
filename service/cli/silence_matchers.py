"""What a silence hides, as a person says it: the options, and the names in them looked up."""

import click

from service.cli.subscription_fields import Command
from service.model import topics
from service.model.control_records import SilenceMatchers


def topics_of(matchers: SilenceMatchers | None) -> tuple[str, ...]:
    """The control topics that it takes to look up what was named."""
    return (topics.SILENCES, topics.SUBSCRIPTIONS) if matchers and matchers.subscription else (topics.SILENCES,)


def matcher_options(command: Command) -> Command:
    """What is hidden: each option is a glob and may be given several times; those of different options must all fit."""
    for name, meant in reversed(
        (
            ("rule", "Rules, e.g. 'seoul-*'."),
            ("entity", "What was found."),
            ("source", "Names of the press."),
            ("story", "One story, sty_..., as webhooks name it."),
            ("tag", "Tags of rules."),
            ("subscription", "Of this subscription only."),
        )
    ):
        command = click.option(f"--{name}", multiple=True, metavar="GLOB", help=meant)(command)
    return command


def read_matchers(asked: dict[str, tuple[str, ...]]) -> SilenceMatchers:
    """Out of the values of `matcher_options`."""
    found = SilenceMatchers(**{name: tuple(glob for glob in globs if glob.strip()) for name, globs in asked.items()})
    if not any(found.model_dump().values()):
        raise click.UsageError(
            "say what is hidden: --rule, --entity, --source, --story, --tag or --subscription; --rule '*' is everything"
        )
    return found
