"""A replay that takes too long to choose: nothing is sent, and a client is told of no setting of ours."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from service.actions import replay
from service.actions.actor import Actor
from service.actions.replay_once import once
from service.api.problems import of_error
from service.delivery.replay import Wanted
from service.model.errors import Unavailable


async def test_what_is_not_chosen_in_time_is_not_sent(monkeypatch):
    async def choose(*_: Any, **__: Any) -> Any:
        await asyncio.Event().wait()

    async def put(*_: Any) -> None:
        pytest.fail("it is not known what is to be sent")

    monkeypatch.setattr(replay, "choose", choose)
    monkeypatch.setattr(replay, "put", put)
    settings = SimpleNamespace(api=SimpleNamespace(timeout_s=0.01))
    control: Any = SimpleNamespace(settings=settings, now_ms=lambda: 1)
    with pytest.raises(Unavailable, match="BONGSU_API_TIMEOUT_S") as raised:
        await once(control, Actor("token:x"), Wanted("msg_1"))
    problem = of_error(raised.value)
    assert "nothing is sent" in str(problem.detail)
    assert "BONGSU_" not in str(problem.detail)
