"""What stands in an attempt about what went over the wire."""

from service.delivery.attempts import Answer, Failure, Phases
from service.delivery.trace import trace


def test_nothing_was_tried() -> None:
    assert trace(None, 900) == {}


def test_bytes_were_sent_only_when_they_were() -> None:
    for failure in (Failure.BAD_SECRET, Failure.BLOCKED, Failure.DNS, Failure.CONNECT, Failure.TLS):
        assert trace(Answer(failure=failure), 900)["request_bytes"] is None
    assert trace(Answer(200, sent=True, body_bytes=3), 900)["request_bytes"] == 900
    assert trace(Answer(failure=Failure.RESET, sent=True), 900)["request_bytes"] == 900


def test_bytes_of_an_answer_that_came() -> None:
    assert trace(Answer(200, sent=True), 900)["response_bytes"] == 0
    assert trace(Answer(failure=Failure.RESET, sent=True), 900)["response_bytes"] is None


def test_phases_are_those_of_the_answer() -> None:
    phases = trace(Answer(failure=Failure.RESOLVER, phases=Phases(dns_ms=15_000.0, total_ms=15_000.5)), 1)["phases"]
    assert (phases.dns_ms, phases.connect_ms) == (15_000.0, None)
