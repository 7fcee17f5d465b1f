"""`bongsu dead-letters`, with what a topic holds given: the order stays, and nothing a stranger wrote steers a terminal."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from service.cli import dead_letters as command
from service.cli.dead_letters import SHOWN, dead_letters

EVIL = "\x1b[31m\x9b2J\r\n\u202e"


def record(topic: str, key: bytes | None, value: bytes | None, reason: str) -> Any:
    headers = {"topic": topic, "partition": "1", "offset": "5", "reason": reason}
    return SimpleNamespace(
        key=key, value=value, timestamp=1_795_392_000_000, offset=0,
        headers=tuple((name, text.encode()) for name, text in headers.items()),
    )  # fmt: skip


def run(monkeypatch: pytest.MonkeyPatch, records: list[Any], *options: str) -> str:
    async def scan(_settings: Any, name: str, _since_ms: int) -> Any:
        assert name == "dead-letters"
        for one in records:
            yield one

    monkeypatch.setattr(command, "scan", scan)
    monkeypatch.setattr(command, "settings_of", lambda _: SimpleNamespace(kafka=None))
    done = CliRunner().invoke(dead_letters, options, catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


def test_what_strangers_wrote_is_cut_and_steers_nothing(monkeypatch):
    records = [
        record("articles", (EVIL + "k" * 5_000).encode(), (EVIL + "v" * 5_000).encode(), EVIL + "text is wrong"),
        record(EVIL, None, b"\xff", "not UTF-8"),
    ]
    shown = run(monkeypatch, records)
    assert all(letter.isprintable() or letter == "\n" for letter in shown)
    head, reason, value, *_ = shown.splitlines()
    assert ("key " in head, reason.endswith("text is wrong")) == (True, True)
    assert max(len(head), len(value)) < SHOWN + 100
    assert len(shown.splitlines()) == 3 + 3 + 1


def test_of_one_topic_in_their_order_and_counted(monkeypatch):
    records = [record("articles", b"a%d" % n, b"{", "not JSON") for n in (1, 2)] + [record("alerts", b"s", None, "x")]
    assert run(monkeypatch, records).splitlines()[-1] == "3 in all: 2 of articles, 1 of alerts"
    lines = [json.loads(line) for line in run(monkeypatch, records, "--topic", "articles", "--json").splitlines()]
    assert [one["key"] for one in lines] == ["a1", "a2"]
    assert "no dead letters" in run(monkeypatch, records, "--topic", "matches")
