"""`bongsu history`: the role, and what a person does with its database."""

import asyncio
import time
from pathlib import Path
from typing import Any

import click
import orjson
from prometheus_client import CollectorRegistry

from service import app
from service.cli.acting import act
from service.cli.common import settings_of, tenant_option
from service.cli.roles import role_options, run
from service.cli.times import shown_time
from service.settings import Settings


@click.group(invoke_without_command=True)
@role_options
@click.pass_context
def history(context: click.Context, metrics_port: int | None, ready_file: Path | None) -> None:
    """The index of deliveries, attempts, decisions and changes, which the API reads.

    Alone, or as `bongsu history run`, it is the role: it folds the topics into SQLite (BONGSU_DATA_DIR) or PostgreSQL
    (BONGSU_HISTORY_URL). Run one. It is only an index: delete it, and it is read again from the topics.
    """
    if context.invoked_subcommand is None:
        run("history", app.make_history, metrics_port, ready_file)
    elif metrics_port is not None or ready_file is not None:
        raise click.UsageError("--metrics-port and --ready-file belong to the role: `bongsu history run ...`.")


@history.command(name="run")
@role_options
def run_(metrics_port: int | None, ready_file: Path | None) -> None:
    """The role; the same as `bongsu history` alone."""
    run("history", app.make_history, metrics_port, ready_file)


@history.command()
def migrate() -> None:
    """Make or change the tables as this version wants them; the role does it by itself when it starts."""
    from service.history.database import open_to_write, url_of
    from service.history.migrate import migrate as migrated

    before, now = migrated(open_to_write(url_of(settings_of("history"))))
    click.echo(f"the tables are of version {now}" + (", as they were" if before == now else f", made from {before}"))


@history.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
def rebuild(yes: bool) -> None:
    """Empty the history and read the topics again, to their end as it is now.

    What Kafka has removed by age is then gone from the history too. Stop the role first: it ends by itself when it
    sees that the history was emptied.
    """
    settings = settings_of("history")
    if not yes:
        click.confirm("Empty the history, and read again what Kafka still has?", abort=True)
    began_s = time.monotonic()
    records = asyncio.run(_rebuild(settings))
    click.echo(f"{records} records read in {time.monotonic() - began_s:.1f} s")


async def _rebuild(settings: Settings) -> int:
    from service.history.database import open_to_write, url_of
    from service.history.migrate import drop_all
    from service.history.role import HistoryRole

    engine = open_to_write(url_of(settings))
    drop_all(engine)
    engine.dispose()
    role = HistoryRole(settings, CollectorRegistry(), clock=time.time)
    try:
        await role.open()
        return await role.catch_up()
    finally:
        await role.stop()


@history.command()
@click.argument("subscription", metavar="SUBSCRIPTION")
@click.option("--unknown", is_flag=True, help="Also where no subscription of this id is known any more.")
@tenant_option
def forget(subscription: str, unknown: bool, tenant: str) -> None:
    """Remove all rows of one subscriber that were written until now, and keep them from coming back.

    The role does it as soon as it reads so. The subscription itself stays: `bongsu subscriptions remove` ends it. The
    topics keep their records until Kafka removes them by age (docs/topics.md).
    """
    from service.actions import forgetting

    until_ms = act(
        settings_of("history"),
        lambda control, actor: forgetting.forget(control, actor, subscription, unknown=unknown),
        tenant=tenant,
    )
    click.echo(f"what was written of {subscription} until {shown_time(until_ms)} is to be forgotten")


@history.command()
def status() -> int:
    """How far it is and what it holds, as JSON; exit code 1 when it cannot answer now."""
    from service.history.database import open_to_read, url_of
    from service.history.queries import History
    from service.model.errors import HistoryUnavailable

    url = url_of(settings_of("history"))
    asked = History(open_to_read(url))
    said: dict[str, Any] = {"url": url.render_as_string(hide_password=True)}
    now_ms = time.time_ns() // 1_000_000
    try:
        said |= {"rows": asked.counts(), "behind_records": asked.progress().behind_records}
        said |= {"lag_s": asked.progress().lag_s(now_ms)}
        asked.lag_s(now_ms)
    except HistoryUnavailable as error:
        said["problem"] = str(error)
    finally:
        asked.close()
    click.echo(orjson.dumps(said, option=orjson.OPT_INDENT_2).decode())
    return 1 if "problem" in said else 0
