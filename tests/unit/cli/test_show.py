import io

import orjson
import pytest
from rich.console import Console

from service.adapters.receiver import Received
from service.cli.show import make_console, show_webhook

MENTION = {
    "entity": "seoul-city",
    "surface": "서울시",
    "text": "서울시와",
    "sentence": "서울시와 충칭시가 만났다.",
    "zone": "lead",
}


def received(payload, verified=True):
    body = payload if isinstance(payload, bytes) else orjson.dumps(payload)
    return Received("msg_1", {}, body, 1_790_000_000.0, 204, verified)


def webhook(**article):
    head = {"id": "a1", "title": "물 관리 협약", "source": "한빛일보", **article}
    alert = {"alert_id": "alr_1", "match_id": "mat_1", "article": head, "mentions": [MENTION] * 5}
    return {"type": "alert.matched", "data": {"rule": {"id": "seoul", "name": "서울시 소식"}, "alerts": [alert]}}


def shown(what, *, terminal=False, latency_ms=None):
    out = io.StringIO()
    show_webhook(Console(file=out, force_terminal=terminal, width=200, highlight=False), what, latency_ms)
    return out.getvalue()


def test_it_says_rule_article_and_sentence():
    lines = shown(received(webhook()), latency_ms=41.6).splitlines()
    assert lines[0].endswith(" verified  42 ms after publishing  서울시 소식  (seoul)")
    assert lines[1].strip() == "물 관리 협약  한빛일보"
    assert lines[2].split() == ["lead", "서울시와", "충칭시가", "만났다.", "[seoul-city]"]
    assert lines[-1].strip() == "… and 2 more"
    assert len(lines) == 6


def test_on_a_terminal_what_was_found_is_marked():
    assert "\x1b[1;33m서울시\x1b[0m\x1b[33m와\x1b[0m" in shown(received(webhook()), terminal=True)


def test_one_that_does_not_verify_is_told():
    assert " NOT VERIFIED " in shown(received(webhook(), verified=False))


@pytest.mark.parametrize(
    "payload",
    [b"\xff", b"[]", b"7", b"{}", {"data": None}, {"data": {"rule": {}, "alerts": []}}, {"data": {"rule": {"id": 1, "name": 2}, "alerts": 3}},
     {"data": {"rule": {"id": "r", "name": "n"}, "alerts": [{"article": {}, "mentions": []}]}},
     {"data": {"rule": {"id": "r", "name": "n"}, "alerts": [{"article": {"id": "a"}, "mentions": [{"zone": "lead"}]}]}},
     {"data": {"rule": {"id": "r", "name": "n"}, "alerts": ["a"]}}],
)  # fmt: skip
def test_anything_else_is_told_in_one_line(payload):
    (line,) = shown(received(payload)).splitlines()
    assert line.endswith("bytes that are no alert of Bongsu")


def test_what_a_stranger_wrote_cannot_steer_the_terminal():
    text = shown(received(webhook(title="\x1b[2J\x1b]0;owned\x07 제목\u202e\n둘째 줄", source="[bold]신문[/]")))
    assert not any(char in text for char in "\x1b\x07\u202e\x9b")
    assert "제목" in text
    assert "[bold]신문[/]" in text, "markup of others is text"


def test_in_a_pipe_a_line_stays_a_line(capsys):
    console = make_console()
    console.print("가" * 500)
    assert capsys.readouterr().out == "가" * 500 + "\n"
