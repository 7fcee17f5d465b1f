"""`bongsu listen`: point a webhook at yourself and see what a receiver gets."""

import asyncio
import contextlib
import signal
from datetime import datetime

import click
from rich.console import Console
from rich.text import Text

from service.adapters.receiver import Received, Receiver, Script
from service.cli.show import show_webhook
from service.delivery.signing import read_public, read_secret


def _secrets(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:  # refuses what is none before anything listens
        read_public(value) if value.startswith("whpk_") else read_secret(value)
    return values


def _statuses(_: click.Context, __: click.Parameter, value: str) -> tuple[int, ...]:
    parts = [part.strip() for part in value.split(",")]
    if not all(part.isdigit() and 200 <= int(part) <= 599 for part in parts):
        raise click.BadParameter(f"{value!r} is not a list of HTTP statuses such as 500,500,200")
    return tuple(map(int, parts))


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Default: a free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--secret",
    "secrets",
    multiple=True,
    callback=_secrets,
    help="whsec_, whsk_ or whpk_ to verify with; may be repeated.",
)
@click.option(
    "--status", "statuses", default="204", callback=_statuses, show_default=True,
    help="Answers of each webhook-id in turn, the last for ever; e.g. 500,500,200.",
)  # fmt: skip
@click.option("--delay", "delay_s", type=click.FloatRange(0, 3600), default=0.0, help="Seconds before each answer.")
def listen(port: int, host: str, secrets: tuple[str, ...], statuses: tuple[int, ...], delay_s: float) -> None:
    """Receive webhooks, verify them, and print each: its rule, its story, and the names marked in their sentences.

    The first line on stdout is the URL to subscribe. A signature that does not fit is answered with 401, and its cause
    is named. Ends with Ctrl-C.
    """
    console = Console(highlight=False, soft_wrap=True)
    script = Script(statuses, delay_s=delay_s, by_id=True)
    receiver = Receiver(
        secrets, script=script, port=port, host=host, keep=False, on_received=lambda got: _show(console, got)
    )
    asyncio.run(_listen(console, receiver))


async def _listen(console: Console, receiver: Receiver) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    async with receiver:
        console.print(receiver.url)
        if not receiver.secrets:
            console.print(Text("no --secret was given: what arrives is shown, but cannot be verified", "dim"))
        await stopping.wait()


def _show(console: Console, received: Received) -> None:
    show_webhook(console, received)
    facts = [f"webhook-id {received.id or '(none)'}", f"{len(received.body)} bytes", f"answered {received.status}"]
    with contextlib.suppress(ValueError, KeyError, TypeError):
        decided_s = datetime.fromisoformat(received.payload["timestamp"]).timestamp()
        facts.append(f"decided {(received.at_s - decided_s) * 1000:.0f} ms before")
    console.print(Text("         " + " · ".join(facts), "dim"))
    if received.verdict is not None and not received.verdict.ok:
        console.print(Text(f"         {received.verdict.cause}: {received.verdict.detail}", "red"))
