"""Connections that are odd: what is used again, what never is, and what may come back on the wrong one."""

import asyncio
import contextlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from service.adapters import http_pool
from service.adapters.webhook_client import WebhookClient
from tests.misbehaving import OK, always, read_request, serving
from tests.unit.adapters.test_webhook_client import BODY, HEADERS, Authority, Dns, post, response, settings

WRONG = response("500 Not Yours", body=b"of somebody else")


@pytest.mark.parametrize(
    "odd",
    [
        OK + WRONG,
        OK + b"x",
        b"HTTP/1.1 204 No Content\r\n\r\nand yet a body",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        response("200 OK", "Connection: close"),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n" + WRONG,
    ],
    ids=["two answers", "one byte more", "204 with a body", "HTTP/1.0", "close", "chunked and another"],
)
async def test_after_anything_odd_a_connection_is_not_used_again(odd: bytes) -> None:
    """What the server said too much must not become the answer to the next delivery."""
    async with serving(odd) as server, WebhookClient(settings()) as client:
        for _ in range(3):
            assert (await client.post(server.url(), BODY, HEADERS)).delivered
    assert server.connections == 3


async def test_an_answer_that_nobody_asked_for_is_not_the_next_answer() -> None:
    speak, hung_up = asyncio.Event(), asyncio.Event()

    async def talkative(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: bytes) -> None:
        writer.write(OK)
        await writer.drain()
        if not speak.is_set():
            await speak.wait()
            writer.write(WRONG)
            with contextlib.suppress(ConnectionError):
                assert await reader.read(1) == b""
            hung_up.set()

    async with serving(talkative) as server, WebhookClient(settings()) as client:
        assert (await client.post(server.url(), BODY, HEADERS)).delivered
        speak.set()
        await asyncio.wait_for(hung_up.wait(), 5)
        assert (await client.post(server.url(), BODY, HEADERS)).delivered
        assert server.connections == 2


async def test_an_answer_that_the_loop_has_not_read_yet_is_seen_before_the_connection_is_used() -> None:
    """The kernel has it already: nothing else runs between its coming and the next delivery."""
    sockets: list[int] = []

    async def keep(_: Any, writer: asyncio.StreamWriter, __: bytes) -> None:
        sockets.append(writer.get_extra_info("socket").fileno())
        writer.write(OK)
        await writer.drain()

    async with serving(keep) as server, WebhookClient(settings()) as client:
        assert (await client.post(server.url(), BODY, HEADERS)).delivered
        os.write(sockets[0], WRONG)
        assert (await client.post(server.url(), BODY, HEADERS)).delivered
        assert server.connections == 2


async def test_an_answer_before_all_was_sent_counts_and_ends_the_connection() -> None:
    """`413` before the body is read: the receiver is heard, what was not sent never follows as another request."""
    connections = 0

    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(response("413 Too Large"))
        with contextlib.suppress(ConnectionError):
            await writer.drain()
            await asyncio.Event().wait()

    async with serving_raw(early) as port, WebhookClient(settings(timeout_s=5.0)) as client:
        for number in (1, 2):
            answer = await client.post(f"http://127.0.0.1:{port}/", b"x" * 30_000_000, HEADERS)
            assert (answer.status, answer.failure) == (413, "status")
            assert connections == number


async def test_a_half_closed_connection_gives_its_answer_and_is_not_used_again() -> None:
    async def half(_: Any, writer: asyncio.StreamWriter, __: bytes) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nuntil the end")
        writer.write_eof()
        await asyncio.Event().wait()

    async with serving(half) as server, WebhookClient(settings()) as client:
        for _ in range(2):
            answer = await client.post(server.url(), BODY, HEADERS)
            assert (answer.status, answer.excerpt) == (200, "until the end")
    assert server.connections == 2


async def test_a_request_goes_out_twice_only_where_nothing_came_back() -> None:
    """A kept connection that dies in the middle of its answer is a failure: somebody has read the request."""

    async def second_time_half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: bytes) -> None:
        writer.write(OK)
        await writer.drain()
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-")
        await writer.drain()
        raise ConnectionError

    async with serving(second_time_half) as server, WebhookClient(settings()) as client:
        assert (await client.post(server.url(), BODY, HEADERS)).delivered
        assert (await client.post(server.url(), BODY, HEADERS)).failure == "reset"
    assert server.connections == 1


async def test_a_post_that_is_cancelled_takes_its_connection_with_it() -> None:
    came, late = asyncio.Event(), asyncio.Event()

    async def slow(_: Any, writer: asyncio.StreamWriter, request: bytes) -> None:
        if b"slow" in request:
            came.set()
            await late.wait()
        writer.write(WRONG if b"slow" in request else OK)
        await writer.drain()

    async with serving(slow) as server, WebhookClient(settings()) as client:
        assert (await client.post(server.url(), BODY, HEADERS)).delivered
        task = asyncio.create_task(client.post(server.url(), b'"slow"', HEADERS))
        await asyncio.wait_for(came.wait(), 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        late.set()
        assert (await client.post(server.url(), BODY, HEADERS)).delivered
    assert server.connections == 2


@pytest.mark.parametrize(
    "endless",
    [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", b"X: y\r\n"],
    ids=["100", "103", "header"],
)
async def test_heads_without_end_are_over_long_before_the_deadline(endless: bytes) -> None:
    async def respond(_: Any, writer: asyncio.StreamWriter, __: bytes) -> None:
        if endless.startswith(b"X"):
            writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(endless * 100)
            await writer.drain()

    async with serving(respond) as server:
        answer = await post(server.url(), timeout_s=30.0)
    assert answer.failure == "protocol"
    assert "larger than" in answer.detail


async def test_headers_that_come_byte_by_byte_are_read() -> None:
    async def respond(_: Any, writer: asyncio.StreamWriter, __: bytes) -> None:
        for byte in response("503 No", "Retry-After: 7", "X-Empty:", body=b"wait"):
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)

    async with serving(respond) as server:
        answer = await post(server.url())
    assert (answer.status, answer.retry_after, answer.excerpt) == (503, "7", "wait")


@pytest.mark.parametrize(
    ("headers", "named"),
    [
        ({"X-A": "a\r\nX-B: b"}, "line break"),
        ({"X-A": "a\nX-B: b"}, "line break"),
        ({"X-A\r\nX-B": "a"}, "line break"),
        ({"X-A": "\0"}, "NUL"),
        ({"Content-Length": "3"}, "content-length"),
        ({"Transfer-Encoding": "chunked"}, "transfer-encoding"),
        ({"Host": "other.example"}, "host"),
    ],
)
async def test_what_would_split_a_request_is_not_sent(headers: dict[str, str], named: str) -> None:
    async with serving(OK) as server, WebhookClient(settings()) as client:
        answer = await client.post(server.url(), BODY, {**HEADERS, **headers})
    assert answer.failure == "protocol"
    assert named in answer.detail
    assert not server.requests


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        (
            "/한글?q=서울 시".replace(" ", "%20"),
            b"POST /%ED%95%9C%EA%B8%80?q=%EC%84%9C%EC%9A%B8%20%EC%8B%9C HTTP/1.1\r\n",
        ),
        ("", b"POST / HTTP/1.1\r\n"),
        ("?a=b#fragment", b"POST /?a=b HTTP/1.1\r\n"),
        ("/%0d%0aX-Injected:%20yes", b"POST /%0d%0aX-Injected:%20yes HTTP/1.1\r\n"),
    ],
)
async def test_a_path_stays_one_line(path: str, sent: bytes) -> None:
    async with serving(OK) as server, WebhookClient(settings()) as client:
        assert (await client.post(server.url(path=path), BODY, HEADERS)).delivered
    (request,) = server.requests
    assert request.startswith(sent)
    assert b"\r\nHost: 127.0.0.1:%d\r\n" % server.port in request


async def test_a_name_is_asked_once_by_all_who_want_it_at_once_and_kept_for_a_while() -> None:
    asked = 0

    async def slow(host: str, port: int) -> Sequence[str]:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.05)
        return ["127.0.0.1"]

    async with serving(OK) as server, WebhookClient(settings(), lookup=slow) as client:
        url = server.url("hooks.example")
        answers = await asyncio.gather(*(client.post(url, BODY, HEADERS) for _ in range(20)))
        assert all(answer.delivered for answer in answers)
        assert asked == 1
        assert sum(answer.phases.dns_ms is not None for answer in answers) == 20
        assert (await client.post(url, BODY, HEADERS)).phases.dns_ms is None


async def test_the_second_of_two_addresses_is_tried() -> None:
    async with serving(OK) as server:
        answer = await post(server.url("two.example"), lookup=Dns(["127.9.9.9", "127.0.0.1"]))
    assert answer.delivered
    assert answer.address == "127.0.0.1"


async def test_a_kept_connection_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_pool, "MAX_AGE_S", 0.0)
    async with serving(OK) as server, WebhookClient(settings()) as client:
        for _ in range(2):
            assert (await client.post(server.url(), BODY, HEADERS)).delivered
    assert server.connections == 2


async def test_idle_connections_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_pool, "IDLE_S", 0.05)
    monkeypatch.setattr(http_pool, "SWEEP_S", 0.05)
    ended = asyncio.Event()

    async def until_closed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: bytes) -> None:
        writer.write(OK)
        await writer.drain()
        assert await reader.read(1) == b""
        ended.set()

    async with serving(until_closed) as server, WebhookClient(settings()) as client:
        assert (await client.post(server.url(), BODY, HEADERS)).delivered
        await asyncio.wait_for(ended.wait(), 5)


async def test_tls_connections_are_used_again_and_a_deadline_covers_the_handshake(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with (
        serving(OK, authority.server("hooks.example")) as server,
        serving_raw(lambda *_: asyncio.Event().wait()) as silent,
        WebhookClient(settings(timeout_s=1.0), lookup=Dns(["127.0.0.1"]), tls=authority.trust()) as client,
    ):
        for _ in range(3):
            answer = await client.post(server.url("hooks.example"), BODY, HEADERS)
            assert answer.delivered, answer
        assert server.connections == 1
        began = time.monotonic()
        answer = await client.post(f"https://hooks.example:{silent}/", BODY, HEADERS)
        assert answer.failure == "timeout"
        assert time.monotonic() - began < 20  # without a deadline it never ends


async def test_a_server_that_speaks_plain_http_where_tls_was_meant_hears_nothing(tmp_path: Path) -> None:
    async with serving(always(OK)) as server:
        server.scheme = "https"
        answer = await post(
            server.url("plain.example"), lookup=Dns(["127.0.0.1"]), tls=Authority(tmp_path).trust(), timeout_s=1.0
        )
        assert answer.failure in ("tls", "connect", "timeout")
        assert not server.requests


@contextlib.asynccontextmanager
async def serving_raw(connected: Any) -> Any:
    """Any coroutine on each connection; its port."""
    tasks: set[asyncio.Task[Any]] = set()

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            await connected(reader, writer)
        writer.transport.abort()

    listener = await asyncio.start_server(run, "127.0.0.1", 0)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
