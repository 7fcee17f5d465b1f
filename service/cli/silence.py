"""`bongsu silence add | preview | list | lift`: what is not told for a while, and who said so."""

import asyncio
import getpass
import secrets
import time
from typing import Any

import click
import orjson

from service.adapters.control import publish_silence, read_silences
from service.cli.common import settings_of
from service.cli.silence_matchers import known_silence, matcher_options, read_matchers, tell_of_matchers
from service.cli.silence_preview import preview
from service.cli.times import Future, Span, shown_time
from service.model import topics
from service.model.records import SilenceRecord

MAX_SPAN_MS = 366 * topics.DAY_MS


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
def add(
    span_s: float | None, ends_ms: int | None, starts_ms: int | None, author: str | None, comment: str,
    **asked: tuple[str, ...],
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
    if end_ms - start_ms > MAX_SPAN_MS:
        raise click.UsageError("longer than a year: change the rule or the subscription instead")
    if not comment.strip():
        raise click.UsageError("--comment: say why, in a word at least")
    record = SilenceRecord(
        id=f"sil_{secrets.token_hex(8)}",
        matchers=matchers,
        starts_ms=start_ms,
        ends_ms=end_ms,
        author=author or _user(),
        comment=comment.strip(),
        created_ms=now_ms,
        updated_ms=now_ms,
    )

    async def publish() -> None:
        await tell_of_matchers(settings.kafka, matchers)
        await publish_silence(settings.kafka, record)

    asyncio.run(publish())
    click.echo(orjson.dumps(_shown(record, now_ms)).decode())


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may have a number and no name
        return "unknown"


@silence.command(name="list")
@click.option("--all", "ended", is_flag=True, help="Those that ended too.")
def list_(*, ended: bool) -> None:
    """Silences that are active or to come, a line of JSON each."""
    settings = settings_of("silence")
    now_ms = _now_ms()
    for record in asyncio.run(read_silences(settings.kafka)):
        if ended or record.ends_ms > now_ms:
            click.echo(orjson.dumps(_shown(record, now_ms)).decode())


@silence.command()
@click.argument("silence_id", metavar="ID")
def lift(silence_id: str) -> None:
    """End a silence now; what it hid comes in one digest. One that has ended already stays as it is."""
    settings = settings_of("silence")
    now_ms = _now_ms()

    async def end() -> SilenceRecord:
        stands = await known_silence(settings.kafka, silence_id)
        if stands.ends_ms <= now_ms:
            return stands
        changed = {"starts_ms": min(stands.starts_ms, now_ms), "ends_ms": now_ms, "updated_ms": now_ms}
        record = stands.model_copy(update=changed | {"revision": stands.revision + 1})
        await publish_silence(settings.kafka, record)
        return record

    record = asyncio.run(end())
    click.echo(orjson.dumps(_shown(record, now_ms)).decode())
