"""Role `audit` over a reader that does as the test says."""

import pytest
from prometheus_client import CollectorRegistry

from service.audit import role as module
from service.audit.reader import Position
from service.audit.role import AuditRole
from service.model.errors import NewerSchema, Unavailable, WrongSetup
from service.settings import Settings
from tests.builders import alert_record, decision_record
from tests.waiting import wait_until

ALERTS = ("alerts", 0)


class Reader:
    def __init__(self):
        self.unreadable = 0
        self.positions: tuple[Position, ...] = (Position("alerts", 4, 1),)
        self.committed = {ALERTS: 9}
        self.error = None
        self.rounds = 0
        self.log = []

    async def start(self):
        self.log.append("start")

    async def stop(self):
        self.log.append("stop")

    async def catch_up(self):
        self.rounds += 1
        if self.error is not None:
            raise self.error
        return self.committed


class Clock:
    now = 1_000.0

    def __call__(self):
        return self.now


class Made:
    def __init__(self, **environ):
        self.registry = CollectorRegistry()
        self.reader = Reader()
        self.clock = Clock()
        self.role = AuditRole(Settings(environ), self.registry, clock=self.clock, reader=self.reader)
        self.books = self.role._books

    def value(self, name, **labels):
        return self.registry.get_sample_value(name, labels)

    async def rounds(self, more):
        wanted = self.reader.rounds + more
        await wait_until(lambda: self.reader.rounds >= wanted, 5)


@pytest.fixture(autouse=True)
def _often(monkeypatch):
    monkeypatch.setattr(module, "PERIOD_S", 0.005)


@pytest.fixture
async def made():
    one = Made()
    yield one
    await one.role.stop()


async def test_it_is_ready_after_the_first_whole_reading(made):
    assert made.role.not_ready() == ["the books are not read to their end yet"]
    assert made.value("bongsu_account_unaccounted", ledger="alerts") == 0, "zeros before the first event"
    await made.role.start()
    await wait_until(lambda: not made.role.not_ready(), 5)
    assert made.value("bongsu_account_watermark_timestamp_seconds") == 1_000.0
    assert made.value("bongsu_topic_records", topic="alerts") == 4
    assert made.value("bongsu_group_lag_records", topic="alerts") == 1


async def test_the_ledgers_are_exported(made):
    decided, waiting, lost = (alert_record(article=f"a{n}", alerted_ms=990_000) for n in (1, 2, 3))
    for offset, alert in ((1, decided), (9, waiting), (2, lost)):
        made.books.alert(alert, ALERTS, offset)
    made.books.decision(decision_record(decided.alert_id, None, decision="expired"))
    await made.role.start()
    await made.rounds(2)
    got = {
        name: made.value(f"bongsu_account_{name}", ledger="alerts")
        for name in ("entries", "pending", "unaccounted", "conflicting", "oldest_pending_seconds")
    }
    assert got == {"entries": 3, "pending": 1, "unaccounted": 1, "conflicting": 0, "oldest_pending_seconds": 10.0}


async def test_books_that_cannot_be_read_are_said_to_be_old(made):
    await made.role.start()
    await made.rounds(1)
    made.reader.error = Unavailable("Kafka does not answer")
    await made.rounds(2)
    assert not made.role.failed.done(), "it waits for Kafka"
    assert made.value("bongsu_account_failed_rounds_total") >= 1
    assert made.role.not_ready() == []
    made.clock.now += module.STALE_S + 1
    assert made.role.not_ready() == ["the books were last read to their end 61 s ago"]
    assert made.value("bongsu_account_watermark_timestamp_seconds") == 1_000.0
    made.reader.error = None
    await wait_until(lambda: not made.role.not_ready(), 5)


@pytest.mark.parametrize("error", [NewerSchema("alerts", 9, 1), WrongSetup("refused"), ZeroDivisionError("of ours")])
async def test_what_would_be_skipped_ends_it(made, error):
    made.reader.error = error
    await made.role.start()
    await wait_until(made.role.failed.done, 5)
    assert made.role.failed.result() is error
    assert made.reader.rounds == 1


async def test_unreadable_records_are_counted_once(made):
    await made.role.start()
    made.reader.unreadable = 2
    await made.rounds(3)
    made.reader.unreadable = 3
    await made.rounds(3)
    assert made.value("bongsu_account_unreadable_total") == 3


async def test_it_remembers_longer_than_the_worker():
    """Else a repeat that the worker knows, and does not decide again, would look lost."""
    made = Made(BONGSU_ALERTING_MEMORY_S="864000")
    alert = alert_record(alerted_ms=1_000_000)
    made.books.alert(alert, ALERTS, 1)
    made.books.decision(decision_record(alert.alert_id, None, decision="expired"))
    await made.role.start()
    made.clock.now = 1_000.0 + 864_000
    await made.rounds(2)
    made.books.alert(alert, ALERTS, 2)
    await made.rounds(2)
    assert made.value("bongsu_account_unaccounted", ledger="alerts") == 0
    made.clock.now += 2 * 86_400
    await made.rounds(2)
    assert made.value("bongsu_account_entries", ledger="alerts") == 0
    await made.role.stop()
