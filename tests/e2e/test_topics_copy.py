"""`bongsu topics export | import`: what stands on the control topics, into another prefix, and onto nothing else."""

import json

import pytest

from service.adapters.control import read_whole
from service.adapters.kafka_client import topic_name
from service.adapters.topics_admin import create_topics, delete_topics
from service.model import topics
from service.settings import KafkaSettings
from tests.conftest import in_new_loop

pytestmark = pytest.mark.kafka

RULES = """
entities: [{id: seoul-city, name: 서울시, kind: government}]
rules: [{id: seoul, name: 서울시, when: '@seoul-city'}]
"""
KEY = {"BONGSU_SECRET_KEY": "k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="}
COPIED = (topics.RULES, topics.SUBSCRIPTIONS, topics.SILENCES, topics.TOKENS)


@pytest.fixture
def other(kafka_settings):
    """Another prefix on the same cluster, with more partitions."""
    made = KafkaSettings(
        bootstrap_servers=kafka_settings.bootstrap_servers, topic_prefix=f"{kafka_settings.topic_prefix}next."
    )
    states = in_new_loop(lambda: create_topics(made, partitions=3))
    yield made
    in_new_loop(lambda: delete_topics(made, [state.name for state in states]))


def test_what_stands_is_copied_to_another_prefix(bongsu, kafka_settings, other, tmp_path):
    (tmp_path / "watch.yaml").write_text(RULES, encoding="utf-8")
    bongsu("rules", "apply", tmp_path)
    bongsu("rules", "apply", "--tenant", "gangwon", tmp_path)
    made = json.loads(bongsu("subscribe", "--url", "https://a.example.org/", **KEY).stdout)
    gone = json.loads(bongsu("subscribe", "--url", "https://b.example.org/", **KEY).stdout)
    bongsu("subscriptions", "pause", made["id"])
    bongsu("subscriptions", "remove", gone["id"])
    token = bongsu("token", "create", "--name", "newsroom", "--scope", "rules:read")
    assert token.returncode == 0, token.stderr
    done = bongsu("topics", "export")
    assert (done.returncode, done.stderr) == (0, "")
    assert made["secrets"][0] not in done.stdout, "it stays sealed"
    there = {"BONGSU_KAFKA_TOPIC_PREFIX": other.topic_prefix}
    put = bongsu("topics", "import", "-", stdin=done.stdout, **there)
    assert (put.returncode, put.stderr) == (0, "")
    assert put.stdout.endswith("1 of subscriptions, 0 of silences, 1 of tokens\n")
    assert bongsu("topics", "export", **there).stdout == done.stdout
    assert in_new_loop(lambda: read_whole(other, topics.RULES)) == in_new_loop(
        lambda: read_whole(kafka_settings, topics.RULES)
    )
    (listed,) = map(json.loads, bongsu("subscriptions", "list", **there).stdout.splitlines())
    assert (listed["id"], listed["paused"], listed["revision"]) == (made["id"], True, 2)
    again = bongsu("topics", "import", "-", stdin=done.stdout, **there)
    assert again.returncode == 2
    assert f"{topic_name(other, 'rules')} holds records already" in again.stderr


@pytest.mark.parametrize(
    "line",
    [
        "not json",
        "[]",
        '{"topic": "articles", "key": "a", "value": "{}"}',
        '{"topic": "tokens", "key": 7, "value": "{}"}',
        '{"topic": "tokens", "key": "tok", "value": "{}"}',
    ],
)
def test_a_line_that_is_none_costs_nothing(bongsu, kafka_settings, line):
    good = json.dumps({"topic": "rules", "key": "rule/1", "value": "{}"})
    refused = bongsu("topics", "import", "-", stdin=f"{good}\n{line}\n")
    assert refused.returncode == 2
    assert "Traceback" not in refused.stderr
    assert not in_new_loop(lambda: read_whole(kafka_settings, topics.RULES)), "all is read before any is written"
