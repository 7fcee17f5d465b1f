"""Every format: within the sizes of its receiver, the same bytes for the same alerts, and nothing of an article acts."""

import json
import re

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.delivery.formats import notification
from service.delivery.formats_brief import SIZES, brief
from service.delivery.formats_discord import clipped, units
from service.delivery.payload import MAX_BYTES, payload_of
from service.delivery.sample import sample_alert
from service.delivery.summary import summary
from service.model.notice import Notice
from service.model.record import CONTENT_TYPES
from service.model.records import ArticleHead, RuleHead, StoryHead
from tests.builders import alert_record, evidence, subscription_record

FORMATS = ("bongsu", "cloudevents", "slack", "teams", "discord")
CHAT = ("slack", "teams", "discord")
AT = 1_795_406_000_123
KINDS = ("alert.matched", "alert.digest", "alert.updated", "test")


def render(kind="alert.matched", alerts=(), **style):
    alerts = tuple(alert.model_copy(update=style) for alert in alerts or [alert_record()])
    return notification(kind, "sub1", 1, "first", alerts, AT)


def about(head, name="seoul", **more):
    return alert_record(**more).model_copy(update={"article": head, "rule": RuleHead(id="r", name=name)})


def strings(value):
    if isinstance(value, dict):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, str):
        yield value


def check_sizes(form, body):
    assert len(body.encode()) <= MAX_BYTES
    value = json.loads(body)
    if form == "slack":
        assert len(value["blocks"]) <= 50
        for block in value["blocks"]:
            texts = [block["text"]] if block["type"] == "section" else block["elements"]
            assert all(1 <= len(text["text"]) <= 3000 for text in texts)
    elif form == "discord":
        assert 1 <= units(value["content"]) <= 2000
        assert len(value["embeds"]) <= 10
        total = 0
        for embed in value["embeds"]:
            footer = embed.get("footer", {}).get("text", "")
            assert 1 <= units(embed["title"]) <= 256
            assert units(embed.get("description", "")) <= 4096
            assert units(footer) <= 2048
            total += units(embed["title"]) + units(embed.get("description", "")) + units(footer)
        assert total <= 6000
        assert value["allowed_mentions"] == {"parse": []}
    elif form == "teams":
        (attachment,) = value["attachments"]
        assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
        jsonschema.validate(attachment["content"], CARD)
    elif form == "cloudevents":
        jsonschema.validate(value, EVENT)


TEXT_RUN = {
    "type": "object",
    "properties": {
        "type": {"const": "TextRun"},
        "text": {"type": "string", "minLength": 1},
        "selectAction": {"properties": {"type": {"const": "Action.OpenUrl"}, "url": {"pattern": "^https?://"}}},
    },
    "required": ["type", "text"],
}
CARD = {
    "type": "object",
    "properties": {
        "type": {"const": "AdaptiveCard"},
        "body": {
            "type": "array",
            "items": {
                "properties": {"type": {"const": "RichTextBlock"}, "inlines": {"items": TEXT_RUN, "minItems": 1}},
                "required": ["type", "inlines"],
            },
        },
    },
    "required": ["type", "version", "body"],
}
EVENT = {  # the required and optional attributes of CloudEvents 1.0, names and types as its JSON format has them
    "type": "object",
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "minLength": 1},
        "source": {"type": "string", "minLength": 1, "pattern": r"^[A-Za-z0-9/._~%-]+$"},
        "type": {"type": "string", "minLength": 1},
        "subject": {"type": "string", "minLength": 1},
        "time": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"},
        "datacontenttype": {"const": "application/json"},
        "data": {"type": "object"},
    },
    "required": ["specversion", "id", "source", "type"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("lang", ["ko", "en"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_alerts_make_the_same_bytes(form, lang, kind):
    alert = sample_alert(subscription_record(format=form, lang=lang), 1) if kind == "test" else alert_record()
    first, second = (render(kind, [alert], format=form, lang=lang) for _ in range(2))
    assert first == second
    check_sizes(form, first)
    said = summary(Notice(kind, "sub1", 1, "first", (alert,), AT, "bongsu", lang))
    assert any(said in text.replace("\\", "") for text in strings(json.loads(first)))


def test_without_alerts_there_is_nothing_to_say():
    with pytest.raises(ValueError, match="says nothing"):
        notification("alert.matched", "sub1", 1, "first", (), AT)


def test_cloudevents_holds_the_data_of_ours():
    ours = json.loads(payload_of(Notice("alert.matched", "sub1", 1, "first", (alert_record(),), AT)))
    event = json.loads(render(format="cloudevents"))
    assert event["data"] == ours["data"]
    assert (event["type"], event["time"]) == ("bongsu.alert.matched", ours["timestamp"])
    assert CONTENT_TYPES == {"cloudevents": "application/cloudevents+json"}
    other = notification("alert.updated", "sub1", 2, "x", (alert_record(format="cloudevents"),), AT)
    assert json.loads(other)["id"] != event["id"]


NASTY = "<!channel> & <https://evil.example|여기> *굵게* @everyone <@1> [눌러](https://evil.example) `x` ||y|| 서울시 _z_\u202e"


def nasty():
    return about(
        ArticleHead(id="a", title=NASTY, source=NASTY, url="https://news.example/1"),
        name=NASTY,
        mentions=(evidence(text="서울시", sentence=NASTY),),
    )


def test_an_article_calls_nobody_and_draws_no_links():
    slack = " ".join(strings(json.loads(render(alerts=[nasty()], format="slack"))))
    assert all(tag.startswith("<https://news.example/1|") for tag in re.findall(r"<[^>]*>", slack))
    assert "&lt;!channel&gt;" in slack
    discord = json.loads(render(alerts=[nasty()], format="discord"))
    for text in strings({"content": discord["content"], "embeds": [e.get("description") for e in discord["embeds"]]}):
        assert not re.search(r"(?<!\\)(\[|@|`|<|_)", text), text
    card = json.loads(render(alerts=[nasty()], format="teams"))["attachments"][0]["content"]
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}, "its runs know no markdown"


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "data:text/html,x", "https://a.example/|x", "https://a.example/> <b", "https://" + "a" * 5000,
     "https://a.example/a b", "ftp://a.example/", "", "https://a.example/\n"],
)  # fmt: skip
def test_only_addresses_that_a_click_should_open_are_links(url):
    alert = about(ArticleHead(id="a", title="제목", url=url))
    for form in CHAT:
        body = render(alerts=[alert], format=form)
        assert '"url"' not in body
        assert "<http" not in body


def test_the_name_is_marked_in_its_sentence():
    slack, teams, discord = (json.loads(render(format=form)) for form in CHAT)
    assert "*서울시와*" in slack["blocks"][1]["text"]["text"]
    assert "**서울시와**" in discord["embeds"][0]["description"]
    runs = teams["attachments"][0]["content"]["body"][2]["inlines"]
    assert [run["text"] for run in runs if run.get("highlight")] == ["서울시와"]


def test_what_does_not_fit_is_counted():
    alerts = [alert_record(article=f"a{n}", story=StoryHead(id="s", copies=4)) for n in range(12)]
    for lang, more, copies in (("ko", "외 2건", "같은 기사 4건"), ("en", "2 more", "4 copies")):
        for form in CHAT:
            body = render("alert.digest", alerts, format=form, lang=lang)
            assert more in body
            assert copies in body


texts = st.text(st.characters(exclude_categories=()), max_size=600)


@given(
    st.sampled_from(FORMATS),
    st.sampled_from(["ko", "en"]),
    st.sampled_from(KINDS),
    st.lists(st.tuples(texts, texts, texts, texts), min_size=1, max_size=12),
    st.integers(1, 40),
)
def test_whatever_articles_hold_the_sizes_are_kept(form, lang, kind, articles, mentions):
    alerts = [
        about(
            ArticleHead(id=f"a{number}", title=title, source=source),
            name=name,
            mentions=tuple(evidence(text=source[:9], sentence=f"{sentence}{n}{source}") for n in range(mentions)),
        )
        for number, (title, source, name, sentence) in enumerate(articles)
    ]
    body = render(kind, alerts, format=form, lang=lang)
    check_sizes(form, body)
    assert body == render(kind, alerts, format=form, lang=lang)


@given(texts, texts, st.sampled_from(SIZES))
def test_a_quote_holds_the_name_or_the_sentence(found, around, size):
    alert = alert_record(mentions=(evidence(text=found, sentence=around + found + around),))
    for item in brief(Notice("alert.matched", "sub1", 1, "first", (alert,), AT), size).items:
        for quote in item.quotes:
            assert len(quote.before) + len(quote.found) + len(quote.after) <= size.quote + 2


@given(st.text(max_size=300), st.integers(2, 100))
def test_clipping_counts_as_discord_does(text, limit):
    cut = clipped(text, limit)
    assert units(cut) <= limit
    cut.encode()
    assert cut == text or cut.endswith("…")


@pytest.mark.parametrize(
    ("kind", "alerts", "said"),
    [
        ("alert.matched", [alert_record()], "[seoul] 한빛일보: ‘제목’ mentions 서울시."),
        ("alert.updated", [alert_record()], "[seoul] 한빛일보: ‘제목’ has changed; it mentions 서울시."),
        (
            "alert.digest",
            [alert_record(), alert_record(article="a2"), alert_record(article="a3")],
            "[seoul] 한빛일보: ‘제목’ and 2 more articles, 3 alerts; found: 서울시.",
        ),
        (
            "alert.matched",
            [alert_record(story=StoryHead(id="s", copies=3), mentions=())],
            "[seoul] 한빛일보: ‘제목’ mentions what the rule looks for. 3 articles tell this story.",
        ),
    ],
)
def test_english_summaries(kind, alerts, said):
    assert summary(Notice(kind, "sub1", 1, "first", tuple(alerts), AT, "bongsu", "en")) == said


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("letter", ["가", "\x01", "🏮", "*", "<", "\ud800"])
def test_the_longest_articles_of_the_dearest_letters(form, letter):
    alerts = [
        about(
            ArticleHead.model_construct(
                id=f"a{n}", title=letter * 5000, source=letter * 5000, url="https://a.example/" + "a" * 1500,
                published_at=letter * 99, partial=False,
            ),
            name="r" * 900,
        ).model_copy(update={"mentions": tuple(evidence(sentence=f"{n}{letter * 3000}서울시와{letter * 3000}") for n in range(9))})
        for n in range(30)
    ]  # fmt: skip
    body = render("alert.digest", alerts, format=form)
    check_sizes(form, body)
    assert letter == "\ud800" or json.dumps(letter, ensure_ascii=False).strip('"') in body


@pytest.mark.parametrize(("lang", "zone"), [("ko", ""), ("en", " KST")])
@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("2026-11-23T12:50:00+09:00", "2026-11-23 12:50"),
        ("2026-11-23T14:35:05Z", "2026-11-23 23:35"),
        ("2026-11-23T20:00:00.5-05:00", "2026-11-24 10:00"),
        ("2026-11-23T12:50", "2026-11-23 12:50"),
        ("2026-11-23", "2026-11-23"),
        ("어제", "어제"),
        ("0001-01-01T00:00:00+23:00", "0001-01-01T00:00:00+23:00"),
        (None, ""),
    ],
)
def test_a_time_is_that_of_seoul_and_no_machine_s(given, shown, lang, zone):
    head = ArticleHead(id="a", title="제목", published_at=given)
    notice = Notice("alert.matched", "sub1", 1, "first", (about(head),), AT, "slack", lang)
    (item,) = brief(notice, SIZES[0]).items
    assert item.byline == shown + (zone if shown != (given or "") else "")


@pytest.mark.parametrize(
    ("lang", "bylines", "footer"),
    [
        ("ko", ["한빛일보 · 같은 기사 3건 · 물난리", "한빛일보 · 예산"], "규칙 2개 · 외 5건"),
        ("en", ["한빛일보 · 3 copies · 물난리", "한빛일보 · 예산"], "2 rules · 5 more"),
    ],
)
def test_of_several_stories_each_says_how_many_tell_it_and_which_rule_found_it(lang, bylines, footer):
    flood = alert_record(story=StoryHead(id="s", copies=3)).model_copy(update={"rule": RuleHead(id="a", name="물난리")})
    budget = alert_record(article="a2").model_copy(update={"rule": RuleHead(id="b", name="예산")})
    notice = Notice("alert.digest", "sub1", 1, "digest", (flood, budget), AT, "slack", lang, held_count=7)
    shown = brief(notice, SIZES[0])
    assert ([item.byline for item in shown.items], shown.footer) == (bylines, footer)
    alone = brief(Notice("alert.digest", "sub1", 1, "digest", (flood,), AT, "slack", lang, held_count=1), SIZES[0])
    assert (alone.items[0].byline.count("물난리"), alone.footer) == (0, "물난리")
