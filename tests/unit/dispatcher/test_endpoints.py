"""What an answer does to the endpoint that gave it, and when it may be called again."""

from typing import Any

import pytest

from service.delivery.attempts import OUR_SIDE, Answer, Failure, failure_of
from service.delivery.breaker import PROBES
from service.dispatcher.endpoints import GONE_AGAIN, Endpoints, Findings
from service.model.control_records import SubscriptionRecord
from service.settings import DeliverySettings
from tests.builders import attempt_record

NOW_MS = 1_800_000_000_000


class World:
    """One dispatcher's endpoints; subscriptions and time as the test wants them."""

    def __init__(self, **settings: Any) -> None:
        self.known: dict[str, SubscriptionRecord] = {}
        self.endpoints = Endpoints(DeliverySettings(**settings), self.known.get)
        self.now = 0.0

    def add(self, name: str, url: str = "https://a.example/hook", **fields: Any) -> None:
        self.known[name] = SubscriptionRecord(
            id=name, url=url, secrets=("whsec_x",), created_ms=1, updated_ms=1, **fields
        )

    def post(
        self, name: str, status: int | None, failure: Failure | None = None, asked: float | None = None
    ) -> Findings:
        ticket = self.endpoints.started(name, self.now)
        found = failure if failure is not None or status is None else failure_of(status)
        return self.endpoints.ended(
            name, ticket, Answer(status, found), retry_after_s=asked, now=self.now, now_ms=NOW_MS + int(self.now * 1000)
        )


def test_few_slots_at_first_more_with_answers_up_to_the_lower_cap() -> None:
    world = World(max_in_flight_per_subscription=16)
    world.add("a")
    world.add("b", max_in_flight=6)
    assert (world.endpoints.slots("a", 0), world.endpoints.slots("b", 0)) == (4, 4)
    for _ in range(30):
        world.post("a", 200)
        world.post("b", 200)
    assert (world.endpoints.slots("a", 0), world.endpoints.slots("b", 0)) == (16, 6)


def test_after_ten_failures_a_few_probes_and_after_them_a_ramp() -> None:
    world = World(breaker_failures=10, breaker_open_s=1)
    world.add("a")
    for _ in range(10):
        assert world.endpoints.slots("a", world.now) > 0
        world.post("a", 500)
    assert world.endpoints.slots("a", world.now) == 0
    assert world.endpoints.wait_s("a", world.now) == 1
    world.now = 1.0
    assert world.endpoints.slots("a", world.now) == PROBES
    world.endpoints.started("a", world.now)
    assert world.endpoints.slots("a", world.now, busy=1) == PROBES
    world.post("a", 200)
    assert world.endpoints.open_breakers() == 0
    assert world.endpoints.of("a").rate.limit_per_s < 100


def test_one_probe_where_answers_did_not_come_in_time() -> None:
    world = World(breaker_failures=10, breaker_open_s=1)
    world.add("a")
    for _ in range(10):
        world.post("a", None, Failure.TIMEOUT)
    world.now = 60.0
    assert world.endpoints.slots("a", world.now) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 415, 422, 451])
def test_a_4xx_about_what_was_sent_opens_nothing_and_closes_what_is_open(status: int) -> None:
    world = World(breaker_failures=3, disable_failures=1000)
    world.add("a")
    for _ in range(200):
        world.post("a", status)
    assert world.endpoints.open_breakers() == 0
    assert world.endpoints.of("a").health.failures == 200
    for _ in range(3):
        world.post("a", 503)
    assert world.endpoints.open_breakers() == 1
    world.now = 30.0
    world.post("a", status)
    assert world.endpoints.open_breakers() == 0


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 301, 307])
def test_every_other_failure_opens_it(status: int) -> None:
    world = World(breaker_failures=3)
    world.add("a")
    for _ in range(3):
        world.post("a", status)
    assert world.endpoints.open_breakers() == 1


@pytest.mark.parametrize("failure", sorted(OUR_SIDE))
def test_a_fault_of_ours_costs_no_endpoint_anything(failure: Failure) -> None:
    world = World(breaker_failures=1, disable_failures=1, disable_after_s=0.001)
    world.add("other", "https://other.example/")
    world.post("other", None, failure)  # of a resolver the second name tells
    world.add("a")
    assert world.post("a", None, failure) == Findings(ours=failure)
    endpoint = world.endpoints.of("a")
    assert (endpoint.health.failures, endpoint.breaker.is_open, endpoint.unreached) == (0, False, True)
    world.now = 1.0
    assert world.post("a", 200).ours is None
    assert not endpoint.unreached


def test_a_probe_that_did_not_leave_this_machine_is_followed_by_another() -> None:
    world = World(breaker_failures=1, breaker_open_s=1)
    world.add("a")
    world.post("a", 500)
    world.now = 1.0
    for _ in range(2 * PROBES):
        assert world.endpoints.slots("a", world.now) > 0
        assert world.post("a", None, Failure.NETWORK).ours is Failure.NETWORK
    assert world.endpoints.of("a").breaker.is_open


def test_what_is_not_its_fault_is_not_charged() -> None:
    world = World(breaker_failures=1, disable_failures=1, disable_after_s=0.001)
    world.add("a", "https://a.example/")
    world.add("b", "https://b.example/")
    for failure in (Failure.BAD_SECRET, Failure.BLOCKED):
        assert world.post("a", None, failure) == Findings()
    world.post("a", None, Failure.DNS)
    world.post("b", None, Failure.DNS)  # the second name: it is our resolver
    assert [world.endpoints.of(name).health.failures for name in "ab"] == [1, 0]
    assert not world.endpoints.of("b").breaker.is_open


def test_410_needs_a_probe_that_says_it_again() -> None:
    world = World(gone_probe_s=30)
    world.add("a")
    assert world.post("a", 410).gone_probe_s == 30
    assert world.endpoints.wait_s("a", world.now) == 30
    world.now = 30.0
    found = world.post("a", 410)
    assert found.disable is not None
    assert found.gone
    assert found.gone_probe_s is None


def test_410_to_one_delivery_of_an_endpoint_that_takes_the_others_stops_it_once() -> None:
    world = World(gone_probe_s=30, breaker_failures=3)
    world.add("a")
    assert world.post("a", 410).gone_probe_s == 30
    world.now = 30.0
    assert world.post("a", 200) == Findings()  # another delivery was the probe
    for _ in range(40):
        world.now += 1
        found = world.post("a", 410)
        assert (found.gone_probe_s, found.disable, found.gone) == (None, None, False)
        assert world.endpoints.open_breakers() == 0
        assert world.post("a", 200) == Findings()


def test_an_endpoint_that_was_not_gone_can_go_later() -> None:
    world = World(gone_probe_s=30)
    world.add("a")
    world.post("a", 410)
    world.now = 30.0
    world.post("a", 200)
    told = [world.post("a", 410).gone_probe_s for _ in range(GONE_AGAIN)]
    assert told == [None] * (GONE_AGAIN - 1) + [30]
    world.now = 60.0
    assert world.post("a", 410).disable is not None


@pytest.mark.parametrize("url", ["https://[x/", "https://a.example]/", "", "no url"])
def test_a_url_that_cannot_be_read_is_no_fault_of_the_role(url: str) -> None:
    world = World()
    world.add("a", url)
    assert world.endpoints.of("a").host == ""
    assert world.endpoints.slots("a", 0.0) > 0


def test_what_was_forgotten_is_not_counted_twice() -> None:
    world = World()
    world.add("a")
    made = [
        attempt_record("msg_1", "retry", subscription="a", error="status", started_ms=NOW_MS + number)
        for number in range(20)
    ]
    for _ in range(5):
        world.endpoints.forget()
        world.endpoints.of("a").resting = 7
        for attempt in made:
            world.endpoints.remember(attempt)
        assert world.endpoints.of("a").health.failures == 20
    world.endpoints.forget()
    assert world.endpoints.of("a").resting == 0


def test_a_removed_subscription_is_in_no_number() -> None:
    world = World(breaker_failures=1, disable_failures=10, disable_after_s=1)
    world.add("a")
    world.add("b", "https://b.example/")
    for _ in range(9):
        world.now += 1.0
        world.post("a", 500)
        world.post("b", 500)
    assert (world.endpoints.percents(NOW_MS + 9000), world.endpoints.open_breakers()) == ([90, 90], 2)
    del world.known["a"]
    assert (world.endpoints.percents(NOW_MS + 9000), world.endpoints.open_breakers()) == ([90], 1)
    assert len(world.endpoints) == 1
    world.add("b", "https://c.example/", revision=2)
    assert (world.endpoints.percents(NOW_MS + 9000), world.endpoints.open_breakers()) == ([], 0)
    world.endpoints.forget()
    assert len(world.endpoints) == 0


def test_who_was_told_that_it_fails_is_told_that_it_recovered_under_whatever_revision() -> None:
    world = World(disable_failures=4, disable_after_s=0.001, breaker_failures=0)
    world.add("a")
    for _ in range(4):
        world.now += 1.0
        found = world.post("a", 500)
    assert (found.disable, found.failures, found.since_ms) == ("4 failures in a row", 4, NOW_MS + 1000)
    world.add("a", revision=2, disabled_ms=NOW_MS)
    world.endpoints.of("a")
    world.add("a", revision=3)
    assert world.post("a", 200).recovered
    assert not world.post("a", 200).recovered


def test_who_was_told_that_it_is_gone_is_told_that_it_is_back() -> None:
    world = World(gone_probe_s=30)
    world.add("a")
    world.post("a", 410)
    world.now = 30.0
    assert world.post("a", 410).failures == 1
    world.add("a", revision=2)
    assert world.post("a", 200).recovered


def test_410_in_many_slots_at_once_is_one_message() -> None:
    world = World(gone_probe_s=30)
    world.add("a")
    tickets = [world.endpoints.started("a", 0.0) for _ in range(4)]
    gone = Answer(410, Failure.GONE)
    found = [world.endpoints.ended("a", each, gone, retry_after_s=None, now=0.0, now_ms=NOW_MS) for each in tickets]
    assert {each.disable for each in found} == {None}
    assert {each.gone_probe_s for each in found} == {30}


def test_a_changed_subscription_begins_anew() -> None:
    world = World(breaker_failures=1)
    world.add("a")
    ticket = world.endpoints.started("a", 0.0)
    world.post("a", 500)
    assert world.endpoints.slots("a", 0.0) == 0
    world.add("a", "https://new.example/", revision=2)
    assert world.endpoints.slots("a", 0.0) == 4
    late = world.endpoints.ended("a", ticket, Answer(500, Failure.STATUS), retry_after_s=None, now=0.0, now_ms=NOW_MS)
    assert late == Findings()
    assert world.endpoints.of("a").health.failures == 0


def test_health_is_read_back_and_a_warning_is_not_given_twice() -> None:
    world = World(disable_failures=10, disable_after_s=1)
    world.add("a")
    for number in range(6):
        world.endpoints.remember(
            attempt_record("msg_1", "retry", subscription="a", error="status", started_ms=NOW_MS + 1000 * number)
        )
    assert world.endpoints.of("a").health.failures == 6
    world.now = 10.0
    found = world.post("a", 500)
    assert (found.warn_percent, found.failures, found.since_ms, found.disable) == (70, 7, NOW_MS, None)
    world.endpoints.remember(attempt_record("msg_1", "delivered", subscription="a", started_ms=NOW_MS + 20_000))
    assert world.endpoints.of("a").health.failures == 0


def test_an_endpoint_that_fails_for_a_while_is_noted_once_a_minute_and_when_somebody_is_told() -> None:
    world = World(disable_failures=1000, disable_after_s=1000)
    world.add("a")
    noted = []
    for second in range(0, 200, 10):
        world.now = float(second)
        found = world.post("a", 500)
        noted += [second] if found.note is not None else []
    assert noted == [60, 120, 180]
    assert world.post("a", 200).well
    assert not world.post("a", 200).well
    world.now = 201.0
    assert world.post("a", 500).note is None
    told = World(disable_failures=2, disable_after_s=0.001)
    told.add("a")
    told.post("a", 500)
    told.now = 1.0
    note = told.post("a", 500).note
    assert note is not None
    assert (note.failures, note.since_ms, note.told_percent, note.noted_ms) == (2, NOW_MS, 100, NOW_MS + 1000)


def test_what_was_noted_goes_on_where_it_was_whatever_the_neighbours_did() -> None:
    world = World(disable_failures=20, disable_after_s=100)
    world.add("a")
    note = None
    for _ in range(12):
        world.now += 10
        note = world.post("a", 500).note or note
    assert note is not None
    counted = attempt_record(
        "m", "retry", subscription="a", error="status", started_ms=note.noted_ms - 500, duration_ms=1
    )
    later = attempt_record("m", "retry", subscription="a", error="status", started_ms=note.noted_ms + 1, duration_ms=1)
    heir = World(disable_failures=20, disable_after_s=100)
    heir.add("a")
    heir.endpoints.restore(note)
    heir.endpoints.remember(counted)
    assert heir.endpoints.of("a").health.failures == note.failures
    heir.endpoints.remember(later)
    health = heir.endpoints.of("a").health
    assert (health.failures, health.since_ms) == (note.failures + 1, note.since_ms)
    assert heir.post("a", 200).well  # what stands on the topic is taken away


def test_a_note_about_an_earlier_revision_says_only_whom_was_told() -> None:
    world = World(disable_failures=2, disable_after_s=0.001)
    world.add("a")
    world.post("a", 500)
    world.now = 1.0
    note = world.post("a", 500).note
    assert note is not None
    heir = World()
    heir.add("a", revision=2)
    heir.endpoints.restore(note)
    assert heir.endpoints.of("a").health.failures == 0
    found = heir.post("a", 200)
    assert (found.recovered, found.well) == (True, True)
    heir.endpoints.restore(note.model_copy(update={"subscription": "removed"}))
    assert len(heir.endpoints) == 1


def test_attempts_before_the_last_change_and_tests_are_not_remembered() -> None:
    world = World()
    world.add("a")
    world.known["a"] = world.known["a"].model_copy(update={"updated_ms": NOW_MS})
    for more in ({"started_ms": NOW_MS - 1}, {"reason": "test", "started_ms": NOW_MS}):
        world.endpoints.remember(attempt_record("msg_1", "retry", subscription="a", error="status", **more))
    assert world.endpoints.of("a").health.failures == 0


def test_429_slows_it_down_and_retry_after_is_obeyed_by_all_of_it() -> None:
    world = World()
    world.add("a")
    world.post("a", 429, asked=5.0)
    assert world.endpoints.slots("a", 4.9) == 0
    assert world.endpoints.slots("a", 5.0) > 0
