"""docs/asyncapi.yaml is AsyncAPI 3.0, is what the code says, and names each record's schema and each role's rights."""

import copy
import json
import re
from fnmatch import fnmatchcase
from pathlib import Path

import jsonschema
import pytest
import yaml

from service.cli.generate_asyncapi import CARRIES, MESSAGES, RECEIVES, SENDS, asyncapi, channel_id
from service.model.topics import TOPICS

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "asyncapi.yaml"
OFFICIAL = json.loads((Path(__file__).parent / "asyncapi" / "3.0.0.schema.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def document():
    return yaml.safe_load(DOCUMENT.read_text(encoding="utf-8"))


def refs(value):
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from refs(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from refs(inner)


def at(value, pointer):
    for part in pointer.split("/")[1:]:
        value = value[part.replace("~1", "/").replace("~0", "~")]
    return value


def test_it_is_what_the_code_says():
    assert DOCUMENT.read_text(encoding="utf-8") == asyncapi(), "run `make docs`"


def test_it_is_asyncapi(document):
    jsonschema.Draft7Validator(OFFICIAL).validate(document)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d.pop("info"),
        lambda d: d.update(asyncapi="2.6.0"),
        lambda d: d["channels"]["alerts"].update(adress="alerts"),
        lambda d: d["channels"]["alerts"]["bindings"]["kafka"].update(partitions=0),
        lambda d: d["operations"]["worker-reads-alerts"].update(action="read"),
        lambda d: d["components"]["messages"]["alert"].update(contentType=7),
    ],
)
def test_the_official_schema_bites(document, spoil):
    spoilt = copy.deepcopy(document)
    spoil(spoilt)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(OFFICIAL).validate(spoilt)


def test_every_reference_leads_somewhere(document):
    for ref in set(refs(document)):
        file, _, pointer = ref.partition("#")
        whole = json.loads((DOCUMENT.parent / file).read_text(encoding="utf-8")) if file else document
        found = at(whole, pointer)
        if file:
            jsonschema.Draft202012Validator.check_schema(found)


def test_every_topic_is_a_channel_and_every_kind_of_record_stands_on_one(document):
    assert {channel["address"] for channel in document["channels"].values()} == {topic.name for topic in TOPICS}
    assert {name for kinds in CARRIES.values() for name in kinds} == set(MESSAGES)


def test_every_schema_of_a_record_is_named(document):
    named = {Path(ref.partition("#")[0]).name for ref in refs(document) if not ref.startswith("#")}
    on_disk = {path.name for path in (ROOT / "docs" / "schemas").glob("*.json")}
    assert named == on_disk - {
        "policy.json",
        "webhook.json",
    }  # a part of subscriptions and rules; what goes out by HTTP


@pytest.mark.parametrize(("action", "table"), [("Read", RECEIVES), ("Write", SENDS)])
def test_who_reads_and_writes_is_what_the_rights_allow(action, table):
    text = (ROOT / "docs" / "topics.md").read_text(encoding="utf-8")
    rights: dict[str, list[str]] = {}
    for line in text.split("## What each role may do\n", 1)[1].split("\n## ", 1)[0].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 3 and action in cells[1].split(", ") and "topic" in cells[2]:
            rights.setdefault(cells[0], []).extend(re.findall(r"`([^`]+)`", cells[2]))
    for role, named in table.items():
        allowed = {topic.name for topic in TOPICS if any(fnmatchcase(topic.name, one) for one in rights.get(role, ()))}
        assert set(named) == allowed, f"{role}: service/cli/generate_asyncapi.py and docs/topics.md differ"


def test_ids_of_channels_do_not_meet():
    assert len({channel_id(topic.name) for topic in TOPICS}) == len(TOPICS)
