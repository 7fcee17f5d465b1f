"""Policies and silences as a person writes them: refused with a sentence, kept as they were meant, shown resolved."""

import json

import pytest

from service.adapters.control import read_silences, read_subscriptions
from service.adapters.kafka_client import make_producer, started, topic_name
from service.model import topics
from service.model.records import AlertRecord, ArticleHead, FlushRecord, RuleHead
from tests.builders import alert_record, flush_record
from tests.conftest import in_new_loop

pytestmark = pytest.mark.kafka

URL = "https://alerts.example.org/in"
RULES = """
entities:
  - {id: harbour, name: 나루시}
  - {id: hill, name: 가람산, kind: place}
rules:
  - {id: harbour-budget, when: '@harbour AND "예산"', tags: [budget]}
  - {id: harbour-flood, when: '@harbour AND "홍수"', tags: [disaster], policy: {mode: each, urgent: true}}
  - {id: hill-walks, when: '@hill', policy: {mode: digest, digest: {times: [18:00], days: [금]}}}
"""


@pytest.fixture
def rules(bongsu, tmp_path):
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    done = bongsu("rules", "apply", tmp_path / "rules.yaml")
    assert done.returncode == 0, done.stderr


def test_what_applies_is_shown_for_each_rule(bongsu, rules, kafka_settings, tmp_path):
    written = tmp_path / "policy.yaml"
    written.write_text("quiet: [{from: 22:00, to: 07:00}]\ntiers: {'1': [한빛일보]}\n", encoding="utf-8")
    done = bongsu("subscribe", "--url", URL, "--entity", "harbour", "--rule", "hill-*", "--policy", written,
                  "--throttle", "10m", "--urgent", "tag:disaster")  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    made = json.loads(done.stdout)
    assert made["policy"]["quiet"] == [{"from": "22:00", "to": "07:00"}]
    (stands,) = in_new_loop(lambda: read_subscriptions(kafka_settings))
    assert stands.rules == ("hill-*", "entity:harbour")
    assert stands.policy is not None
    assert stands.policy.written() == {
        "tiers": {"1": ["한빛일보"]}, "throttle_s": 600.0, "urgent": ["tag:disaster"],
        "quiet": [{"from": "22:00", "to": "07:00"}],
    }  # fmt: skip

    shown = json.loads(bongsu("subscriptions", "show", made["id"]).stdout)
    applies = {tuple(one["rules"]): one["policy"] for one in shown["applies"]}
    assert set(applies) == {("harbour-budget",), ("harbour-flood",), ("hill-walks",)}
    assert applies["harbour-budget",]["mode"] == "first"
    assert applies["harbour-budget",]["throttle_s"] == 600
    assert (applies["harbour-flood",]["mode"], applies["harbour-flood",]["urgent"]) == ("each", True)
    assert applies["hill-walks",]["digest"] == {"times": ["18:00"], "days": ["fri"], "top": 10, "empty": False}
    (digest,) = [one["next_digest"] for one in shown["applies"] if "next_digest" in one]
    assert "T" in digest
    assert shown["secrets"] == ["whsec_***"]

    # one field of it, then another mode, whose predecessor's parts go with it, then nothing of its own
    for arguments, expected in (
        (("--max-per-hour", "12"), {**stands.policy.written(), "max_per_hour": 12}),
        (("--policy", '{"mode": "frequency", "frequency": {"stories": 3, "window_s": 60}}'), {"mode": "frequency", "frequency": {"stories": 3, "window_s": 60.0}}),
        (("--digest-at", "18:30"), {"mode": "digest", "digest": {"times": ["18:30"]}}),
        (("--policy", "{}"), {}),
    ):  # fmt: skip
        done = bongsu("subscriptions", "update", made["id"], *arguments)
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout)["policy"] == expected
    (record,) = in_new_loop(lambda: read_subscriptions(kafka_settings))
    assert (record.policy, record.revision) == (None, 5)


def test_what_does_not_exist_is_refused_and_nothing_is_written(bongsu, rules, kafka_settings):
    for arguments, says in (
        (("--rule", "harbor-budget"), "there is no rule harbor-budget in force; did you mean harbour-budget?"),
        (("--entity", "harbur"), "there is no entity harbur in force; did you mean harbour?"),
        (("--tag", "sea"), "no rule in force has the tag sea; `bongsu rules apply DIR`"),
        (("--quiet", "22:00-07:00", "--urgent", "tag:floods"), "no rule in force has the tag floods"),
    ):
        done = bongsu("subscribe", "--url", URL, *arguments)
        assert (done.returncode, "Traceback" in done.stderr) == (2, False)
        assert says in done.stderr
    for arguments, says in (
        (("--rule", "harbor-flood"), "did you mean harbour-flood?"),
        (("--subscription", "sub_none"), "there is no subscription sub_none"),
    ):
        done = bongsu("silence", "add", *arguments, "--for", "2h", "--comment", "x")
        assert done.returncode == 2
        assert says in done.stderr
    assert in_new_loop(lambda: read_subscriptions(kafka_settings)) == ()
    assert in_new_loop(lambda: read_silences(kafka_settings)) == ()


def test_globs_may_wait_for_rules_to_come(bongsu, rules):
    done = bongsu("subscribe", "--url", URL, "--rule", "lake-*", "--rule", "harbour-*")
    assert done.returncode == 0
    assert done.stderr == "note: no rule in force fits 'lake-*'; it counts for those to come\n"


async def hour_of_alerts(settings):
    flood = RuleHead(id="harbour-flood", name="홍수", tags=("disaster",))
    budget = RuleHead(id="harbour-budget", name="예산", tags=("budget",))
    alerts = [
        alert_record("sub1", "a1", "harbour-flood").model_copy(update={"rule": flood, "entities": ("harbour",)}),
        alert_record("sub1", "a2", "harbour-budget").model_copy(update={"rule": budget, "entities": ("harbour",)}),
        alert_record("sub2", "a3", "harbour-budget").model_copy(
            update={"rule": budget, "article": ArticleHead(id="a3", title="\x1b[31m예산", source="가람신문")}
        ),
    ]
    async with started(settings, make_producer(settings)) as producer:
        written: tuple[AlertRecord | FlushRecord, ...] = (*alerts, alerts[1], flush_record())
        for record in written:
            await producer.send_and_wait(
                topic_name(settings, topics.ALERTS), record.encode(), key=record.subscription.encode()
            )


def test_a_silence_is_seen_before_it_holds_and_ends_when_it_is_lifted(bongsu, rules, kafka_settings):
    in_new_loop(lambda: hour_of_alerts(kafka_settings))
    seen = bongsu("silence", "preview", "--tag", "budget")
    assert (seen.returncode, seen.stderr) == (0, "")
    first, *_, last = seen.stdout.splitlines()
    assert first.split() == ["2", "harbour-budget"]
    assert last.startswith("would have hidden 2 of 3 alerts since ")
    assert "\x1b" not in seen.stdout
    by_source = bongsu("silence", "preview", "--tag", "budget", "--source", "가람*", "--json")
    assert [json.loads(line)["article"] for line in by_source.stdout.splitlines()] == ["a3"]

    made = bongsu("silence", "add", "--tag", "budget", "--entity", "harbour", "--for", "2h", "--comment", "예산 설명회")
    assert (made.returncode, made.stderr) == (0, "")
    shown = json.loads(made.stdout)
    assert (shown["state"], shown["matchers"]) == ("active", {"tag": ["budget"], "entity": ["harbour"]})
    assert shown["author"]
    assert [json.loads(line)["id"] for line in bongsu("silence", "list").stdout.splitlines()] == [shown["id"]]
    assert "would have hidden 1 of 3" in bongsu("silence", "preview", shown["id"]).stdout

    lifted = json.loads(bongsu("silence", "lift", shown["id"]).stdout)
    assert (lifted["state"], lifted["revision"]) == ("ended", 2)
    assert bongsu("silence", "list").stdout == ""
    assert json.loads(bongsu("silence", "lift", shown["id"]).stdout)["revision"] == 2, "it had ended already"
    assert json.loads(bongsu("silence", "list", "--all").stdout) == lifted
    (record,) = in_new_loop(lambda: read_silences(kafka_settings))
    assert record.ends_ms - record.starts_ms < 7_200_000
