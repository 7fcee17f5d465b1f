"""What a silence hides, as a person says it: the options, and the names in them looked up."""

import click

from service.adapters.control import read_silences, read_subscriptions
from service.cli.known_rules import tell_of_names
from service.cli.subscription_fields import Command
from service.model.errors import BadInput
from service.model.records import SilenceMatchers, SilenceRecord
from service.settings import KafkaSettings


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


async def tell_of_matchers(settings: KafkaSettings, matchers: SilenceMatchers) -> None:
    """Look up what was named. Raises BadInput when something named exactly does not exist."""
    named = [
        *matchers.rule,
        *(f"tag:{tag}" for tag in matchers.tag),
        *(f"entity:{entity}" for entity in matchers.entity),
    ]
    await tell_of_names(settings, named)
    exact = {one for one in matchers.subscription if not set("*?[") & set(one)}
    if exact and (missing := exact - {record.id for record in await read_subscriptions(settings)}):
        raise BadInput(f"there is no subscription {min(missing)}; `bongsu subscriptions list` shows them")


async def known_silence(settings: KafkaSettings, silence_id: str) -> SilenceRecord:
    """The silence of this id. Raises BadInput when there is none."""
    for record in await read_silences(settings):
        if record.id == silence_id:
            return record
    raise BadInput(f"there is no silence {silence_id}; `bongsu silence list --all` shows them")
