"""What rests in tiers: for how long, and when it is called back."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition

from service.adapters.writer import Place
from service.dispatcher.endpoints import Endpoints
from service.dispatcher.lanes import Lanes
from service.dispatcher.partition import Job, Partition
from service.dispatcher.rests import CALLED_BACK_BELOW, CALLED_ROOM, CALLED_WAIT_S, RESTS_PER_S_OPEN, Rests
from service.model import topics
from service.settings import DeliverySettings
from tests.builders import delivery_record, subscription_record

NOW_S = 1000.0
TIER = topics.retry_topic(10)


class World:
    """One subscription whose breaker opens at the first failure."""

    def __init__(self) -> None:
        self.endpoints = Endpoints(DeliverySettings(breaker_failures=1), {"a": subscription_record("a")}.get)
        self.lanes: Lanes[Job] = Lanes(slots=1, slots_of=lambda _: 0, slots_per_host=1, room_per_key=10**6)
        self.rests = Rests(self.endpoints, self.lanes, lambda: NOW_S)
        self.tier = Partition(TopicPartition(TIER, 0), 10)
        self.rests.seen(self.tier)
        self.tier.resting.append(SimpleNamespace(offset=0))

    def job(self, left_s: float = 10**6) -> Job:
        record = delivery_record("msg_1", subscription="a", deadline_ms=int((NOW_S + left_s) * 1000))
        return Job(Partition(TopicPartition("deliveries", 0), 0), 0, b"", b"a", record)

    def rest(self, offset: int, tier_s: int = 10) -> None:
        job = self.job()
        job.went_to = Place(topics.retry_topic(tier_s), 0, offset)
        self.rests.spilled(job, tier_s)

    def fail(self) -> None:
        self.endpoints.of("a").breaker.failed(NOW_S, probe=False)


def test_the_more_of_one_that_is_down_rests_the_longer_but_not_past_its_deadline() -> None:
    world = World()
    world.fail()
    took: list[Any] = [world.rests.rest_s(world.job()) for _ in range(10 * RESTS_PER_S_OPEN + 1)]
    assert took.count(1) == RESTS_PER_S_OPEN
    assert took.count(10) == 9 * RESTS_PER_S_OPEN
    assert took[-1] == 60
    assert world.rests.rest_s(world.job(left_s=30)) == 10
    assert world.rests.rest_s(world.job(left_s=0.5)) == 1


def test_it_is_called_back_when_its_endpoint_is_well_and_not_before() -> None:
    world = World()
    world.fail()
    world.rest(offset=7)
    assert world.rests.call_back() == []
    assert world.rests.wait_s(world.tier, 3, b"a", 9.0) == 9.0
    world.endpoints.of("a").breaker.answered()
    assert world.rests.call_back() == [world.tier]
    assert world.rests.wait_s(world.tier, 7, b"a", 9.0) == 0.0
    assert world.rests.wait_s(world.tier, 8, b"a", 9.0) == 9.0  # came after it: rests as long as anything
    assert world.rests.call_back() == []  # once


def test_it_comes_no_faster_than_it_is_taken() -> None:
    world = World()
    world.rest(offset=7)
    for _ in range(CALLED_BACK_BELOW):
        world.lanes.offer("a", world.job(), 0.0)
    assert world.rests.call_back() == []
    world.lanes.surplus("a", 1)
    assert world.rests.call_back() == [world.tier]
    while world.lanes.waiting_of("a") < CALLED_ROOM:
        world.lanes.offer("a", world.job(), 0.0)
    assert world.rests.wait_s(world.tier, 7, b"a", 9.0) == CALLED_WAIT_S
    assert world.rests.wait_s(world.tier, 7, b"a", CALLED_WAIT_S / 2) == CALLED_WAIT_S / 2


def test_what_a_fault_of_ours_kept_here_is_not_called_back_in_a_circle() -> None:
    world = World()
    world.endpoints.of("a").unreached = True
    world.rest(offset=7)
    assert world.rests.call_back() == []
    world.endpoints.of("a").unreached = False
    assert world.rests.call_back() == [world.tier]


@pytest.mark.parametrize("tier_s", [1, 60])
def test_a_second_is_not_worth_it_and_tiers_not_read_are_no_error(tier_s: int) -> None:
    world = World()
    world.rest(offset=7, tier_s=tier_s)
    assert world.rests.call_back() == []
