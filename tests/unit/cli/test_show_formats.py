import io
import json

import pytest
from rich.console import Console

from service.adapters.receiver import Received
from service.cli.show import show_webhook
from service.delivery.formats import notification
from tests.builders import alert_record


def shown(body):
    out = io.StringIO()
    show_webhook(Console(file=out, width=300, highlight=False), Received("msg_1", {}, body, 1.0, 204, True))
    return out.getvalue()


@pytest.mark.parametrize("form", ["cloudevents", "slack", "teams", "discord"])
def test_every_format_can_be_read(form):
    body = notification("alert.matched", "sub1", 1, "first", (alert_record(format=form, lang="en"),), 1)
    assert "제목" in shown(body.encode())
    assert "no alert" not in shown(body.encode())


def test_another_type_shows_its_summary_and_cannot_steer_the_terminal():
    assert "it is down" in shown(json.dumps({"type": "x", "data": {"summary": "it is\x1bdown"}}).encode())
    assert "\x1b" not in shown(json.dumps({"text": "\x1b[2Ja"}).encode())


@pytest.mark.parametrize("body", [b"", b"[]", b"3", b'{"data": 3}', b'{"text": ["a"]}', b"\xff"])
def test_what_says_nothing_is_counted(body):
    assert f"{len(body)} bytes that are no alert of Bongsu" in shown(body)
