"""`bongsu kafka`: the embedded Kafka alone, in the foreground."""

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import click

from service.adapters.embedded_kafka import EmbeddedKafka, free_port
from service.model.errors import Unavailable
from service.settings import Settings

DEFAULT_PORT = 9092


class _ToldToStopError(Exception):
    """SIGTERM or SIGINT."""


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=DEFAULT_PORT,
    show_default=True,
    help="Of 127.0.0.1; 0 takes a free one.",
)
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where its data rests, also after it ends. Default: kafka/ in BONGSU_DATA_DIR.",
)
@click.option("--start-timeout", type=float, default=120.0, show_default=True, metavar="S", help="Seconds to come up.")
def kafka(port: int, data_dir: Path | None, start_timeout: float) -> int:
    """A real Apache Kafka in the foreground, without Docker: one broker on the loopback, for trying and testing.

    Fetched from Maven Central the first time (43 MB), started from the cache ever after. Prints one line with its
    address when it takes requests. Ctrl-C or SIGTERM ends it; its data stays for the next time.
    """
    broker = EmbeddedKafka(
        data_dir or Settings().bongsu.data_dir / "kafka",
        port=port or free_port(),
        progress=lambda text: click.echo(text, err=True),
    )
    with _signals_raise():
        try:
            click.echo("starting Apache Kafka ...", err=True)
            servers = broker.start(start_timeout)
            click.echo(f"Kafka is ready: BONGSU_KAFKA_BOOTSTRAP_SERVERS={servers}")
            click.echo(f"data and log in {broker.data_dir}; Ctrl-C ends it", err=True)
            code = broker.wait()
        except _ToldToStopError:
            return 0
        finally:
            _ignore_signals()  # a second Ctrl-C must not leave the JVM behind
            broker.stop()
    raise Unavailable(f"Kafka ended by itself with {code}; its log is {broker.log_path}")


@contextlib.contextmanager
def _signals_raise() -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        raise _ToldToStopError

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignore_signals() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
