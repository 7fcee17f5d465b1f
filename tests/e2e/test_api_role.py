"""`bongsu api` as a process: its log, its end, its port, and what it says while Kafka is away."""

import asyncio
import json
import socket
import time

import httpx
import pytest

from service.adapters.processes import Child
from tests.api_process import make_token
from tests.api_world import ALLOWED, URL, problem_of
from tests.conftest import PARTITIONS
from tests.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]
PATIENCE_S = 90


class Running:
    """A role `api` of a test."""

    def __init__(self, tmp_path, env):
        self.child = Child("api")
        self.log = tmp_path / "api.log"
        environ = {"BONGSU_LOG_FORMAT": "json", **ALLOWED, **env}
        self.child.start(["api", "--port", "0", "--metrics-port", "0"], environ, self.log)
        ports = self.child.wait_ready(PATIENCE_S)["ports"]
        self.url, self.health = (f"http://127.0.0.1:{ports[name]}" for name in ("api", "metrics"))
        self.port = ports["api"]

    def client(self, token):
        return httpx.AsyncClient(base_url=self.url, headers={"Authorization": f"Bearer {token}"}, timeout=60)


@pytest.fixture
def start(tmp_path):
    running: list[Running] = []

    def begin(env):
        running.append(Running(tmp_path, env))
        return running[-1]

    yield begin
    for one in running:
        one.child.terminate(15)


async def test_the_log_says_who_asked_and_holds_no_secret(start, kafka_env):
    api, token = start(kafka_env), await make_token(kafka_env)
    async with api.client(token) as client:
        made = (await client.post("/v1/subscriptions", json={"url": URL, "headers": {"X-Token": "hunter2x"}})).json()
        await client.get(f"/v1/subscriptions/{made['id']}/secret", headers={"X-Request-Id": "mine-1"})
        await client.get("/v1/subscriptions", params={"name": token})
        await client.get(f"/v1/subscriptions/{token}")
        for _ in range(30):
            await client.get(f"/v1/subscriptions/{made['id']}")
    async with api.client(token[:-1]) as stranger:
        await stranger.get("/v1/subscriptions")
    assert api.child.terminate(15) == 0
    written = api.log.read_text(encoding="utf-8")
    lines = [json.loads(line) for line in written.splitlines() if '"event": "request"' in line]
    (line,) = [line for line in lines if line["request_id"] == "mine-1"]
    assert (line["actor"], line["status"], line["method"]) == (f"token:{token.split('_')[1]}", 200, "GET")
    assert line["route"] == "/v1/subscriptions/{subscription_id}/secret"
    assert len(lines) == 35, "each one is told, whatever the limit of other lines"
    assert lines[-1]["actor"] is None
    for secret in (token[-43:], token[-43:-1], made["secrets"][0][6:], "hunter2x"):
        assert secret not in written


async def test_what_is_under_way_is_answered_when_it_is_told_to_end(start, kafka_env):
    api, token = start(kafka_env), await make_token(kafka_env)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def lines():
        yield '{"id": "a1", "title": "가람시 소식"}\n'.encode()
        begun.set()
        await go_on.wait()
        yield '{"id": "a2", "title": "나루군 소식"}\n'.encode()

    async with api.client(token) as client:
        ndjson = {"Content-Type": "application/x-ndjson"}
        posting = asyncio.create_task(client.post("/v1/articles", content=lines(), headers=ndjson))
        await asyncio.wait_for(begun.wait(), PATIENCE_S)
        series = "bongsu_api_requests_in_flight 1.0"
        async with httpx.AsyncClient() as health:
            await wait_until(lambda: _holds(health, f"{api.health}/metrics", series))
        ending = asyncio.create_task(asyncio.to_thread(api.child.terminate, 15))
        await wait_until(lambda: not _open(api.port), what="it takes no new connections")
        go_on.set()
        answer = await posting
        assert (answer.status_code, answer.json()["accepted"]) == (200, 2), answer.text
        assert await ending == 0


async def _holds(client, url, text):
    return text in (await client.get(url)).text


def _open(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def test_it_ends_in_time_whatever_clients_do(start, kafka_env):
    """One that sends half a head, one that sends half a body, one that keeps its connection and says nothing."""
    api, token = start(kafka_env), await make_token(kafka_env)
    head = f"POST /v1/articles HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
    body = "Content-Type: application/x-ndjson\r\nContent-Length: 1000\r\n\r\n{"
    clients = []
    for said in ("GET /v1", head + body, ""):
        reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
        writer.write(said.encode())
        await writer.drain()
        clients.append((reader, writer))
    async with httpx.AsyncClient() as health:
        await wait_until(lambda: _holds(health, f"{api.health}/metrics", "bongsu_api_requests_in_flight 1.0"))
    began = time.monotonic()
    assert await asyncio.to_thread(api.child.terminate, 15) == 0
    assert time.monotonic() - began < 10
    for _, writer in clients:
        writer.close()


def test_a_port_in_use_is_one_sentence(bongsu):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = bongsu("api", "--port", str(port))
    assert done.returncode == 2
    assert f"bongsu: cannot serve the API on 127.0.0.1:{port}: " in done.stderr
    assert "Traceback" not in done.stderr


async def test_while_kafka_is_away_it_says_so_and_recovers(start, private_kafka, tmp_path):
    """Reads and changes are 503 with Retry-After, never 500 and never a hang; then all works again."""
    from service.adapters.topics_admin import create_topics
    from service.settings import Settings

    env = {
        "BONGSU_KAFKA_BOOTSTRAP_SERVERS": private_kafka.bootstrap_servers,
        "BONGSU_KAFKA_REQUEST_TIMEOUT_S": "3",
        "BONGSU_API_TIMEOUT_S": "3",
        "BONGSU_DATA_DIR": str(tmp_path / "data"),
    }
    await create_topics(Settings(env).kafka, partitions=PARTITIONS)
    token = await make_token(env)
    api = start(env)
    async with api.client(token) as client:
        made = (await client.post("/v1/subscriptions", json={"url": URL})).json()
        path = f"/v1/subscriptions/{made['id']}"
        await asyncio.to_thread(private_kafka.stop)
        asked = (
            client.get("/v1/subscriptions"), client.get(path), client.patch(path, json={"name": "x"}),
            client.post("/v1/subscriptions", json={"url": URL}), client.post(f"{path}/test"), client.delete(path),
            client.post("/v1/silences/preview", json={"matchers": {"rule": ["*"]}}), client.get("/v1/rules"),
            client.post("/v1/articles", json={"title": "가람시 소식"}),
        )  # fmt: skip
        told = {}
        for answer in await asyncio.gather(*asked):
            problem = problem_of(answer, "unavailable")
            assert int(answer.headers["retry-after"]) > 0
            assert private_kafka.bootstrap_servers not in answer.text, "that is for the log"
            assert "BONGSU_" not in answer.text
            told[problem["request_id"]] = problem["detail"]
        assert (await client.get("/v1/openapi.json")).status_code == 200
        await asyncio.to_thread(private_kafka.start)

        async def works():
            return (await client.patch(path, json={"name": "back"})).status_code == 200

        await wait_until(works)
        assert (await client.get(path)).json()["name"] == "back"
    log = api.log.read_text(encoding="utf-8")
    assert "a request ended in a fault" not in log
    logged = [json.loads(line) for line in log.splitlines() if "a request could not be answered" in line]
    silent = {key for key, said in told.items() if said == "Kafka does not answer"}
    where = f"Kafka at {private_kafka.bootstrap_servers} does not answer"
    assert silent
    assert silent <= {one["request_id"] for one in logged if where in one["reason"]}
