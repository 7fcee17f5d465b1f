"""Digests, updates and what is held: what they say, in every format and both languages."""

import json
from typing import Any

import pytest

from service.delivery.formats import body_of
from service.delivery.payload import MAX_BYTES
from service.delivery.summary import summary
from service.model.notice import Change, Notice
from service.model.records import ArticleHead, StoryHead
from tests.builders import alert_record

FORMATS = ("bongsu", "cloudevents", "slack", "teams", "discord")
AT = 1_795_406_000_123


def story(number, **more):
    head = ArticleHead(
        id=f"a{number}", title=f"서울시 소식 {number}", source="한빛일보", url=f"https://news.example/{number}"
    )
    return alert_record(
        article=f"a{number}", **({"story": StoryHead(id=f"sty_{number}", copies=number)} | more)
    ).model_copy(update={"article": head})


def notice(*alerts, kind="alert.digest", reason="digest", **more):
    given: dict[str, Any] = (
        {"held_count": len(alerts), "period": (AT - 3_600_000, AT)} if kind == "alert.digest" else {}
    )
    return Notice(kind, "sub1", 1, reason, tuple(alerts), AT, **(given | more))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(("lang", "said"), [("ko", "전할 기사가 없습니다"), ("en", "No stories")])
def test_an_empty_digest_says_so(form, lang, said):
    body = body_of(notice(format=form, lang=lang))
    assert said in body
    assert body == body_of(notice(format=form, lang=lang))
    if form == "bongsu":
        data = json.loads(body)["data"]
        assert (data["alerts"], data["held_count"], data["rule"], data["story"]) == ([], 0, None, None)


@pytest.mark.parametrize("form", FORMATS)
def test_nothing_else_may_be_empty(form):
    for one in (notice(kind="alert.matched", format=form), notice(held_count=3, format=form)):
        with pytest.raises(ValueError, match="says nothing"):
            body_of(one)


def test_a_digest_lists_stories_with_their_rules_and_counts_what_it_stands_for():
    data = json.loads(body_of(notice(story(1), story(7), held_count=40)))["data"]
    assert [(one["story"], one["rule"]["id"]) for one in data["alerts"]] == [
        ({"id": "sty_1", "copies": 1}, "seoul"),
        ({"id": "sty_7", "copies": 7}, "seoul"),
    ]
    assert data["held_count"] == 40
    assert data["period"] == {"from": "2026-11-23T02:53:20.123Z", "to": "2026-11-23T03:53:20.123Z"}
    assert data["truncated"] is False


def test_an_update_says_what_changed():
    changes = (Change("headline", "서울시 소식", "서울시 소식 1"),)
    body = body_of(notice(story(1), kind="alert.updated", reason="headline_changed", changes=changes))
    data = json.loads(body)["data"]
    assert data["changes"] == [{"what": "headline", "before": "서울시 소식", "after": "서울시 소식 1"}]
    assert not {"held_count", "period"} & set(data)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("reason", ["digest", "throttle", "cap", "quiet_hours", "silence_ended"])
def test_the_largest_digest_keeps_to_its_size(form, reason):
    many = [story(number) for number in range(50)]
    long = [one.model_copy(update={"mentions": one.mentions * 20}) for one in many]
    body = body_of(notice(*long, reason=reason, format=form, held_count=4_000))
    assert len(body.encode()) <= MAX_BYTES
    assert "4000건" in body or f"{4_000 - 10}건" in body or f"{4_000 - 6}건" in body


@pytest.mark.parametrize(
    ("given", "korean", "english"),
    [
        (notice(story(1), story(2), reason="quiet_hours", held_count=12),
         "[seoul] 방해 금지 시간에 모아 둔 소식, 한빛일보 ‘서울시 소식 1’ 외 1건, 알림 12건입니다. 서울시가 나왔습니다.",
         "[seoul] Held in quiet hours: 한빛일보: ‘서울시 소식 1’ and 1 more article, 12 alerts; found: 서울시."),
        (notice(story(1), kind="alert.updated", reason="headline_changed", changes=(Change("headline", "옛 제목", "새"),)),
         "[seoul] 한빛일보 기사 제목이 ‘옛 제목’에서 ‘서울시 소식 1’(으)로 바뀌었습니다.",
         "[seoul] 한빛일보: the headline ‘옛 제목’ is now ‘서울시 소식 1’."),
        (notice(story(1), kind="alert.updated", reason="taken_down"),
         "[seoul] 한빛일보 ‘서울시 소식 1’ 기사가 삭제되었습니다.",
         "[seoul] 한빛일보: ‘서울시 소식 1’ was taken down."),
        (notice(story(1), kind="alert.updated", reason="correction", changes=(Change("headline", "옛 제목", "새"),)),
         "[seoul] 한빛일보 ‘서울시 소식 1’ 기사가 정정되었습니다. 서울시가 나옵니다.",
         "[seoul] 한빛일보: ‘서울시 소식 1’ was corrected."),
        (notice(story(1, story=StoryHead(id="s", copies=9, sources=5)), kind="alert.matched", reason="sources"),
         "[seoul] 한빛일보 ‘서울시 소식 1’에 서울시가 나왔습니다. 이제 5개 매체가 다룹니다.",
         "[seoul] 한빛일보: ‘서울시 소식 1’ mentions 서울시. 5 sources tell it now."),
        (notice(story(3), story(4), kind="alert.matched", reason="group_wait"),
         "[seoul] 한빛일보 ‘서울시 소식 3’에 서울시가 나왔습니다. 같은 기사가 3건 있습니다.",
         "[seoul] 한빛일보: ‘서울시 소식 3’ mentions 서울시. 3 articles tell this story."),
    ],
)  # fmt: skip
def test_summaries(given, korean, english):
    assert summary(given) == korean
    fields = {name: getattr(given, name) for name in Notice.__dataclass_fields__}
    assert summary(Notice(**(fields | {"lang": "en"}))) == english
