import io
import json
import logging
import sys

import pytest

from service import logs
from service.logs import WINDOW_S, FloodFilter, mask
from service.settings import LogSettings

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PRIVATE = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
TOKEN = "eyJhbGciOi.J9.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
HIDDEN = ("MfKQ9r8GKYqr", "6Xb/dCcHpPea21", "eyJhbGciOi", "hunter2")


@pytest.fixture
def written(monkeypatch):
    """Configure with a format; returns what was written since, as text."""
    stream = io.StringIO()

    def configure(how, **more):
        monkeypatch.setattr(sys, "stderr", stream)  # pytest puts its own there between fixture and test
        logs.configure(LogSettings(format=how, **more), "tester")
        return stream.getvalue

    return configure


class Held:
    def __repr__(self):
        return f"Held({SECRET})"


def broken(kind, text):
    password = "hunter" + "2"  # a traceback that shows locals would tell
    assert password
    raise kind(text)


def say_everything():
    log = logs.get("tests.house")
    made = f"made {SECRET}"
    log.info(made, note=f"key {PRIVATE}", held=Held())
    log.info(
        "sasl", sasl_plain_password="hunter2", settings={"Client-Secret": "hunter2", "deep": [{"api_token": "hunter2"}]}
    )
    log.warning("header", headers={"Authorization": "hunter2"}, line=f"Authorization: Bearer {TOKEN}")
    log.warning("address", url="https://user:hunter2@hooks.example.org/a")
    try:
        broken(ValueError, f"cannot sign with {SECRET}")
    except ValueError:
        log.exception("signing failed")
    third = logging.getLogger("aiokafka.conn")
    third.warning("refused %s with %s", "bongsu", f"bearer {TOKEN}")
    try:
        broken(OSError, f"proxy http://me:hunter2@proxy:3128 says no to {SECRET}")
    except OSError:
        third.exception("request failed")


@pytest.mark.parametrize("how", ["json", "console"])
def test_no_secret_is_written_wherever_it_stands(written, how):
    text = written(how)
    say_everything()
    for hidden in HIDDEN:
        assert hidden not in text(), text()
    for shown in (
        "whsec_***",
        "whsk_***",
        "Bearer ***",
        "bearer ***",
        "hooks.example.org",
        "ValueError",
        "OSError",
        "signing failed",
    ):
        assert shown in text()


def test_json_is_one_object_a_line_with_who_and_when(written):
    text = written("json")
    say_everything()
    lines = [json.loads(line) for line in text().splitlines()]
    assert len(lines) == 7
    for line in lines:
        assert {"event", "role", "level", "logger", "timestamp"} <= set(line) or line["logger"].startswith("aiokafka")
    assert lines[4]["exception"].startswith("Traceback")
    assert lines[5]["event"] == "refused bongsu with bearer ***"
    assert lines[6]["exception"].endswith("whsec_***")
    assert lines[0]["role"] == "tester"


def test_korean_stays_readable(written):
    text = written("json")
    logs.get("tests.house").info("서울시와 충칭", rule="重慶")
    assert "서울시와 충칭" in text()
    assert "重慶" in text()


def test_a_command_hears_only_of_warnings_and_nothing_of_kafka_clients(written):
    text = written("json")
    logs.only_warnings()
    logs.get("tests.house").info("as it should be")
    logging.getLogger("aiokafka.conn").error("raised, and told three times more")
    assert text() == ""
    logs.get("tests.house").warning("not as it should be")
    assert "not as it should be" in text()


def test_who_configures_anew_hears_of_kafka_clients_again(written):
    written("json")
    logs.only_warnings()
    text = written("json")
    logging.getLogger("aiokafka.conn").error("refused")
    assert "refused" in text()


def test_levels_and_noisy_libraries(written):
    text = written("json", level="ERROR")
    logs.get("tests.house").warning("ours")
    logging.getLogger("aiokafka").warning("theirs")
    assert text() == ""
    logs.get("tests.house").error("ours")
    assert "ours" in text()


@pytest.mark.parametrize(
    "text", ["whsec_", "whsec_abc", "the bearer of news", "https://example.org:8080/a@b", "msg_2f", "충칭: 서울@부산"]
)
def test_what_is_no_secret_is_left_alone(text):
    assert mask(text) == text


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def record(message, name="aiokafka.conn", *args):
    return logging.LogRecord(name, logging.WARNING, __file__, 1, message, args, None)


def test_a_flood_is_held_back_and_counted():
    clock = Clock()
    flood = FloodFilter(3, clock)
    assert [flood.filter(record("lost %s", "aiokafka.conn", n)) for n in range(10)] == [True] * 3 + [False] * 7
    assert flood.filter(record("another line"))
    assert flood.filter(record("lost %s", "faust", 1)), "another origin"
    clock.now += WINDOW_S - 0.01
    assert not flood.filter(record("lost %s", "aiokafka.conn", 11))
    clock.now += 0.02
    again = record("lost %s", "aiokafka.conn", 12)
    assert flood.filter(again)
    assert again.getMessage() == "lost 12 [8 lines like this were held back]"
    assert flood.filter(record("lost %s", "aiokafka.conn", 13))


def test_lines_that_differ_in_numbers_are_of_one_shape():
    flood = FloodFilter(2, Clock())
    assert [flood.filter(record(f"node {n} at 127.0.0.1:{9000 + n} is away")) for n in range(4)] == [
        True,
        True,
        False,
        False,
    ]


def test_our_own_lines_say_how_many_were_held_back(written):
    clock = Clock()
    text = written("json", flood_per_10s=1)
    logging.getLogger().handlers[0].filters[:] = [FloodFilter(1, clock)]
    log = logs.get("tests.house")
    for number in range(5):
        log.warning("cannot read", number=number)
    clock.now += WINDOW_S
    log.warning("cannot read", number=5)
    lines = [json.loads(line) for line in text().splitlines()]
    assert [line["number"] for line in lines] == [0, 5]
    assert lines[1]["held_back"] == 4


def test_ever_new_lines_do_not_fill_the_memory():
    clock = Clock()
    flood = FloodFilter(1, clock)
    for number in range(3 * logs.MAX_SHAPES):
        assert flood.filter(record("x" * (number % 100) + chr(0xAC00 + number)))
        assert len(flood._seen) <= logs.MAX_SHAPES


def test_who_asked_the_api_for_what_is_written_each_time():
    flood = FloodFilter(1, lambda: 0.0)
    lines = [logging.LogRecord(name, logging.INFO, "", 0, {"event": "request"}, None, None)
             for name in ("service.api.access", "service.api.refused") for _ in range(3)]  # fmt: skip
    assert [flood.filter(line) for line in lines] == [True, True, True, True, False, False]


def test_a_token_of_the_api_is_masked_and_its_id_stays():
    text = "bongsu_0123456789abcdef_" + "x" * 43
    assert mask(f"with {text}.") == "with bongsu_0123456789abcdef_***"
    assert mask("bongsu_api_requests_total") == "bongsu_api_requests_total"
