"""Which errors of a connection are this machine's, as the libraries wrap them."""

import errno
import resource
import socket
from collections.abc import Iterator

import pytest

from service.adapters.own_faults import own_fault
from service.adapters.webhook_client import WebhookClient
from service.delivery.attempts import Failure
from service.settings import DeliverySettings
from tests.misbehaving import OK, serving


def wrapped(error: Exception, *, how: str) -> Exception:
    outer = RuntimeError("somebody's own class")
    if how == "cause":
        outer.__cause__ = error
    else:
        outer.__context__ = error
    return outer


@pytest.mark.parametrize("how", ["cause", "context"])
@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (OSError(errno.ENETUNREACH, "x"), Failure.NETWORK),
        (OSError(errno.ENETDOWN, "x"), Failure.NETWORK),
        (OSError(errno.EMFILE, "x"), Failure.RESOURCES),
        (OSError(errno.ENFILE, "x"), Failure.RESOURCES),
        (OSError(errno.EADDRNOTAVAIL, "x"), Failure.RESOURCES),
        (socket.gaierror(socket.EAI_AGAIN, "x"), Failure.RESOLVER),
        (socket.gaierror(socket.EAI_FAIL, "x"), Failure.RESOLVER),
        (socket.gaierror(socket.EAI_NONAME, "x"), None),
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), None),
        (ConnectionResetError(errno.ECONNRESET, "x"), None),
        (OSError(errno.EHOSTUNREACH, "x"), None),
        (TimeoutError(errno.ETIMEDOUT, "x"), None),
        (ValueError("x"), None),
    ],
)
def test_the_class_of_an_error(error: Exception, failure: Failure | None, how: str) -> None:
    assert own_fault(error) is failure
    assert own_fault(wrapped(error, how=how)) is failure


def test_of_several_addresses_all_must_have_failed_here() -> None:
    ours, theirs = OSError(errno.ENETUNREACH, "x"), ConnectionRefusedError(errno.ECONNREFUSED, "x")
    assert own_fault(ExceptionGroup("all", [ours, ours])) is Failure.NETWORK
    assert own_fault(ExceptionGroup("all", [ours, theirs])) is None


def test_errors_that_hold_each_other_end() -> None:
    first, second = RuntimeError("a"), RuntimeError("b")
    first.__cause__, second.__cause__ = second, first
    assert own_fault(first) is None


@pytest.fixture
def no_files_left() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
    try:
        while True:
            try:
                held.append(socket.socket())
            except OSError:
                break
        yield
    finally:
        for each in held:
            each.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def settings(**more: object) -> DeliverySettings:
    return DeliverySettings(allow_addresses=("0.0.0.0/0", "::/0"), **more)  # type: ignore[arg-type]


async def test_no_file_left_is_our_fault(request: pytest.FixtureRequest) -> None:
    async with serving(OK) as server, WebhookClient(settings()) as client:
        request.getfixturevalue("no_files_left")
        answer = await client.post(server.url(), b"{}", {})
    assert (answer.status, answer.failure) == (None, Failure.RESOURCES)


async def test_a_resolver_that_does_not_answer_is_told_from_a_name_that_does_not_exist() -> None:
    async def silent(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    async def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    for lookup, failure in ((silent, Failure.RESOLVER), (unknown, Failure.DNS)):
        async with WebhookClient(settings(), lookup=lookup) as client:
            answer = await client.post("https://a.example/", b"{}", {})
        assert answer.failure is failure
        assert answer.detail


async def test_no_way_out_is_our_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = socket.socket.connect

    def unreachable(self: socket.socket, address: object) -> None:
        if isinstance(address, tuple) and address[0] == "203.0.113.7":
            raise OSError(errno.ENETUNREACH, "Network is unreachable")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", unreachable)
    async with WebhookClient(settings()) as client:
        answer = await client.post("http://203.0.113.7/", b"{}", {})
    assert answer.failure is Failure.NETWORK
