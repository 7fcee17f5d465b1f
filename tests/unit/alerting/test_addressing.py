from fnmatch import fnmatchcase

from hypothesis import given
from hypothesis import strategies as st

from service.alerting.addressing import MAX_ALERT_BYTES, SubscriptionIndex, alerts_for
from service.model.records import ArticleHead, RuleHead, RuleMatch
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


def test_paused_subscriptions_are_not_addressed():
    assert alerts_for(match_record(), SubscriptionIndex([subscription_record(paused=True)]), 5) == []


@given(
    st.lists(st.tuples(st.text("ab*?-", min_size=1, max_size=4), st.booleans()), max_size=6),
    st.lists(st.text("ab-", min_size=1, max_size=4), max_size=6),
)
def test_the_index_agrees_with_asking_everyone(subscriptions, rules):
    records = [subscription_record(f"s{n}", (glob,), paused=paused) for n, (glob, paused) in enumerate(subscriptions)]
    index = SubscriptionIndex(records)
    for rule in rules + rules:
        assert list(index.of(rule)) == sorted(r.id for r in records if not r.paused and fnmatchcase(rule, r.rules[0]))


@given(
    st.lists(st.text(min_size=0, max_size=2000), max_size=30),
    st.text(max_size=5000),
    st.text(max_size=5000),
)
def test_an_alert_is_thin_whatever_the_article_holds(sentences, title, url):
    mentions = tuple(evidence(sentence=f"{sentence} 서울시와 {sentence}") for sentence in sentences)
    match = RuleMatch(match_id="m", rule=RuleHead(id="r", name="r"), mentions=mentions, mentions_total=len(mentions))
    record = match_record(matches=(match,), head=ArticleHead(id="a", title=title, url=url))
    (alert,) = alerts_for(record, SubscriptionIndex([subscription_record()]), 5)
    assert len(alert.encode()) <= MAX_ALERT_BYTES
    assert alert.truncated == (len(alert.mentions) < len(mentions) or alert.article != record.article)


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
