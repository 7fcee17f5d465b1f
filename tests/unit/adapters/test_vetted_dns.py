"""Names whose servers are silent: they cost themselves something, and nobody else anything."""

import asyncio
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from service.adapters import vetted_dns
from service.adapters.http_connection import Watch
from service.adapters.own_faults import own_fault
from service.adapters.vetted_dns import THREADS, NoName, SystemLookup, VettedNames
from service.adapters.webhook_client import WebhookClient
from service.delivery.addresses import AddressPolicy
from service.delivery.attempts import Failure
from service.settings import DeliverySettings
from tests.misbehaving import serving
from tests.waiting import wait_until

PUBLIC = "8.8.8.8"
CLOSED = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"


class Resolver:
    """The system's resolver: blocks its thread for every name that begins with `silent`, until it is let go."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.go = threading.Event()

    def getaddrinfo(self, host: str, port: int, **_: Any) -> list[Any]:
        self.asked[host] += 1
        if host.startswith("silent"):
            self.go.wait(60)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        if host.startswith("none"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resolver]:
    made = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", made.getaddrinfo)
    yield made
    made.go.set()


async def test_names_that_never_answer_cost_the_others_nothing(resolver: Resolver) -> None:
    settings = DeliverySettings(allow_addresses=("127.0.0.0/8",), timeout_s=4.0)
    async with serving(CLOSED) as server, WebhookClient(settings) as client:
        url = f"http://{{}}.example:{server.port}/"
        first = await client.post(url.format("known"), b"{}", {})
        assert first.delivered, first
        dead = [asyncio.create_task(client.post(url.format(f"silent{n}"), b"{}", {})) for n in range(3 * THREADS)]
        await wait_until(lambda: resolver.asked.total() > THREADS, what="their threads are blocked")
        began = time.monotonic()
        again = await client.post(url.format("known"), b"{}", {})
        assert again.delivered
        ended = await asyncio.gather(*dead)
        # their threads are blocked, and asked again they block those of their kind
        more = [asyncio.create_task(client.post(url.format(f"silent{n}"), b"{}", {})) for n in range(THREADS)]
        client._names._known.clear()
        fresh = await client.post(url.format("known"), b"{}", {})
        assert fresh.delivered, fresh
        assert time.monotonic() - began < 30
        resolver.go.set()
        await asyncio.gather(*more)
    assert {answer.failure for answer in ended} == {Failure.RESOLVER}
    assert all(answer.phases.dns_ms is not None and answer.phases.dns_ms >= 3800 for answer in ended)
    assert not any(answer.sent for answer in ended)
    assert resolver.asked["known.example"] == 2


async def test_new_names_are_asked_while_those_that_are_silent_again_block_their_threads(resolver: Resolver) -> None:
    lookup = SystemLookup()
    for number in range(THREADS):
        lookup._answered[f"silent{number}"] = False
    stuck = [asyncio.create_task(lookup(f"silent{number}", 443)) for number in range(THREADS)]
    await wait_until(lambda: len(resolver.asked) == THREADS, what="their threads are blocked")
    assert await asyncio.wait_for(lookup("new", 443), 30) == ["127.0.0.1"]
    with pytest.raises(socket.gaierror):
        await asyncio.wait_for(lookup("none", 443), 30)
    assert (lookup._answered["new"], lookup._answered["none"]) == (True, True)
    resolver.go.set()
    await asyncio.gather(*stuck, return_exceptions=True)
    assert not any(lookup._answered[f"silent{number}"] for number in range(THREADS))


async def test_new_names_that_are_silent_give_their_places_up(
    resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vetted_dns, "ANSWER_S", 0.05)
    lookup = SystemLookup()
    stuck = [asyncio.create_task(lookup(f"silent{number}", 443)) for number in range(3 * THREADS)]
    assert await asyncio.wait_for(lookup("new", 443), 30) == ["127.0.0.1"]
    assert not any(task.done() for task in stuck)
    resolver.go.set()
    await asyncio.gather(*stuck, return_exceptions=True)


class Moody:
    """A lookup that answers, or is silent, as it is told."""

    def __init__(self) -> None:
        self.asked = 0
        self.silent = False
        self.answer: Sequence[str] = (PUBLIC,)
        self.end = asyncio.Event()

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        if self.silent:
            await self.end.wait()
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        if not self.answer:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return self.answer


def names(lookup: Moody, kept_s: float = 0.0) -> VettedNames:
    return VettedNames(lookup, AddressPolicy.of((), (443,), allow_http=False), kept_s=kept_s)


async def ask(made: VettedNames) -> list[str]:
    return await made.resolve("a.example", 443, "https", Watch())


async def test_a_name_that_did_not_answer_is_not_asked_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vetted_dns, "ANSWER_S", 0.05)
    lookup = Moody()
    lookup.silent = True
    made = names(lookup)
    for _ in range(3):
        with pytest.raises(NoName) as error:
            await ask(made)
        assert own_fault(error.value) is Failure.RESOLVER
    assert lookup.asked == 1  # and still under way
    lookup.end.set()
    await wait_until(lambda: not made._asked, what="its servers gave up")
    lookup.silent = False
    began = time.monotonic()
    with pytest.raises(NoName, match="last asked"):
        await ask(made)
    assert (lookup.asked, time.monotonic() - began < 20) == (1, True)
    made._silent.clear()  # half a minute later
    assert await ask(made) == [PUBLIC]
    assert lookup.asked == 2


async def test_an_old_answer_serves_while_there_is_no_newer_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vetted_dns, "OLD_AFTER_S", 0.05)
    lookup = Moody()
    made = names(lookup)
    assert await ask(made) == [PUBLIC]
    lookup.answer = ("1.1.1.1",)
    assert await ask(made) == ["1.1.1.1"]  # a name that moves is followed at once when its servers answer
    lookup.silent = True
    assert await ask(made) == ["1.1.1.1"]
    assert await ask(made) == ["1.1.1.1"]
    assert lookup.asked == 3
    monkeypatch.setattr(vetted_dns, "OLD_FOR_S", 0.0)
    monkeypatch.setattr(vetted_dns, "ANSWER_S", 0.05)
    with pytest.raises(NoName):
        await ask(made)
    await made.close()


async def test_a_name_that_exists_no_more_is_not_called_at_its_old_address() -> None:
    lookup = Moody()
    made = names(lookup)
    await ask(made)
    lookup.answer = ()
    with pytest.raises(NoName) as error:
        await ask(made)
    assert own_fault(error.value) is None


async def test_an_old_answer_is_vetted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vetted_dns, "OLD_AFTER_S", 0.05)
    lookup = Moody()
    made = names(lookup)
    await ask(made)
    made._policy = AddressPolicy.of((), (8443,), allow_http=False)
    lookup.silent = True
    with pytest.raises(vetted_dns.BlockedAddressError):
        await ask(made)
    await made.close()
