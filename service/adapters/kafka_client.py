"""aiokafka clients as Bongsu uses them: one place that turns settings into options, and Kafka's errors into ours."""

import asyncio
import logging
import math
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Self, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import (
    AuthenticationFailedError,
    AuthenticationMethodNotSupported,
    KafkaError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    UnsupportedSaslMechanismError,
)

from service.model.errors import BongsuError, Unavailable, WrongSetup
from service.settings import KafkaSettings

MAX_REQUEST_BYTES = 6_200_000
"""An article of 6 MB, with the frame around it (max.message.bytes of its topic is 6 MB)."""

HEARTBEATS_PER_SESSION = 4
STOP_S = 5.0
"""For what a client still has to write when it must end; while Kafka is away it would take for ever."""

_Client = TypeVar("_Client")
_REFUSED = (
    AuthenticationFailedError, AuthenticationMethodNotSupported, SaslAuthenticationFailed,
    TopicAuthorizationFailedError, UnsupportedSaslMechanismError,
)  # fmt: skip


def topic_name(settings: KafkaSettings, name: str) -> str:
    """Name of a topic, or of a consumer group, on the cluster."""
    return f"{settings.topic_prefix}{name}"


def client_options(settings: KafkaSettings) -> dict[str, Any]:
    """What every aiokafka client (producer, consumer, admin) takes: addresses, security, timeouts.

    Raises:
        WrongSetup: a certificate or key cannot be read.
    """
    options: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap_servers,
        "security_protocol": settings.security_protocol,
        "request_timeout_ms": int(settings.request_timeout_s * 1000),
    }
    if settings.security_protocol.endswith("SSL"):
        options["ssl_context"] = _ssl_context(settings)
    if settings.security_protocol.startswith("SASL"):
        assert settings.sasl_password is not None, "KafkaSettings refuses SASL without a password"
        options["sasl_mechanism"] = settings.sasl_mechanism
        options["sasl_plain_username"] = settings.sasl_username
        options["sasl_plain_password"] = settings.sasl_password.get_secret_value()
    return options


def _ssl_context(settings: KafkaSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ssl_cafile)
    except (OSError, ssl.SSLError) as error:
        raise WrongSetup(f"BONGSU_KAFKA_SSL_CAFILE={settings.ssl_cafile} cannot be read as PEM: {error}") from None
    if settings.ssl_certfile and settings.ssl_keyfile:
        try:
            context.load_cert_chain(settings.ssl_certfile, settings.ssl_keyfile)
        except (OSError, ssl.SSLError) as error:
            raise WrongSetup(
                f"BONGSU_KAFKA_SSL_CERTFILE={settings.ssl_certfile} with BONGSU_KAFKA_SSL_KEYFILE="
                f"{settings.ssl_keyfile} cannot be read as PEM: {error}"
            ) from None
    return context


class _Producer(AIOKafkaProducer):  # type: ignore[misc]  # aiokafka has no types
    """aiokafka's idempotent producer, but it sends what it was given however long a partition has no leader.

    aiokafka gives such a batch up after `request_timeout_ms` and counts its records as sent all the same. Kafka misses
    them and refuses whatever comes to that partition from then on (OutOfOrderSequenceNumber), as long as the producer
    lives. With a leader that cannot be reached it waits for ever anyway: who cannot wait has a deadline of his own, for
    `stop` too.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._message_accumulator._batch_ttl = math.inf  # noqa: SLF001

    async def stop(self) -> None:
        """Stop when Kafka has all that was sent. Who is cancelled stops at once; aiokafka would go on sending."""
        try:
            await super().stop()
        except asyncio.CancelledError:
            if (sending := self._sender.sender_task) is not None:
                sending.cancel()
            await self.client.close()
            raise


def make_producer(settings: KafkaSettings, **options: Any) -> AIOKafkaProducer:
    """A producer that neither loses nor repeats within its life: idempotent, acknowledged by all replicas.

    No linger: while one request is under way the next batch fills, so load makes batches and idleness adds no delay.
    """
    return _Producer(
        **{
            **client_options(settings),
            "enable_idempotence": True,
            "acks": "all",
            "max_request_size": MAX_REQUEST_BYTES,
            "max_batch_size": 131_072,
            "linger_ms": 0,
            **options,
        }
    )


class _Consumer(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka has no types
    """aiokafka's consumer, but `stop` ends in order while the broker is away.

    There a fetch waits to try again, and aiokafka lets the cancellation of that wait out of `stop`: the caller would
    look cancelled, and the rest (connections, tasks) would stay open.
    """

    async def stop(self) -> None:
        """Stop; raises CancelledError only when it is the caller who is cancelled."""
        try:
            await super().stop()
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if caller is not None and caller.cancelling():
                raise
            fetches = list(self._fetcher._pending_tasks)  # noqa: SLF001
            for fetch in fetches:
                fetch.cancel()
            await asyncio.gather(*fetches, return_exceptions=True)
            await self._client.close()


def make_consumer(settings: KafkaSettings, *topics: str, group: str | None, **options: Any) -> AIOKafkaConsumer:
    """A consumer of `topics` from their beginning (names and `group` without the prefix); the caller commits."""
    return _Consumer(
        *(topic_name(settings, topic) for topic in topics),
        **{
            **client_options(settings),
            "group_id": None if group is None else topic_name(settings, group),
            "auto_offset_reset": "earliest",
            "enable_auto_commit": False,
            "session_timeout_ms": int(settings.session_timeout_s * 1000),
            "heartbeat_interval_ms": int(settings.session_timeout_s * 1000 / HEARTBEATS_PER_SESSION),
            **options,
        },
    )


def as_ours(settings: KafkaSettings, error: BaseException, cause: str = "") -> BongsuError:
    """Kafka's error as a sentence that says what to do; `cause` is what its client logged about it."""
    kind = type(error).__name__
    what = cause or f"{kind}: {str(error).removeprefix(kind).lstrip(': ')}".removesuffix(": ")
    if isinstance(error, _REFUSED) or "AuthenticationFailed" in cause:
        return WrongSetup(
            f"Kafka at {settings.bootstrap_servers} refuses us ({what}); look at BONGSU_KAFKA_SECURITY_PROTOCOL, "
            "BONGSU_KAFKA_SASL_* and the ACLs in docs/topics.md"
        ).told_outside_as("Kafka refuses Bongsu")
    return Unavailable(
        f"Kafka at {settings.bootstrap_servers} does not answer ({what}); is it running, and is "
        "BONGSU_KAFKA_BOOTSTRAP_SERVERS right? `bongsu kafka` starts one here."
    ).told_outside_as("Kafka does not answer")


@asynccontextmanager
async def started(settings: KafkaSettings, client: _Client) -> AsyncIterator[_Client]:
    """A client (producer, consumer or admin) started here and stopped at the end.

    After an error within it is stopped for STOP_S at most: a producer would wait until Kafka has what it holds.

    Raises:
        Unavailable: Kafka does not answer, at the start or within.
        WrongSetup: it refuses us.
    """
    anything: Any = client
    stop = getattr(anything, "stop", None) or anything.close  # the admin client says close
    with _LastError() as last:
        try:
            try:
                await anything.start()
                last.forget()
                yield client
            except BaseException:
                with suppress(TimeoutError):
                    async with asyncio.timeout(STOP_S):
                        await stop()
                raise
            await stop()
        except (KafkaError, OSError, TimeoutError) as error:
            raise as_ours(settings, error, last.message) from error


@contextmanager
def ours(settings: KafkaSettings) -> Iterator[None]:
    """Kafka's errors of a client that lives on, as ours. Raises as `started`."""
    try:
        yield
    except (KafkaError, OSError, TimeoutError) as error:
        raise as_ours(settings, error) from error


async def start_here(settings: KafkaSettings, client: _Client) -> _Client:
    """`client`, started; whoever asks for it stops it. Raises as `started`, and then it is stopped."""
    anything: Any = client
    with _LastError() as last:
        try:
            await anything.start()
        except BaseException as error:
            await anything.stop()
            if isinstance(error, KafkaError | OSError | TimeoutError):
                raise as_ours(settings, error, last.message) from error
            raise
    return client


class _LastError(logging.Handler):
    """Why a client could not connect: aiokafka logs a wrong password or certificate and raises only "unable"."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.message = ""

    def __enter__(self) -> Self:
        logging.getLogger("aiokafka").addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("aiokafka").removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.message = record.getMessage()

    def forget(self) -> None:
        """From now on errors are raised with their own words."""
        logging.getLogger("aiokafka").removeHandler(self)
        self.message = ""
