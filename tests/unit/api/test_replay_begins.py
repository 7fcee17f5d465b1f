"""Where a replay of one delivery begins to read: where the history says, and at the beginning where it does not know."""

from types import SimpleNamespace
from typing import Any

import pytest

from service.actions.actor import Actor
from service.actions.replay_once import Sent
from service.api.routes import deliveries
from service.api.routes.deliveries import CLOCKS_MS, begins
from service.model.errors import HistoryUnavailable, NotFound

NOW_MS = 1_790_000_000_000


class FakeHistory:
    def __init__(self, row: Any) -> None:
        self._row = row

    def delivery(self, delivery_id: str) -> Any:
        if isinstance(self._row, Exception):
            raise self._row
        return self._row if delivery_id == "msg_1" else None


@pytest.fixture
def control() -> Any:
    async def of(tenant: str, key: str) -> Any:
        return SimpleNamespace(id=key, tenant=tenant) if (tenant, key) == ("default", "sub_1") else None

    return SimpleNamespace(subscriptions=SimpleNamespace(of=of))


ROW = SimpleNamespace(subscription="sub_1", created_ms=NOW_MS)
CASES: dict[str, tuple[Any, str, str, int]] = {
    "known": (FakeHistory(ROW), "default", "msg_1", NOW_MS - CLOCKS_MS),
    "not read yet": (FakeHistory(ROW), "default", "msg_2", 0),
    "of another tenant": (FakeHistory(ROW), "acme", "msg_1", 0),
    "no history": (None, "default", "msg_1", 0),
    "its database is away": (FakeHistory(HistoryUnavailable("away")), "default", "msg_1", 0),
}


@pytest.mark.parametrize("case", CASES)
async def test_it_begins_where_the_history_says(case, control):
    history, tenant, delivery, wanted = CASES[case]
    assert await begins(history, control, Actor("token:x", tenant), delivery) == wanted


@pytest.mark.parametrize(("found_from", "asked"), [(NOW_MS - CLOCKS_MS, 1), (0, 2), (None, 2)])
async def test_what_is_not_found_there_is_looked_for_from_the_beginning(monkeypatch, control, found_from, asked):
    """The clocks of those who wrote may differ by more than anybody thought."""
    since: list[int] = []

    async def once(_control: Any, _actor: Any, wanted: Any, **_: Any) -> Sent:
        since.append(wanted.since_ms)
        count = int(wanted.since_ms == found_from)
        return Sent(count, ("msg_1",) * count, {})

    monkeypatch.setattr(deliveries, "once", once)
    services = SimpleNamespace(history=FakeHistory(ROW))
    request: Any = SimpleNamespace(app=SimpleNamespace(state=SimpleNamespace(services=services)))
    idempotency: Any = SimpleNamespace(nonce=lambda: None, request_hash=lambda _: None)
    answer: Any = SimpleNamespace(headers={})

    async def replay() -> Any:
        return await deliveries.replay_delivery(control, Actor("token:x"), idempotency, request, "msg_1", answer)

    if found_from is None:
        with pytest.raises(NotFound):
            await replay()
    else:
        assert (await replay()).replayed == 1
    assert since == [NOW_MS - CLOCKS_MS, 0][:asked]
