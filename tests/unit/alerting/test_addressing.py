from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.alerting.addressing import MAX_ALERT_BYTES, SubscriptionIndex, alerts_for
from service.alerting.policy import Policy
from service.alerting.story import StoryStep
from service.model.policy import PolicyModel
from service.model.records import ArticleHead, RuleHead, RuleMatch, StoryHead
from tests.builders import evidence, match_record, subscription_record


def test_every_subscription_that_wants_the_rule_gets_one_alert():
    index = SubscriptionIndex(
        [subscription_record("b", ("seoul*",)), subscription_record("a"), subscription_record("c", ("kt",))]
    )
    alerts = alerts_for(match_record(rules=("seoul-city", "kt")), index, 5)
    assert [(alert.subscription, alert.rule.id) for alert in alerts] == [
        ("a", "seoul-city"), ("b", "seoul-city"), ("a", "kt"), ("c", "kt"),
    ]  # fmt: skip
    assert len({alert.alert_id for alert in alerts}) == 4
    assert {alert.story.id for alert in alerts} == {alerts[0].story.id}


def test_who_is_paused_or_disabled_is_addressed_since_what_comes_meanwhile_is_held_and_not_lost():
    index = SubscriptionIndex([subscription_record("a", paused=True), subscription_record("b", disabled_ms=1)])
    assert [alert.subscription for alert in alerts_for(match_record(), index, 5)] == ["a", "b"]


@pytest.mark.parametrize("state", [{"paused": True}, {"disabled_ms": 1}])
def test_nobody_is_told_after_a_pause_of_each_day_without_news(state):
    daily = PolicyModel.model_validate({"mode": "digest", "digest": {"empty": True}})
    index = SubscriptionIndex([subscription_record("a", policy=daily, **state)])
    assert index.empty_digests() == []


@given(
    st.lists(st.tuples(st.text("ab*?-", min_size=1, max_size=4), st.booleans()), max_size=6),
    st.lists(st.text("ab-", min_size=1, max_size=4), max_size=6),
)
def test_the_index_agrees_with_asking_everyone(subscriptions, rules):
    records = [subscription_record(f"s{n}", (glob,), paused=paused) for n, (glob, paused) in enumerate(subscriptions)]
    index = SubscriptionIndex(records)
    for rule in rules + rules:
        assert list(index.of(rule)) == sorted(r.id for r in records if fnmatchcase(rule, r.rules[0]))


WORDS = ["a", "ab", "b-a", "c"]


@given(
    st.lists(
        st.tuples(
            st.lists(
                st.tuples(st.sampled_from(["", "tag:", "entity:"]), st.text("abc*?-", min_size=1, max_size=3)).map(
                    "".join
                ),
                min_size=1,
                max_size=3,
            ),
            st.booleans(),
        ),
        max_size=6,
    ),
    st.lists(
        st.tuples(st.sampled_from(WORDS), st.lists(st.sampled_from(WORDS)), st.sets(st.sampled_from(WORDS))),
        max_size=6,
    ),
)
def test_tags_and_entities_address_too(subscriptions, matches):
    records = [
        subscription_record(f"s{n}", tuple(rules), paused=paused) for n, (rules, paused) in enumerate(subscriptions)
    ]
    index = SubscriptionIndex(records)

    def wants(record, rule, tags, entities):
        asked = {"tag": tags, "entity": entities}
        for text in record.rules:
            kind, colon, glob = text.partition(":")
            if any(fnmatchcase(value, glob) for value in asked[kind]) if colon else fnmatchcase(rule, text):
                return True
        return False

    for rule, tags, entities in matches + matches:
        expected = [record.id for record in records if wants(record, rule, tags, entities)]
        assert list(index.of(rule, tags, entities)) == expected


def test_a_policy_is_that_of_the_subscription_over_that_of_the_rule():
    index = SubscriptionIndex(
        [
            subscription_record("own", policy=PolicyModel.model_validate({"throttle_s": 60})),
            subscription_record(
                "daily", policy=PolicyModel.model_validate({"mode": "digest", "digest": {"empty": True}})
            ),
            subscription_record("plain"),
        ]
    )
    rule = RuleHead(id="r", name="r", policy={"mode": "each", "throttle_s": 5})
    own, plain = index.policy("own", rule), index.policy("plain", rule)
    assert own is not None
    assert plain is not None
    assert (own.mode, own.throttle_ms) == ("each", 60_000)
    assert (plain.mode, plain.throttle_ms) == ("each", 5_000)
    assert index.policy("plain", None) == Policy()
    assert index.policy("gone", rule) is None
    assert index.policy("own", rule) is own, "worked out once"
    assert [one for one, _ in index.empty_digests()] == ["daily"]


def test_an_alert_says_its_story_and_all_that_was_found():
    match = RuleMatch(
        match_id="m", rule=RuleHead(id="r", name="r"), mentions=(evidence(),), mentions_total=9,
        entities=("chongqing", "seoul-city"), mutes=("broad",),
    )  # fmt: skip
    story = StoryHead(id="sty_1", copies=3, sources=2, role="copy", joined_by="body")
    told = StoryStep(b"k", None, story, ArticleHead(id="a1", title="고쳐 쓴 제목"), (match,))
    (alert,) = alerts_for(match_record(), SubscriptionIndex([subscription_record(rules=("entity:chong*",))]), 5, told)
    assert (alert.story, alert.article.title, alert.match_id) == (story, "고쳐 쓴 제목", "m")
    assert (alert.entities, alert.mutes, alert.truncated) == (("chongqing", "seoul-city"), ("broad",), True)


@given(
    st.lists(st.text(min_size=0, max_size=2000), max_size=30),
    st.text(max_size=5000),
    st.text(max_size=5000),
    st.integers(0, 100),
)
def test_an_alert_is_thin_whatever_the_article_holds(sentences, title, url, entities):
    mentions = tuple(evidence(sentence=f"{sentence} 서울시와 {sentence}") for sentence in sentences)
    match = RuleMatch(
        match_id="m", rule=RuleHead(id="r", name="r"), mentions=mentions, mentions_total=len(mentions),
        entities=tuple(f"{n:0100}" for n in range(entities)),
    )  # fmt: skip
    record = match_record(matches=(match,), head=ArticleHead(id="a", title=title, url=url))
    (alert,) = alerts_for(record, SubscriptionIndex([subscription_record()]), 5)
    assert len(alert.encode()) <= MAX_ALERT_BYTES
    less = len(alert.mentions) < len(mentions) or alert.article != record.article or alert.entities != match.entities
    assert alert.truncated == less


def test_a_long_sentence_is_cut_around_what_was_found():
    long = "가" * 1000 + " 서울시와 " + "나" * 1000
    match = RuleMatch(
        match_id="m", rule=RuleHead(id="r", name="r"), mentions=(evidence(sentence=long),), mentions_total=1
    )
    (alert,) = alerts_for(match_record(matches=(match,)), SubscriptionIndex([subscription_record()]), 5)
    sentence = alert.mentions[0].sentence
    assert "서울시와" in sentence
    assert sentence.startswith("…")
    assert sentence.endswith("…")
    assert len(sentence) <= 302
