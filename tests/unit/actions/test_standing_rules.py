"""The rules in force as the API holds them: read once for each set, and never one that came too late."""

import hashlib
import json

import pytest

from service.actions.standing_rules import NOTHING, StandingRules
from service.model.control_records import RulesManifest
from service.model.errors import BadInput, Unavailable
from service.settings import Settings


class Topic:
    """Hands records over as the real one does."""

    def __init__(self) -> None:
        self.rules = StandingRules(Settings({}).kafka)
        self.put = self.rules._topic._on_record

    def publish(self, version: str, revision: int, *ids: str, lost: bool = False) -> None:
        written = [json.dumps({"id": one, "when": f'"{one}"', "tags": ["city"]}).encode() for one in ids]
        items = {f"rule/{hashlib.sha256(raw).hexdigest()[:32]}": raw for raw in written}
        for key, raw in items.items():
            self.put(key, None if lost else raw)
        manifest = RulesManifest(version=version, revision=revision, items=tuple(items), published_ms=revision)
        self.put("current", manifest.encode())


@pytest.fixture
def topic():
    return Topic()


async def test_what_a_person_names_is_looked_up_in_one_reading(topic):
    assert await topic.rules.of("default") is NOTHING
    assert await topic.rules.known("default") is None
    topic.publish("v1", 1, "garam", "naru")
    known = await topic.rules.known("default")
    assert await topic.rules.known("default") is known
    assert (known.ids, known.tags) == ({"garam", "naru"}, {"city"})
    assert known.check(["garam", "tag:city", "na*", "later-*"]) == [
        "no rule in force fits 'later-*'; it counts for those to come"
    ]
    with pytest.raises(BadInput, match="did you mean garam"):
        known.check(["gara"])
    topic.publish("v2", 2, "dasom")
    assert (await topic.rules.known("default")).ids == {"dasom"}


async def test_a_set_that_came_too_late_is_not_shown(topic):
    topic.publish("v1", 1, "garam")
    shown = await topic.rules.of("default")
    topic.publish("lost", 1, "naru")
    assert await topic.rules.of("default") is shown
    assert [order.tenant for order in topic.rules.untidy()] == ["default"]


async def test_a_set_that_is_not_whole_is_said_to_be_that(topic):
    topic.publish("v1", 1, "garam", lost=True)
    with pytest.raises(Unavailable, match="not whole"):
        await topic.rules.of("default")
