"""The outermost layer around an application that does as the test says."""

import httpx
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from starlette.requests import ClientDisconnect

from service.api.access import Access
from service.api.metrics import ApiMetrics
from service.model.errors import Unavailable


class World:
    def __init__(self):
        self.registry = CollectorRegistry()

    async def ask(self, application, **client):
        layer = Access(application, ApiMetrics(self.registry))
        transport = httpx.ASGITransport(app=layer, **client)
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as asking:
            return await asking.get("/v1/x")

    def value(self, series):
        (line,) = [line for line in generate_latest(self.registry).decode().splitlines() if line.startswith(series)]
        return float(line.rpartition(" ")[2])


@pytest.fixture
def world():
    return World()


async def test_a_fault_is_answered_counted_and_not_explained(world):
    async def broken(_scope, _receive, _send):
        raise RuntimeError("password=hunter2")

    answer = await world.ask(broken)
    assert (answer.status_code, answer.json()["type"]) == (500, "urn:bongsu:problem:internal-error")
    assert "hunter2" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert world.value("bongsu_api_faults_total") == 1
    assert world.value("bongsu_api_requests_in_flight") == 0


async def test_what_is_away_is_no_fault(world):
    async def away(_scope, _receive, _send):
        raise Unavailable("Kafka does not answer")

    answer = await world.ask(away)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert world.value("bongsu_api_faults_total") == 0


async def test_who_goes_away_is_no_fault(world):
    async def reading(_scope, _receive, _send):
        raise ClientDisconnect

    with pytest.raises(AssertionError):  # httpx finds that nothing was answered
        await world.ask(reading)
    assert world.value("bongsu_api_faults_total") == 0
    assert world.value('bongsu_api_requests_total{method="GET",route="unmatched",status="4xx"}') == 1


async def test_a_fault_in_the_middle_of_an_answer_breaks_it_off(world):
    """Only the end of the connection can tell then that it is not whole."""

    async def broken(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        await world.ask(broken)
    assert world.value("bongsu_api_faults_total") == 1
