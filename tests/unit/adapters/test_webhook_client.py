"""The client against real servers that misbehave in every way that we know of."""

import asyncio
import datetime as dt
import gzip
import socket
import ssl
import time
import tracemalloc
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from service.adapters.webhook_client import WebhookClient
from service.delivery.attempts import Answer
from service.settings import DeliverySettings
from tests.misbehaving import OK, Server, always, read_request, serving

BODY = '{"type":"alert.matched","data":{"summary":"서울시와 重慶 🏮"}}'.encode()
HEADERS = {"webhook-id": "msg_1", "webhook-timestamp": "1", "webhook-signature": "v1,x"}
LOOPBACK = ("127.0.0.0/8", "::1/128")
IN_TIME_S = 20
"""Where nothing would end without a deadline of less than a second: a busy machine may take its time."""


def settings(**more: Any) -> DeliverySettings:
    return DeliverySettings(**{"allow_addresses": LOOPBACK, "timeout_s": 5.0, **more})


class Dns:
    """Names to addresses; counts the questions."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if not answer:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return answer


async def post(url: str, *, lookup: Any = None, tls: ssl.SSLContext | None = None, **more: Any) -> Answer:
    async with WebhookClient(settings(**more), lookup=lookup, tls=tls) as client:
        return await client.post(url, BODY, HEADERS)


def response(status: str, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


# --- what is sent, and what a good answer gives ----------------------------------------------------------------------


async def test_the_bytes_arrive_as_they_were_given() -> None:
    async with serving(response("202 Accepted", body="잘 받았습니다".encode())) as server:
        answer = await post(server.url())
    assert answer.delivered
    assert (answer.status, answer.failure, answer.excerpt, answer.sent) == (202, None, "잘 받았습니다", True)
    assert answer.address == "127.0.0.1"
    assert answer.phases.connect_ms is not None
    assert answer.phases.first_byte_ms is not None
    assert 0 < answer.phases.first_byte_ms <= answer.phases.total_ms
    (request,) = server.requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert body == BODY
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /hook HTTP/1.1"
    names = {line.partition(":")[0].lower() for line in lines[1:]}
    assert {"webhook-id", "webhook-timestamp", "webhook-signature", "content-type", "user-agent"} <= names
    assert "cookie" not in names
    assert "Content-Type: application/json" in lines
    assert "Accept-Encoding: identity" in lines


@pytest.mark.parametrize(
    ("url", "failure"),
    [("http://127.0.0.1:1/", "connect"), ("http://10.0.0.1/", "blocked"), ("http://none.example/", "dns")],
)
async def test_what_did_not_leave_was_not_sent(url: str, failure: str) -> None:
    answer = await post(url, lookup=Dns(()))
    assert (answer.failure, answer.sent) == (failure, False)


async def test_what_left_and_was_not_answered_was_sent() -> None:
    async def hang_up(*_: Any) -> None:
        raise ConnectionError

    async with serving(hang_up) as server:
        answer = await post(server.url())
    assert (answer.failure, answer.sent) == ("reset", True)


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("", "/"),
        ("/", "/"),
        ("?a=b", "/?a=b"),
        ("/a%2Fb%7Ec/%EC%84%9C?q=%27x%27&p=a+b%20c", None),
        ("/a/../b/./c//d;p=1,2", None),
        ("/%zz%", None),
        ("/a?b[]=1&c=a|b", "/a?b[]=1&c=a%7Cb"),
        ("/서울?q=重慶", "/%EC%84%9C%EC%9A%B8?q=%E9%87%8D%E6%85%B6"),
        ("/a?b?c=/d@e:f!$&'()*+", None),
        ("/in#fragment?x", "/in"),
        ('/"<>^`{}', "/%22%3C%3E%5E%60%7B%7D"),
    ],
)
async def test_a_url_is_called_as_it_was_written(written: str, sent: str | None) -> None:
    async with serving(OK) as server:
        answer = await post(server.url(path=written))
    assert answer.delivered, answer
    assert server.requests[0].partition(b"\r\n")[0] == f"POST {written if sent is None else sent} HTTP/1.1".encode()
    assert f"\r\nHost: 127.0.0.1:{server.port}\r\n".encode() in server.requests[0]


async def test_a_name_that_is_not_ascii_is_called_by_its_punycode() -> None:
    async with serving(OK) as server:
        answer = await post(server.url(host="봉수.example", path="/a%2Fb"), lookup=Dns(["127.0.0.1"]))
    assert answer.delivered, answer
    assert server.requests[0].startswith(b"POST /a%2Fb HTTP/1.1\r\nHost: xn--")


async def test_connections_are_used_again() -> None:
    async with serving(OK) as server, WebhookClient(settings()) as client:
        answers = [await client.post(server.url(), BODY, HEADERS) for _ in range(5)]
    assert all(answer.delivered for answer in answers)
    assert server.connections == 1
    assert answers[1].phases.connect_ms is None


async def test_a_kept_connection_that_died_meanwhile_is_not_charged_to_the_endpoint() -> None:
    async def once_a_connection(_: Any, writer: asyncio.StreamWriter, __: bytes) -> None:
        writer.write(OK)
        await writer.drain()
        await _.read(1)  # the next request is read and dropped, as by a server that is just closing
        raise ConnectionError

    async with serving(once_a_connection) as server, WebhookClient(settings()) as client:
        first = await client.post(server.url(), BODY, HEADERS)
        second = await client.post(server.url(), BODY, HEADERS)
    assert first.delivered
    assert second.delivered, second
    assert server.connections == 2


async def test_cookies_are_not_kept() -> None:
    async with (
        serving(response("200 OK", "Set-Cookie: session=1; Path=/")) as server,
        WebhookClient(settings()) as client,
    ):
        for _ in range(2):
            await client.post(server.url(), BODY, HEADERS)
    assert b"ookie" not in server.requests[1]


# --- statuses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_a_failure_and_is_never_followed(status: int) -> None:
    async with serving(OK) as probe:
        elsewhere = f"Location: http://127.0.0.1:{probe.port}/"
        async with serving(response(f"{status} Moved", elsewhere)) as server:
            answer = await post(server.url())
        assert (answer.status, answer.failure) == (status, "redirect")
        assert not answer.delivered
        assert probe.connections == 0


async def test_a_redirect_without_a_location_is_a_failure_too() -> None:
    async with serving(response("302 Found")) as server:
        assert (await post(server.url())).failure == "redirect"


@pytest.mark.parametrize(
    ("line", "failure"),
    [
        ("404 Not Found", "status"),
        ("410 Gone", "gone"),
        ("429 Slow Down", "throttled"),
        ("500 Oh", "status"),
        ("503 No", "status"),
    ],
)
async def test_other_statuses_are_failures_with_what_they_said(line: str, failure: str) -> None:
    async with serving(response(line, "Retry-After: 120", body=b"reason\x00\x1b[31m whsec_c2VjcmV0c2VjcmV0")) as server:
        answer = await post(server.url())
    assert (answer.status, answer.failure, answer.retry_after) == (int(line[:3]), failure, "120")
    assert answer.excerpt == "reason  [31m whsec_***"
    assert line in answer.detail


# --- connecting ------------------------------------------------------------------------------------------------------


async def test_nobody_listens() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        answer = await post(f"http://127.0.0.1:{held.getsockname()[1]}/")
    assert (answer.status, answer.failure) == (None, "connect")
    assert "refused" in answer.detail.lower()
    assert answer.address == "127.0.0.1", "who was dialled is told also where nobody answers"
    assert answer.phases.connect_ms is not None
    assert answer.phases.connect_ms <= answer.phases.total_ms


async def test_of_a_refused_name_the_address_that_was_dialled_last_is_told() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.2", 0))
        url = f"http://two.example:{held.getsockname()[1]}/"
        answer = await post(url, lookup=Dns(["127.0.0.3", "127.0.0.2"]), allow_addresses=("127.0.0.0/8",))
    assert (answer.failure, answer.address) == ("connect", "127.0.0.2")


async def test_a_handshake_that_never_ends_says_that_the_time_went_there() -> None:
    async with serving(b"") as server:
        url, trusts_nobody = f"https://127.0.0.1:{server.port}/", ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        answer = await post(url, timeout_s=1.0, tls=trusts_nobody)
    phases = answer.phases
    assert (answer.failure, answer.address) == ("timeout", "127.0.0.1")
    assert phases.connect_ms is not None
    assert phases.tls_ms is not None
    assert phases.connect_ms + phases.tls_ms <= phases.total_ms


async def test_a_name_that_does_not_exist() -> None:
    answer = await post("http://no-such-host.invalid/", lookup=Dns([]))
    assert answer.failure == "dns"


async def test_dns_that_never_answers_is_under_the_deadline() -> None:
    async def silent(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    began = time.monotonic()
    answer = await post("http://slow.example/", lookup=silent, timeout_s=0.2)
    assert (answer.failure, answer.status, answer.sent) == ("resolver", None, False)
    assert answer.phases.dns_ms is not None
    assert answer.phases.dns_ms >= 190
    assert time.monotonic() - began < IN_TIME_S


@pytest.mark.parametrize(
    "answers",
    [
        ["127.0.0.1"],
        ["8.8.8.8", "10.0.0.1"],
        ["::1", "2606:4700::1111"],
        ["::ffff:169.254.169.254"],
        ["64:ff9b::a00:1"],
    ],
)
async def test_a_name_with_any_address_that_is_not_public_is_blocked(answers: list[str]) -> None:
    async with serving(OK) as server:
        dns = Dns(answers)
        answer = await post(f"http://inside.example:{server.port}/", lookup=dns, allow_addresses=())
    assert answer.failure == "blocked"
    assert (answer.address, answer.phases.connect_ms) == (None, None), "nobody was dialled"
    assert "inside.example is" in answer.detail
    assert dns.asked == ["inside.example"]
    assert server.connections == 0


async def test_rebinding_has_no_second_chance() -> None:
    """Allowed at the first question, internal at the second: there is no second question before dialling."""
    async with serving(OK) as server:
        dns = Dns(["127.0.0.1"], ["127.0.0.2"])
        answer = await post(f"http://rebind.example:{server.port}/", lookup=dns, allow_addresses=("127.0.0.1/32",))
        assert answer.delivered
        assert answer.address == "127.0.0.1"
        assert len(dns.asked) == 1
        again = await post(f"http://rebind.example:{server.port}/", lookup=dns, allow_addresses=("127.0.0.1/32",))
    assert again.failure == "blocked"


async def test_the_socket_is_vetted_again_when_it_dials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Should an address ever come to be dialled that was not vetted, it gets no socket."""
    from service.adapters.vetted_dns import VettedNames

    async def unvetted(*_: Any) -> list[str]:
        return ["127.0.0.1"]

    monkeypatch.setattr(VettedNames, "resolve", unvetted)
    async with serving(OK) as server:
        answer = await post(f"http://anything.example:{server.port}/", allow_addresses=())
    assert answer.failure == "blocked"
    assert server.connections == 0


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "１２７.0.0.1", "[::ffff:127.0.0.1]"]
)
async def test_literal_addresses_are_blocked_without_asking_dns(host: str) -> None:
    async with serving(OK) as server:
        dns = Dns(["127.0.0.1"])
        answer = await post(server.url(host), lookup=dns, allow_addresses=())
    assert answer.failure == "blocked"
    assert not dns.asked
    assert server.connections == 0


async def test_localhost_by_the_systems_resolver_is_blocked_unless_allowed() -> None:
    async with serving(OK) as server:
        assert (await post(server.url("localhost"), allow_addresses=())).failure == "blocked"
        assert server.connections == 0
        assert (await post(server.url("localhost"))).delivered


async def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(OK) as proxy, serving(OK) as server:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert (await post(server.url())).delivered
        assert proxy.connections == 0


# --- answers that hurt -----------------------------------------------------------------------------------------------


async def hang(*_: Any) -> None:
    await asyncio.Event().wait()


def dripping(start: bytes) -> Any:
    async def respond(_: Any, writer: asyncio.StreamWriter, __: bytes) -> None:
        writer.write(start)
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    return respond


@pytest.mark.parametrize(
    ("answering", "status"),
    [
        (hang, None),
        (always(b"HTTP/1.1 200 OK\r\nContent-Le"), None),
        (dripping(b"HTTP/1.1 200 OK\r\nX-Slow: "), None),
        (always(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"), 200),
        (dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"), 200),
        (always(b"HTTP/1.1 100 Continue\r\n\r\n" * 3), None),
    ],
    ids=["no answer", "half a head", "slow head", "half a body", "slow body", "continue for ever"],
)
async def test_one_deadline_covers_everything(answering: Any, status: int | None) -> None:
    async with serving(answering) as server:
        began = time.monotonic()
        answer = await post(server.url(), timeout_s=0.4)
    assert 0.3 < time.monotonic() - began < IN_TIME_S
    assert (answer.failure, answer.status) == ("timeout", status)
    assert not answer.delivered


async def test_a_connection_that_is_closed_or_reset_without_an_answer() -> None:
    async def close(*_: Any) -> None:
        raise ConnectionError

    async def reset(_: Any, writer: asyncio.StreamWriter, __: bytes) -> None:
        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        raise ConnectionError

    async def cut(_: Any, writer: asyncio.StreamWriter, __: bytes) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        await writer.drain()
        raise ConnectionError

    for answering in (close, reset, cut):
        async with serving(answering) as server:
            answer = await post(server.url())
        assert answer.failure == "reset", answering
        assert not answer.delivered
        assert server.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: soon\r\n\r\n",
        b"HTTP/1.1 9999 Odd\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 100_000 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=["ssh", "length", "status", "chunk", "long header", "tls"],
)
async def test_what_is_no_http(answer: bytes) -> None:
    async with serving(answer) as server:
        got = await post(server.url(), timeout_s=1.0)
    assert got.failure in ("protocol", "reset", "timeout")
    assert not got.delivered


async def test_an_endless_body_is_cut_and_its_connection_dropped() -> None:
    gone = asyncio.Event()

    async def endless(_: Any, writer: asyncio.StreamWriter, __: bytes) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                writer.write(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
                await writer.drain()
        finally:
            gone.set()

    async with serving(endless) as server:
        answer = await post(server.url(), max_response_bytes=10_000)
        await asyncio.wait_for(gone.wait(), 5)
    assert answer.delivered  # it said 200; more words do not take that back
    assert (answer.status, answer.failure, answer.body_bytes) == (200, "too_large", 10_001)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_bomb_is_inflated_no_further_than_is_kept(encoding: str) -> None:
    zeros = b"\0" * 100_000_000
    bomb = gzip.compress(zeros, 9) if encoding == "gzip" else zlib.compress(zeros, 9)
    del zeros
    async with serving(response("500 Boom", f"Content-Encoding: {encoding}", body=bomb)) as server:
        await post(server.url())  # what is imported and cached is there
        tracemalloc.start()
        answer = await post(server.url())
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert answer.status == 500
    assert answer.body_bytes == 65_537
    assert peak < 5_000_000


async def test_an_answer_that_is_compressed_though_nobody_asked_is_read() -> None:
    body = gzip.compress("이름이 없습니다".encode())
    async with serving(response("422 No", "Content-Encoding: gzip", body=body)) as server:
        assert (await post(server.url())).excerpt == "이름이 없습니다"
    async with serving(response("422 No", "Content-Encoding: gzip", body=b"not gzip")) as server:
        assert (await post(server.url())).excerpt == "(broken encoding)"
    async with serving(response("422 No", "Content-Encoding: br", body=b"\x0b\x02")) as server:
        assert (await post(server.url())).excerpt == "(br encoding)"


async def test_a_flood_of_headers_is_bounded() -> None:
    async def flood(_: Any, writer: asyncio.StreamWriter, __: bytes) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X-Flood: " + b"x" * 4000 + b"\r\n")
            await writer.drain()

    async with serving(flood) as server:
        tracemalloc.start()
        answer = await post(server.url(), timeout_s=2.0)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert not answer.delivered
    assert peak < 50_000_000


async def test_one_that_hangs_does_not_hold_up_the_others() -> None:
    async with serving(hang) as dead, serving(OK) as alive, WebhookClient(settings(timeout_s=30.0)) as client:
        hanging = [asyncio.create_task(client.post(dead.url(), BODY, HEADERS)) for _ in range(100)]
        began = time.monotonic()
        answers = await asyncio.gather(*(client.post(alive.url(), BODY, HEADERS) for _ in range(100)))
        took = time.monotonic() - began
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)
    assert all(answer.delivered for answer in answers)
    assert took < 25, "those that hang do so for 30 s"


# --- TLS -------------------------------------------------------------------------------------------------------------


class Authority:
    """A certificate authority for one test."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test CA")])
        self._now = dt.datetime.now(dt.UTC)
        own = self._builder(self._name, self._key.public_key(), 1)
        own = own.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.pem = own.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cadata=self.pem.decode())

    def server(self, name: str, *, days: int = 1, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = self._builder(subject, key.public_key(), days)
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        file = self._folder / f"{name}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        if version is not None:
            context.minimum_version = context.maximum_version = version
            context.set_ciphers("DEFAULT@SECLEVEL=0")
        return context

    def _builder(self, subject: x509.Name, key: Any, days: int) -> x509.CertificateBuilder:
        day = dt.timedelta(days=1)
        return x509.CertificateBuilder(
            self._name, subject, key, x509.random_serial_number(), self._now - 10 * day, self._now + days * day
        )


async def over_tls(server: Server, name: str, authority: Authority, **more: Any) -> Answer:
    return await post(server.url(name), lookup=Dns(["127.0.0.1"]), tls=authority.trust(), **more)


async def test_tls_verifies_the_name_and_not_the_address(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with serving(OK, authority.server("hooks.example")) as server:
        good = await over_tls(server, "hooks.example", authority)
        other = await over_tls(server, "other.example", authority)
    assert good.delivered, good
    assert good.address == "127.0.0.1"
    assert other.failure == "tls"
    assert "other.example" in other.detail


async def test_when_the_certificate_of_a_host_ends_is_known_from_calling_it(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with (
        serving(OK, authority.server("hooks.example", days=3)) as server,
        WebhookClient(settings(), lookup=Dns(["127.0.0.1"]), tls=authority.trust()) as client,
    ):
        assert not client.certificates
        assert (await client.post(server.url("hooks.example"), BODY, HEADERS)).delivered
        assert not (await client.post(server.url("other.example"), BODY, HEADERS)).delivered
        known = dict(client.certificates)
    assert list(known) == ["hooks.example"], "what was not trusted says nothing"
    assert known["hooks.example"] - time.time() == pytest.approx(3 * 86_400, abs=600)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_tls_that_cannot_be_trusted(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with serving(OK, authority.server("expired.example", days=-1)) as server:
        assert (await over_tls(server, "expired.example", authority)).failure == "tls"
        assert not server.requests
    stranger = Authority(tmp_path)
    async with serving(OK, stranger.server("stranger.example")) as server:
        assert (await over_tls(server, "stranger.example", authority)).failure == "tls"
    async with serving(OK, authority.server("old.example", version=ssl.TLSVersion.TLSv1)) as server:
        assert (await over_tls(server, "old.example", authority)).failure in ("tls", "connect")
        assert not server.requests
    async with serving(OK) as plain:
        plain.scheme = "https"
        answer = await over_tls(plain, "plain.example", authority, timeout_s=0.3)
        assert answer.failure in ("tls", "connect", "timeout")
        assert not plain.requests


async def test_read_request_reads_what_was_sent() -> None:
    reader = asyncio.StreamReader()
    reader.feed_data(b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcrest")
    assert await read_request(reader) == b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"
