"""`bongsu silence add | preview | list | lift`: what is not told for a while, and who said so."""

import time
from typing import Any

import click
import orjson

from service.actions import silences as actions
from service.actions.actor import Actor, user
from service.actions.control import Control
from service.cli.acting import act, tell
from service.cli.common import settings_of, tenant_option
from service.cli.silence_matchers import matcher_options, read_matchers, topics_of
from service.cli.silence_preview import preview
from service.cli.times import Future, Span, shown_time
from service.model import topics
from service.model.control_records import SilenceRecord


@click.group()
def silence() -> None:
    """Not to be told of something for a while.

    What a silence hides is decided and counted as silenced, and comes in one digest when it ends or is lifted.
    """


silence.add_command(preview)


def _shown(record: SilenceRecord, now_ms: int) -> dict[str, Any]:
    """A silence as a line of JSON, with times that people read and whether it holds."""
    state = "ended" if record.ends_ms <= now_ms else "active" if record.starts_ms <= now_ms else "pending"
    matchers = {name: globs for name, globs in record.matchers.model_dump().items() if globs}
    return {
        "id": record.id, "state": state, "matchers": matchers, "starts": shown_time(record.starts_ms),
        "ends": shown_time(record.ends_ms), "author": record.author, "comment": record.comment,
        "revision": record.revision,
    }  # fmt: skip


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@silence.command()
@matcher_options
@click.option("--for", "span_s", type=Span(), help="How long, e.g. 2h; or --until.")
@click.option("--until", "ends_ms", type=Future(), metavar="TIME", help="Until when.")
@click.option("--starts", "starts_ms", type=Future(), metavar="TIME", help="From when on. Default: now.")
@click.option("--author", help="Who says so. Default: the name of the user.")
@click.option("--comment", required=True, help="Why: whoever misses an alert will read it.")
@tenant_option
def add(
    span_s: float | None, ends_ms: int | None, starts_ms: int | None, author: str | None, comment: str,
    tenant: str, **asked: tuple[str, ...],
) -> None:  # fmt: skip
    """Hide what all of the options fit; prints the silence as one line of JSON."""
    settings = settings_of("silence")
    matchers = read_matchers(asked)
    now_ms = _now_ms()
    if (span_s is None) == (ends_ms is None):
        raise click.UsageError("a silence must end: say --for 2h or --until TIME, one of them")
    start_ms = now_ms if starts_ms is None else max(starts_ms, now_ms)
    end_ms = ends_ms if ends_ms is not None else start_ms + round((span_s or 0) * 1000)
    if end_ms <= start_ms:
        raise click.UsageError(f"it would end ({shown_time(end_ms)}) before it begins ({shown_time(start_ms)})")
    if end_ms - start_ms > actions.MAX_SPAN_MS:
        raise click.UsageError("longer than a year: change the rule or the subscription instead")
    if not comment.strip():
        raise click.UsageError("--comment: say why, in a word at least")
    wanted = actions.NewSilence(matchers, start_ms, end_ms, author or user(), comment)

    async def create(control: Control, actor: Actor) -> SilenceRecord:
        tell(await actions.notes_on(control, actor, matchers))
        return (await actions.create(control, actor, wanted)).record

    record = act(settings, create, tenant=tenant, follow=topics_of(matchers))
    click.echo(orjson.dumps(_shown(record, _now_ms())).decode())


@silence.command(name="list")
@click.option("--all", "ended", is_flag=True, help="Those that ended too.")
@tenant_option
def list_(*, ended: bool, tenant: str) -> None:
    """Silences that are active or to come, a line of JSON each."""
    now_ms = _now_ms()
    for record in act(settings_of("silence"), actions.list_, tenant=tenant, follow=(topics.SILENCES,)):
        if ended or record.ends_ms > now_ms:
            click.echo(orjson.dumps(_shown(record, now_ms)).decode())


@silence.command()
@click.argument("silence_id", metavar="ID")
@tenant_option
def lift(silence_id: str, tenant: str) -> None:
    """End a silence now; what it hid comes in one digest. One that has ended already stays as it is."""
    record = act(
        settings_of("silence"),
        lambda control, actor: actions.lift(control, actor, silence_id),
        tenant=tenant,
        follow=(topics.SILENCES,),
    )
    click.echo(orjson.dumps(_shown(record, _now_ms())).decode())
