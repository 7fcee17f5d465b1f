"""Which schedule of the settings belongs to which failure: each is wired to its own."""

import pytest

from service.delivery.attempts import Answer, Failure, WaitUntil, after_post, failure_of
from service.dispatcher.sender import policy_of
from service.settings import DeliverySettings

SETTINGS = DeliverySettings(
    schedule_s=(1.0,), schedule_dns_s=(2.0,), schedule_connect_s=(3.0,), schedule_tls_s=(4.0,),
    schedule_timeout_s=(5.0,), schedule_throttled_s=(6.0,), schedule_refused_s=(7.0,), jitter=0.0,
)  # fmt: skip
PLAIN = DeliverySettings(schedule_s=(9.0,), jitter=0.0)


def wait_s(settings: DeliverySettings, failure: Failure, status: int | None = None) -> float:
    verdict = after_post(
        Answer(status, failure), attempts_made=1, policy=policy_of(settings), deadline_ms=10**9, now_ms=0,
        retry_after_s=None, luck=0.5,
    )  # fmt: skip
    assert isinstance(verdict, WaitUntil)
    return verdict.due_ms / 1000


@pytest.mark.parametrize(
    ("failure", "wanted_s"),
    [
        (Failure.DNS, 2), (Failure.RESOLVER, 2), (Failure.CONNECT, 3), (Failure.RESET, 3), (Failure.TLS, 4),
        (Failure.TIMEOUT, 5), (Failure.PROTOCOL, 1),
    ],
)  # fmt: skip
def test_failures_without_a_status(failure: Failure, wanted_s: float) -> None:
    assert wait_s(SETTINGS, failure) == wanted_s
    assert wait_s(PLAIN, failure) == 9


@pytest.mark.parametrize(("status", "wanted_s"), [(429, 6), (404, 7), (302, 7), (410, 7), (500, 1), (503, 1)])
def test_failures_with_a_status(status: int, wanted_s: float) -> None:
    failure = failure_of(status)
    assert failure is not None
    assert wait_s(SETTINGS, failure, status) == wanted_s
    assert wait_s(PLAIN, failure, status) == 9


def test_every_schedule_of_the_settings_is_used() -> None:
    schedules = {
        name for name in DeliverySettings.model_fields if name.startswith("schedule_") and name != "schedule_s"
    }
    assert len(schedules) == 6
