"""More ways to lead a webhook client astray: names that change, certificates that do not fit, answers that lie."""

import asyncio
import datetime as dt
import json
import socket
import ssl
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from service.adapters.webhook_client import EXCERPT_CHARACTERS, WebhookClient
from service.delivery.addresses import AddressPolicy, Target, check_url
from tests.misbehaving import OK, serving
from tests.unit.adapters.test_webhook_client import BODY, HEADERS, Authority, Dns, over_tls, post, response, settings
from tests.unit.delivery.test_addresses import HOSTS


class Dials:
    """Where sockets were told to connect to. Nothing leaves the machine: what is not loopback is refused here."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[tuple[str, int]] = []
        real = asyncio.SelectorEventLoop.sock_connect

        async def connect(loop: Any, sock: socket.socket, address: Any) -> None:
            self.asked.append(address[:2])
            if not address[0].startswith("127."):
                raise ConnectionRefusedError(111, "not in this test")
            await real(loop, sock, address)

        monkeypatch.setattr(asyncio.SelectorEventLoop, "sock_connect", connect)


async def test_a_name_that_is_public_first_and_loopback_then_is_dialled_where_it_was_vetted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dials = Dials(monkeypatch)
    async with serving(OK) as server:
        dns = Dns(["8.8.8.8"], ["127.0.0.1"])
        url = f"http://rebind.example:{server.port}/"
        answer = await post(url, lookup=dns, allow_addresses=(), allow_http=True, ports=(server.port,))
    assert (answer.failure, len(dns.asked)) == ("connect", 1)
    assert dials.asked == [("8.8.8.8", server.port)]
    assert server.connections == 0


async def test_an_address_that_changes_between_two_attempts_is_vetted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.adapters.webhook_client.NAMES_KEPT_S", 0.0)
    async with serving(response("200 OK", "Connection: close")) as server:
        dns = Dns(["127.0.0.1"], ["127.0.0.2"])
        only = settings(allow_addresses=("127.0.0.1/32",))
        async with WebhookClient(only, lookup=dns) as client:
            url = f"http://moving.example:{server.port}/"
            first = await client.post(url, BODY, HEADERS)
            second = await client.post(url, BODY, HEADERS)
    assert first.delivered
    assert second.failure == "blocked"
    assert server.connections == 1


@pytest.mark.parametrize("inside", ["10.1.2.3", "169.254.169.254", "fd00::1"])
async def test_a_cname_to_the_inside_is_what_it_points_to(inside: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's resolver follows CNAMEs; what counts is where they end. Names may come as bytes, as from httpx."""
    dials = Dials(monkeypatch)
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name != "alias.example":
            return real(host, port, *rest, **more)
        family = socket.AF_INET6 if ":" in inside else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "internal.corp", (inside, port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    answer = await post("https://alias.example/hook", allow_addresses=())
    assert answer.failure == "blocked"
    assert "alias.example is" in answer.detail
    assert dials.asked == []


@pytest.mark.parametrize("host", [host for host, _ in HOSTS])
async def test_every_spelling_is_blocked_before_anything_is_dialled(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    dials = Dials(monkeypatch)
    dns = Dns(["8.8.8.8"])
    answer = await post(f"https://{host}/hook", lookup=dns, allow_addresses=())
    assert answer.failure == "blocked", answer
    assert (dials.asked, dns.asked) == ([], [])


async def test_a_name_in_other_letters_is_one_name_for_dns_and_tls() -> None:
    dns = Dns(["10.0.0.1"])
    url = "https://ｅｘａｍｐｌｅ.한국/"
    assert isinstance(check_url(url, AddressPolicy()), Target)
    answer = await post(url, lookup=dns, allow_addresses=())
    assert answer.failure == "blocked"
    assert dns.asked[0].isascii()


# --- redirects and proxies -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
async def test_nothing_of_a_webhook_reaches_where_a_redirect_points(status: int) -> None:
    async with serving(OK) as probe:
        others = [
            f"Location: http://127.0.0.1:{probe.port}/",
            f"Refresh: 0; url=http://127.0.0.1:{probe.port}/",
            f"Link: <http://127.0.0.1:{probe.port}/>; rel=preload",
            f'Alt-Svc: h2="127.0.0.1:{probe.port}"',
        ]
        async with serving(response(f"{status} Elsewhere", *others)) as server, WebhookClient(settings()) as client:
            for _ in range(2):
                assert (await client.post(server.url(), BODY, HEADERS)).failure == "redirect"
        assert (probe.connections, probe.requests) == (0, [])


async def test_proxies_of_the_environment_are_ignored_for_tls_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    async with serving(OK) as proxy, serving(OK, authority.server("hooks.example")) as server:
        for name in ("https_proxy", "HTTPS_PROXY", "ALL_PROXY", "WSS_PROXY"):
            monkeypatch.setenv(name, f"http://user:pw@127.0.0.1:{proxy.port}")
        monkeypatch.setenv("no_proxy", "")
        assert (await over_tls(server, "hooks.example", authority)).delivered
        assert proxy.connections == 0


# --- TLS -------------------------------------------------------------------------------------------------------------


async def test_a_certificate_that_signed_itself_is_not_trusted(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "self.example")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now - dt.timedelta(1), now + dt.timedelta(1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("self.example")]), critical=False)
    (tmp_path / "self.pem").write_bytes(
        builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "self.pem")
    async with serving(OK, context) as server:
        answer = await over_tls(server, "self.example", authority)
    assert answer.failure == "tls"
    assert "CERTIFICATE_VERIFY_FAILED" in answer.detail
    assert not server.requests


async def test_tls_names_the_host_and_its_phase_is_measured_apart(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context = authority.server("hooks.example")
    named: list[str | None] = []
    context.sni_callback = lambda _, name, __: named.append(name)
    async with serving(OK, context) as server, WebhookClient(
        settings(), lookup=Dns(["127.0.0.1"]), tls=authority.trust()
    ) as client:  # fmt: skip
        began = time.perf_counter()
        first = await client.post(server.url("hooks.example"), BODY, HEADERS)
        whole_ms = (time.perf_counter() - began) * 1000
        second = await client.post(server.url("hooks.example"), BODY, HEADERS)
    assert named == ["hooks.example"]
    phases = first.phases
    assert phases.connect_ms is not None
    assert phases.tls_ms is not None
    assert phases.first_byte_ms is not None
    assert phases.tls_ms > 0
    assert phases.connect_ms >= 0
    assert phases.connect_ms + phases.tls_ms + phases.first_byte_ms <= phases.total_ms <= whole_ms
    assert (second.phases.connect_ms, second.phases.tls_ms) == (None, None), "the connection was there"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
async def test_old_tls_is_refused(version: ssl.TLSVersion, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with serving(OK, authority.server("old.example", version=version)) as server:
        answer = await over_tls(server, "old.example", authority)
    assert answer.failure == "tls"
    assert not server.requests


# --- answers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "before",
    [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", b"HTTP/1.1 102 Processing\r\n\r\n"],
)  # fmt: skip
async def test_what_comes_before_the_answer_is_not_the_answer(before: bytes) -> None:
    async with serving(before + OK) as server:
        answer = await post(server.url())
    assert answer.delivered
    assert answer.status == 200
    async with serving(before + response("503 No")) as server:
        assert (await post(server.url())).status == 503


async def test_one_byte_in_a_long_while_does_not_hold_the_deadline_open() -> None:
    async def slow(_: Any, writer: asyncio.StreamWriter, __: bytes) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 200:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.2)

    async with serving(slow) as server:
        began = time.monotonic()
        answer = await post(server.url(), timeout_s=0.5)
    assert answer.failure == "timeout"
    assert time.monotonic() - began < 20, "all bytes take 40 s"


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"\xff\xfe\x00 no \xec\x84", "no"),
        ("서울시".encode("cp949"), "�"),
        (b"\xed\xa0\x80lone", "lone"),
        (b"\x1b]0;title\x07\x1b[2Jclear \xe2\x80\xae drow", "clear"),
        (b"a" * 10_000, "a" * EXCERPT_CHARACTERS),
    ],
)
async def test_what_is_no_text_becomes_an_excerpt_that_can_be_shown(body: bytes, shown: str) -> None:
    async with serving(response("400 Bad", body=body)) as server:
        answer = await post(server.url())
    assert shown in answer.excerpt
    assert answer.excerpt.isprintable()
    assert len(answer.excerpt) <= EXCERPT_CHARACTERS
    json.dumps(answer.excerpt).encode()


@pytest.mark.parametrize(
    "reason",
    [b"\x1b]0;pwn\x07\x1b[2J Broken", b"Bro\x9bken\x7f Broken", "\u202eBroken\u2028 Broken".encode()],
)
async def test_a_reason_that_a_terminal_would_obey_is_told_as_plain_words(reason: bytes) -> None:
    async with serving(b"HTTP/1.1 500 " + reason + b"\r\nContent-Length: 0\r\n\r\n") as server:
        answer = await post(server.url())
    assert (answer.status, answer.detail.startswith("HTTP 500 ")) == (500, True)
    assert "Broken" in answer.detail
    assert answer.detail.isprintable()


async def test_headers_that_are_not_utf8_or_come_thousandfold_do_no_harm() -> None:
    odd = "HTTP/1.1 500 \xff\xfe\r\nContent-Length: 0\r\nX-A: \xe9\r\n\r\n".encode("latin-1")
    async with serving(odd) as server:
        answer = await post(server.url())
        assert (answer.status, answer.failure) == (500, "status")
    many = response("200 OK", *(f"X-{number}: a" for number in range(20_000)))
    async with serving(many) as server:
        assert (await post(server.url())).failure == "protocol"


async def test_a_receiver_that_echoes_everything_teaches_nobody_our_secrets() -> None:
    key = "s3cr3t-" + "k" * 40
    sent = {**HEADERS, "Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    async def echo(_: Any, writer: asyncio.StreamWriter, request: bytes) -> None:
        path = request.split()[1]
        said = b"x" * 290 + b" " + request.partition(b"\r\n\r\n")[0] + b" whsec_" + b"A" * 43
        if path != b"/hook":
            said = b"no " + path.rpartition(b"/")[2] + b" at " + path
        writer.write(b"HTTP/1.1 400 %s\r\nContent-Length: %d\r\n\r\n" % (key.encode(), len(said)) + said)
        await writer.drain()

    async with serving(echo) as server, WebhookClient(settings()) as client:
        answer = await client.post(server.url(), BODY, sent)
    assert answer.status == 400
    assert key.encode() in server.requests[0]
    for part in (key, key[:12], "AAAAAA"):
        assert part not in answer.excerpt + answer.detail

    async with serving(echo) as server, WebhookClient(settings()) as client:
        chat = "/services/T0AB12CD3/B0EF45GH6/" + "z" * 24
        answer = await client.post(server.url(path=chat), BODY, sent)
    assert server.requests[0].startswith(f"POST {chat} ".encode())
    assert answer.excerpt == "no *** at ***"


@pytest.mark.parametrize(
    "body",
    ['{"a":"서울시와 重慶 🏮"}'.encode(), b'{"a":"\\ud800 \\u0000"}', b"\xff\x00\r\n\r\n", b"", b"x" * 20_000],
    ids=["hangul", "escapes", "bytes", "empty", "long"],
)
async def test_every_body_arrives_byte_for_byte(body: bytes) -> None:
    async with serving(OK) as server, WebhookClient(settings()) as client:
        assert (await client.post(server.url(), body, HEADERS)).delivered
    assert server.requests[0].partition(b"\r\n\r\n")[2] == body
