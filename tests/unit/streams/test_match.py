import asyncio
import json
import time

import pytest

from service.adapters.rule_files import load_rules
from service.matching.engine import Engine
from service.matching.expiry import expires_s
from service.model import ids, topics
from service.model.errors import NewerSchema
from service.model.records import MatchRecord
from service.model.sketch import decode, unpack
from service.settings import MatchingSettings
from service.streams import match as module
from service.streams.match import MatchStage
from tests.stages import FakeOutputs, Message, count, engines_of, events, metrics

RULES = """
entities:
  - {id: seoul-city, name: 서울시, kind: government}
  - {id: chongqing, name: 충칭, kind: place}
rules:
  - {id: seoul, name: 서울시 소식, when: '@seoul-city', tags: [city]}
  - {id: both, name: 둘 다, when: '@seoul-city AND @chongqing'}
  - {id: quiet, name: 조용히, when: '@chongqing', shadow: true}
"""


@pytest.fixture
def ruleset(tmp_path):
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    return load_rules(tmp_path)


def article(number=1, text="서울시가 다리를 고친다.", **more):
    return json.dumps({"id": f"a{number}", "title": "소식", "text": text, "source": "한빛일보", **more}).encode()


class Made:
    def __init__(self, engines, **settings):
        self.outputs = FakeOutputs()
        self.metrics = metrics()
        self.stage = MatchStage(MatchingSettings(**settings), engines, self.outputs, self.metrics, lambda: 1_002.0)  # type: ignore[arg-type]

    @property
    def records(self):
        return [MatchRecord.decode(output.value or b"", "matches") for output in self.outputs.of(topics.MATCHES)]


@pytest.fixture
async def made(ruleset):
    return Made(await engines_of(ruleset))


async def test_an_article_becomes_one_record_with_all_its_rules(made):
    await made.stage.process(events(Message(article(text="서울시와 충칭이 만났다."), timestamp=1_000.5)))
    (record,) = made.records
    assert [match.rule.id for match in record.matches] == ["both", "seoul"], "narrower rules first"
    match = record.matches[1]
    assert record.article.id == "a1"
    assert record.article.source == "한빛일보"
    assert record.published_ms == 1_000_500
    assert record.matched_ms == 1_002_000
    assert match.match_id == ids.match_id("a1", record.content_hash, "seoul")
    assert match.rule.tags == ("city",)
    mention = match.mentions[0]
    assert (mention.text, mention.sentence, mention.start, mention.end) == ("서울시와", "서울시와 충칭이 만났다.", 0, 3)
    assert made.outputs.written[0].key == b"default"
    assert "서울시와 충칭이 만났다." not in record.model_dump_json(include={"article"}), "the text does not travel on"


async def test_what_fires_nothing_writes_nothing(made):
    await made.stage.process(events(article(text="비가 온다.")))
    assert made.outputs.written == []
    assert count(made.metrics.articles, "unmatched") == 1


async def test_a_null_value_says_that_its_article_was_taken_down(made):
    await made.stage.process(events(Message(None, key="기사-1".encode(), timestamp=1_000.5)))
    (record,) = made.records
    assert (record.article.id, record.taken_down, record.matches) == ("기사-1", True, ())
    assert (record.content_hash, record.sketch, record.published_ms) == ("taken_down", None, 1_000_500)
    assert count(made.metrics.articles, "taken_down") == 1


@pytest.mark.parametrize("key", [None, b"", b"\xff", b"a" * 513])
async def test_a_null_value_that_names_no_article_takes_nothing_down(made, key):
    await made.stage.process(events(Message(None, key=key)))
    assert made.outputs.written == []
    assert count(made.metrics.articles, "taken_down") == 1


async def test_copies_of_one_body_have_one_sketch_and_the_body_does_not_travel(made):
    text = "서울시가 다리를 고친다. 공사는 다음 달에 끝난다."
    await made.stage.process(events(article(1, text), article(2, f"{text}\n한빛일보 나라온 기자 raon@example.com")))
    first, second = made.records
    assert first.sketch == second.sketch
    assert len(unpack(decode(first.sketch)).sentences) == 2


async def test_a_shadow_rule_is_counted_and_notifies_nobody(made):
    await made.stage.process(events(article(text="충칭에 비가 온다.")))
    assert made.outputs.written == []
    assert count(made.metrics.shadow_matches) == 1
    assert count(made.metrics.matches) == 0
    assert count(made.metrics.articles, "unmatched") == 1


@pytest.mark.parametrize("bad", [b"\xff\xfe", b"", b"[]", b"{}", b'{"id": "x", "text": 7}', b'{"text": "\\ud800 '])
async def test_a_bad_article_goes_to_dead_letters_and_its_neighbours_pass(made, bad):
    broken = Message(bad, key=b"a-key", partition=3, offset=41, timestamp=1_000.25)
    await made.stage.process(events(article(1), broken, article(2)))
    assert [record.article.id for record in made.records] == ["a1", "a2"]
    (letter,) = made.outputs.of(topics.DEAD_LETTERS)
    assert (letter.key, letter.value) == (b"a-key", bad), "as it came"
    headers = dict(letter.headers)
    assert headers["topic"] == b"articles"
    assert (headers["partition"], headers["offset"], headers["timestamp"]) == (b"3", b"41", b"1000250")
    assert headers["reason"]
    assert count(made.metrics.articles, "dead_letter") == 1
    assert count(made.metrics.dead_letters, "articles") == 1


async def test_a_newer_schema_stops_instead(made):
    with pytest.raises(NewerSchema):
        await made.stage.process(events(article(1), article(2, schema=2)))
    assert made.outputs.written == [], "nothing of the batch is written, all of it comes again"


async def test_a_fault_of_ours_on_one_article_does_not_cost_its_neighbours(ruleset):
    class Faulty(Engine):
        def match(self, article, now_s=None):
            if article.id == "a2":
                raise ZeroDivisionError("of ours")
            return super().match(article, now_s)

    made = Made(await engines_of(ruleset, Faulty))
    await made.stage.process(events(*map(article, (1, 2, 3))))
    assert [record.article.id for record in made.records] == ["a1", "a3"]
    (letter,) = made.outputs.of(topics.DEAD_LETTERS)
    assert dict(letter.headers)["reason"] == b"internal error: ZeroDivisionError: of ours"
    assert letter.value == article(2)


async def test_an_expired_rule_is_silent_by_the_time_of_the_record(tmp_path):
    day = "2026-03-31"
    rules = RULES.replace("when: '@seoul-city', tags", f"expires: {day}, when: '@seoul-city', tags")
    (tmp_path / "rules.yaml").write_text(rules, encoding="utf-8")
    made = Made(await engines_of(load_rules(tmp_path)))
    end = expires_s(day)
    await made.stage.process(events(Message(article(1), timestamp=end - 1), Message(article(2), timestamp=end)))
    assert [record.article.id for record in made.records] == ["a1"]


async def test_evidence_is_capped_and_the_count_is_not(ruleset):
    made = Made(await engines_of(ruleset), evidence_mentions=3)
    await made.stage.process(events(article(text="서울시가 온다. " * 10)))
    (record,) = made.records
    assert len(record.matches[0].mentions) == 3
    assert record.matches[0].mentions_total == 10


async def test_a_record_that_is_too_large_loses_evidence_first(made, monkeypatch):
    limit = 4_000
    small = {topics.MATCHES: topics.Topic(topics.MATCHES, "", "", 1, 1, limit + module.FRAME_BYTES)}
    monkeypatch.setattr(topics, "BY_NAME", topics.BY_NAME | small)
    await made.stage.process(events(article(text="서울시가 다리를 고친다고 긴 문장으로 말했다. " * 20)))
    (output,) = made.outputs.of(topics.MATCHES)
    assert len(output.value) <= limit
    assert 0 < len(made.records[0].matches[0].mentions) < 20
    assert made.records[0].matches[0].mentions_total == 20


async def test_a_record_that_cannot_be_made_small_enough_is_a_dead_letter(made, monkeypatch):
    small = {topics.MATCHES: topics.Topic(topics.MATCHES, "", "", 1, 1, 100 + module.FRAME_BYTES)}
    monkeypatch.setattr(topics, "BY_NAME", topics.BY_NAME | small)
    await made.stage.process(events(article()))
    (letter,) = made.outputs.written
    assert letter.topic == topics.DEAD_LETTERS
    assert b"too large for its topic" in dict(letter.headers)["reason"]


async def test_before_the_first_rules_nothing_is_matched_against_nothing(ruleset):
    from service.streams.engines import Engines

    engines = Engines(Engine)
    made = Made(engines)
    going = asyncio.create_task(made.stage.process(events(article())))
    await asyncio.sleep(0)
    assert not going.done()
    engines.changed(ruleset)
    await asyncio.wait_for(going, 30)
    assert len(made.records) == 1
    assert made.records[0].rules_version == ruleset.version


async def test_other_tasks_get_a_turn_while_a_long_batch_is_matched(made, monkeypatch):
    monkeypatch.setattr(module, "TURN_S", 0.0)
    turns = 0

    async def others():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    await made.stage.process(events(*map(article, range(20))))
    task.cancel()
    assert turns >= 20
    assert len(made.records) == 20
    assert 0 < count(made.metrics.match_seconds) < time.thread_time()
