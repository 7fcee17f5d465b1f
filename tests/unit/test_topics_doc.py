"""docs/topics.md says what service.model.topics says, and names every topic, group and setting rightly."""

import re
from pathlib import Path

from service.model.topics import DAY_MS, DISPATCHER_GROUP, TOPICS, WORKER_GROUP
from service.settings import variables

DOC = (Path(__file__).parents[2] / "docs" / "topics.md").read_text(encoding="utf-8")


def rows(heading):
    part = DOC.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in part.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_table_is_the_model():
    def kept(topic):
        return "the last of each key" if topic.retention_ms is None else f"{topic.retention_ms // DAY_MS} days"

    expected = [
        [f"`{t.name}`", t.key, t.holds, str(t.partitions), kept(t), f"{t.max_message_bytes // 1_000_000} MB"]
        for t in TOPICS
    ]
    assert rows("The topics") == expected


def test_the_acls_name_only_what_exists_and_every_topic_that_is_used():
    acls = rows("What each role may do")
    named = {name for row in acls for name in re.findall(r"`([^`]+)`", row[2])}
    known = {topic.name for topic in TOPICS} | {WORKER_GROUP, DISPATCHER_GROUP}
    patterns = {name for name in named if name.endswith("*")}
    assert named - patterns - known == {"kafka-cluster"}  # the name that Kafka gives a whole cluster
    assert all(any(name.startswith(pattern[:-1]) for name in known) for pattern in patterns - {"doctor*"})
    unused = {"silences", "tokens"}  # made, not yet read by any role
    for topic in known - unused:
        assert topic in named or any(topic.startswith(pattern[:-1]) for pattern in patterns), topic


def test_every_variable_it_names_exists():
    named = set(re.findall(r"BONGSU_[A-Z_]+", DOC))
    assert named
    assert named <= set(variables())
