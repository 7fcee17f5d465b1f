"""Errors that come out of another process: the same problem for whoever asked, and no more told outside."""

from typing import Any

import anyio.to_process
import pytest

from service.actions import rules_process
from service.actions.rules_process import RulesProcesses
from service.api.problems import of_error
from service.model.errors import BongsuError, ChangedMeanwhile, NewerSchema, Unavailable, WrongSetup
from service.settings import KafkaSettings, MatchingSettings

ERRORS = (
    ChangedMeanwhile("at version 2"),
    Unavailable("Kafka at kafka-1:9092 does not answer").told_outside_as("Kafka does not answer"),
    WrongSetup("Kafka at kafka-1:9092 refuses us"),
    NewerSchema("rules", 2, 1),
)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_an_error_is_the_same_problem_as_in_this_process(monkeypatch, error):
    async def inline(function: Any, *args: Any, **_: Any) -> Any:
        return function(*args)

    def refused(*_: Any) -> None:
        raise error

    monkeypatch.setattr(anyio.to_process, "run_sync", inline)
    monkeypatch.setattr(rules_process, "load_text", refused)
    processes = RulesProcesses(MatchingSettings(), 5.0)
    with pytest.raises(BongsuError) as raised:
        await processes.apply(KafkaSettings(), b"rules: []", "default", None)
    assert (str(raised.value), raised.value.outside) == (str(error), error.outside)
    ours, there = of_error(error), of_error(raised.value)
    assert (there.kind, there.detail) == (ours.kind, ours.detail)
    assert "kafka-1" not in str(there.detail)
