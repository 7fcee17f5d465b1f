import socket

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from service.health import HealthServer
from service.model.errors import WrongSetup


@pytest.fixture
async def server():
    registry = CollectorRegistry()
    Counter("bongsu_things", "Things.", ["kind"], registry=registry).labels("a").inc(2, {"trace_id": "ab" * 16})
    missing: list[str] = []
    health = HealthServer(registry, lambda: missing, host="127.0.0.1")
    await health.start(0)
    yield health, missing
    await health.stop()


async def get(port, path, **headers):
    url = f"http://127.0.0.1:{port}{path}"
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        return answer.status, await answer.text(), answer.headers


async def test_metrics_are_what_prometheus_reads(server):
    health, _ = server
    status, text, headers = await get(health.port, "/metrics")
    assert status == 200
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
    (family, *_) = text_string_to_metric_families(text)
    assert [(sample.labels, sample.value) for sample in family.samples if sample.name == "bongsu_things_total"] == [
        ({"kind": "a"}, 2.0)
    ]


async def test_openmetrics_with_exemplars_for_who_asks_as_prometheus_does(server):
    health, _ = server
    accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
    status, text, headers = await get(health.port, "/metrics", Accept=accept)
    assert (status, headers["Content-Type"].partition(";")[0]) == (200, "application/openmetrics-text")
    assert text.endswith("# EOF\n")
    (family,) = openmetrics.text_string_to_metric_families(text)
    assert [sample.exemplar.labels for sample in family.samples if sample.name == "bongsu_things_total"] == [
        {"trace_id": "ab" * 16}
    ]


async def test_ready_only_when_nothing_is_missing_and_says_what_is(server):
    health, missing = server
    assert (await get(health.port, "/readyz"))[:2] == (200, "ready\n")
    missing += ["no partitions are assigned", "tables are being recovered"]
    status, text, _ = await get(health.port, "/readyz")
    assert (status, text) == (503, "no partitions are assigned\ntables are being recovered\n")
    assert (await get(health.port, "/healthz"))[:2] == (200, "ok\n"), "alive all the same"
    missing.clear()
    assert (await get(health.port, "/readyz"))[0] == 200


async def test_a_taken_port_is_named_and_nothing_stays_open():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        health = HealthServer(CollectorRegistry(), list, host="127.0.0.1")
        with pytest.raises(WrongSetup, match=rf"127\.0\.0\.1:{port}.*--metrics-port"):
            await health.start(port)


async def test_stop_frees_the_port(server):
    health, _ = server
    await health.stop()
    with pytest.raises(aiohttp.ClientConnectorError):
        await get(health.port, "/healthz")
