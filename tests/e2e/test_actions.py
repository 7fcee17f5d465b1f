"""Several who change the same records through real Kafka: no change is lost, none is seen by one and not by another."""

import asyncio
import contextlib

import orjson
import pytest

from service.actions import silences, subscriptions, tokens
from service.actions.actor import Actor
from service.actions.control import Control
from service.actions.rotation import rotate, secret_of
from service.adapters.control import read_whole
from service.adapters.topic_scan import scan
from service.model import topics
from service.model.control_records import ChangeRecord, SilenceMatchers, SubscriptionRecord
from service.model.errors import BadInput, ChangedMeanwhile, NotFound, RequestReused
from tests.deliveries import SECRET, settings_for

pytestmark = pytest.mark.kafka

FIELDS = {"url": "https://alerts.example.org/", "secrets": (SECRET,), "headers": {"X-Team": "press"}}
ONE, OTHER = Actor("token:one"), Actor("token:other", tenant="gyeonggi")


@pytest.fixture
async def both(kafka_settings):
    """Two API processes' worth of control topics."""
    async with contextlib.AsyncExitStack() as stack:
        yield [await stack.enter_async_context(Control(settings_for(kafka_settings))) for _ in range(2)]


async def changes(settings) -> list[ChangeRecord]:
    return [ChangeRecord.decode(record.value, topics.CHANGES) async for record in scan(settings, topics.CHANGES)]


async def last_of(settings, key) -> SubscriptionRecord:
    stored = await read_whole(settings, topics.SUBSCRIPTIONS)
    return SubscriptionRecord.decode(stored[key], topics.SUBSCRIPTIONS)


def named(name):
    return lambda _: {"name": name}


async def test_what_one_wrote_the_other_reads_at_once(both):
    writer, reader = both
    for number in range(10):
        made = (await subscriptions.create(writer, ONE, FIELDS)).record
        assert await subscriptions.get(reader, ONE, made.id) == made
        after = await subscriptions.update(reader, ONE, made.id, named(str(number)), expected={1})
        assert await subscriptions.get(writer, ONE, made.id) == after
        await subscriptions.remove(writer, ONE, made.id, expected={2})
        with pytest.raises(NotFound):
            await subscriptions.get(reader, ONE, made.id)


async def test_of_changes_that_name_no_revision_none_is_lost(both, kafka_settings):
    made = (await subscriptions.create(both[0], ONE, FIELDS)).record

    async def add(number: int) -> int | None:
        try:
            await subscriptions.update(
                both[number % 2], ONE, made.id, lambda stands: {"rules": (*stands.rules, f"r{number}")}
            )
        except ChangedMeanwhile:
            return None
        return number

    done = [number for number in await asyncio.gather(*map(add, range(12))) if number is not None]
    stands = await subscriptions.get(both[0], ONE, made.id)
    assert sorted(stands.rules[1:]) == sorted(f"r{number}" for number in done)
    assert stands.revision == 1 + len(done)
    assert len(done) >= 4, "each try that fails lets another one through"
    assert await last_of(kafka_settings, made.id) == stands, "what compaction keeps is what stands"
    ends = [change.outcome for change in await changes(kafka_settings) if change.action == "subscription.updated"]
    assert ends.count("done") == len(done)
    assert ends.count("asked") == ends.count("done") + ends.count("refused")


async def test_of_changes_of_one_revision_exactly_one_is_made(both, kafka_settings):
    made = (await subscriptions.create(both[0], ONE, FIELDS)).record
    for revision in range(1, 6):
        asked = [
            subscriptions.update(both[n % 2], ONE, made.id, named(f"{revision}-{n}"), expected={revision})
            for n in range(4)
        ]
        ended = await asyncio.gather(*asked, return_exceptions=True)
        (won,) = [end for end in ended if isinstance(end, SubscriptionRecord)]
        assert sum(isinstance(end, ChangedMeanwhile) for end in ended) == 3
        for control in both:
            assert await subscriptions.get(control, ONE, made.id) == won
        assert await last_of(kafka_settings, made.id) == won


async def test_what_is_removed_stays_so_whatever_is_changed_at_the_same_time(both, kafka_settings):
    for _ in range(5):
        made = (await subscriptions.create(both[0], ONE, FIELDS)).record
        late = made.model_copy(update={"revision": 2, "name": "late"})
        ended = await asyncio.gather(
            subscriptions.remove(both[0], ONE, made.id), both[1].subscriptions.write(late), return_exceptions=True
        )
        assert ended[0] is None, "it is removed, from whichever revision"
        assert ended[1] == late or isinstance(ended[1], ChangedMeanwhile)
        await both[1].subscriptions.fresh()  # it may have read no further than its own change, which then stood
        with pytest.raises(ChangedMeanwhile, match="removed"):
            await both[1].subscriptions.write(late)
        for control in both:
            with pytest.raises(NotFound):
                await subscriptions.get(control, ONE, made.id)
        gone = await last_of(kafka_settings, made.id)
        assert (gone.removed_ms is not None, gone.secrets, gone.headers, gone.url) == (True, (), {}, "")


async def test_the_same_request_makes_one_thing_and_another_is_refused(both):
    asked = [subscriptions.create(both[n % 2], ONE, FIELDS, id_="sub_k", request="hash") for n in range(4)]
    made = await asyncio.gather(*asked)
    assert not all(one.replayed for one in made)
    assert {one.record.encode() for one in made} == {made[0].record.encode()}
    with pytest.raises(RequestReused, match="another request"):
        await subscriptions.create(both[0], ONE, FIELDS, id_="sub_k", request="another")
    await subscriptions.remove(both[0], ONE, "sub_k")
    with pytest.raises(RequestReused, match="removed since"):
        await subscriptions.create(both[1], ONE, FIELDS, id_="sub_k", request="hash")


async def test_a_tenant_finds_nothing_of_another(both, kafka_settings):
    control = both[0]
    made = (await subscriptions.create(control, ONE, FIELDS)).record
    wanted = silences.NewSilence(SilenceMatchers(rule=("*",)), 0, control.now_ms() + 60_000, "a", "why")
    silence = (await silences.create(control, ONE, wanted)).record
    token = (await tokens.create(control, ONE, "t", ["rules:read"], expires_ms=control.now_ms() + 60_000)).record
    assert await subscriptions.list_(control, OTHER) == ()
    assert await silences.list_(control, OTHER) == ()
    assert await tokens.list_(control, OTHER) == ()
    for act, key in (
        (subscriptions.get, made.id), (subscriptions.pause, made.id), (subscriptions.resume, made.id),
        (subscriptions.remove, made.id), (rotate, made.id), (secret_of, made.id), (silences.get, silence.id),
        (silences.lift, silence.id), (tokens.revoke, token.id),
    ):  # fmt: skip
        with pytest.raises(NotFound) as theirs:
            await act(control, OTHER, key)
        with pytest.raises(NotFound) as nobodys:
            await act(control, OTHER, "none-there")
        assert str(theirs.value).replace(key, "none-there") == str(nobodys.value)
    assert {change.tenant for change in await changes(kafka_settings)} == {"default"}


async def test_a_secret_is_rotated_once_for_a_key(both):
    made = (await subscriptions.create(both[0], ONE, FIELDS)).record
    first = await rotate(both[0], ONE, made.id, key="k", expected={1})
    again = await rotate(both[1], ONE, made.id, key="k", expected={1})
    assert (first.replayed, again.replayed, again.secrets) == (False, True, first.secrets)
    assert again.record.revision == 2
    assert [old.secret for old in again.record.retiring] == [SECRET]
    assert (await secret_of(both[1], ONE, made.id)).secrets == first.secrets
    with pytest.raises(RequestReused):  # who asks that the old ones end now is not told that they did
        await rotate(both[1], ONE, made.id, key="k", overlap_s=0)
    assert both[1].subscriptions.get(made.id).revision == 2


async def test_tokens_from_the_shell(bongsu, kafka_settings, both):
    done = bongsu("token", "create", "--name", "press", "--scope", "rules:read", "--scope", "all", "--expires", "1h",
                  "--tenant", "gyeonggi")  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = orjson.loads(done.stdout)
    text = told["token"]
    control = both[0]
    await control.tokens.fresh()
    known = tokens.verified(control, text)
    assert known is not None
    assert (known.id, known.tenant, known.name, known.scopes) == (told["id"], "gyeonggi", "press", tokens.SCOPES)
    assert text.encode() not in b"".join((await read_whole(kafka_settings, topics.TOKENS)).values())
    for wrong in (text[:-1], text + "x", text.replace("bongsu_", ""), "", "bongsu_", f"bongsu_{told['id']}_", "é"):
        assert tokens.verified(control, wrong) is None
    assert bongsu("token", "list").stdout == ""
    listed = bongsu("token", "list", "--tenant", "gyeonggi")
    assert bongsu("token", "list", "--all-tenants").stdout == listed.stdout
    assert orjson.loads(listed.stdout)["state"] == "active"
    assert text not in listed.stdout
    assert bongsu("token", "revoke", told["id"]).returncode == 2, "another tenant's is not there"
    assert bongsu("token", "revoke", told["id"], "--tenant", "gyeonggi").returncode == 0
    await control.tokens.fresh()
    assert tokens.verified(control, text) is None
    actors = {change.actor for change in await changes(kafka_settings) if change.action.startswith("token.")}
    assert len(actors) == 1
    assert actors.pop().startswith("cli:")
    assert [change.outcome for change in await changes(kafka_settings)] == ["asked", "done"] * 2


async def test_a_token_ends_by_itself_and_one_without_sense_is_refused(kafka_settings):
    now = [1_000_000]
    async with Control(settings_for(kafka_settings), clock=lambda: now[0]) as control:
        made = await tokens.create(control, ONE, "t", ["rules:read"], expires_ms=2_000_000)
        assert tokens.verified(control, made.text) == made.record
        now[0] = 2_000_000
        assert tokens.verified(control, made.text) is None
        for name, scopes, expires_ms in (("t", [], 9_000_000), ("t", ["x"], 9_000_000), (" ", ["rules:read"], 9_000_000),
                                         ("t", ["rules:read"], 2_000_000)):  # fmt: skip
            with pytest.raises(BadInput):
                await tokens.create(control, ONE, name, scopes, expires_ms=expires_ms)
