import pytest

from service.alerting.place import Place
from service.alerting.story import Stories, StoryLimits
from service.ingest.sketch import sketch
from service.model import ids
from service.model.records import ArticleHead, RuleHead
from tests.builders import match_record

HOUR_MS = 3_600_000
NOON_MS = 1_800_000_000_000
BODY = (
    "나루시가 오래된 다리를 내년 3월까지 고친다. 공사는 다음 달에 시작되며 차로 두 개를 막는다. "
    "시민들은 공사가 끝날 때까지 하류의 새 다리로 돌아가야 한다. 담당자는 안전을 위한 일이니 양해해 달라고 말했다. "
    "다리는 1975년에 지어졌고 하루 4만 대가 지난다. 시의회는 지난주에 예산 30억 원을 승인했다. "
    "주민 설명회는 다음 주 수요일 저녁 강변 도서관에서 열린다. 상인들은 손님이 줄까 걱정하면서도 공사를 반긴다."
)


class Desk:
    """Stories with their table, fed by hand."""

    def __init__(self, **limits):
        self.table: dict[bytes, bytes] = {}
        self.stories = Stories(StoryLimits(**limits), self.table.get)
        self.offset = 0

    def comes(self, article, text=BODY, *, title="나루시 다리 고친다", hours=0.0, at=None, **more):
        head = {"source": "한빛일보", "title": title} | {
            name: more.pop(name) for name in ("url", "source", "author", "published_at") if name in more
        }
        record = match_record(
            article,
            head=ArticleHead(id=article, **head),
            **{
                "content_hash": ids.content_hash(title or "", text),
                "fingerprint": ids.content_hash("", text),
                "sketch": sketch(text).encode(),
                "published_ms": NOON_MS + round(hours * HOUR_MS),
            }
            | more,
        )
        return self._step(record, hours, at)

    def goes(self, article, hours=0.0):
        gone = match_record(
            article, head=ArticleHead(id=article), matches=(), content_hash=ids.TAKEN_DOWN, taken_down=True
        )
        return self._step(gone, hours, None)

    def _step(self, record, hours, at):
        place = Place(0, self.offset if at is None else at, NOON_MS + round(hours * HOUR_MS))
        self.offset += at is None
        self.place = place
        step = self.stories.step(record, place)
        if step.value is not None:
            self.table[step.key] = step.value
        return step


def told(step):
    return step.story.role, step.story.joined_by, step.story.copies, step.story.sources


@pytest.fixture
def desk():
    return Desk()


def test_the_first_article_leads_and_names_the_story(desk):
    step = desk.comes("a1")
    assert told(step) == ("lead", None, 1, 1)
    assert step.story.id == ids.story_id("a1")
    assert step.key == b"default\0a1"


@pytest.mark.parametrize(
    ("text", "by"),
    [
        (BODY, "body"),
        (BODY.replace(" ", ""), "body"),
        (BODY[: len(BODY) * 2 // 3] + "…", "near_duplicate"),
        (BODY + " 가온신문 앱에서 더 많은 소식을 볼 수 있다.", "near_duplicate"),
        (BODY.replace("상인들은", "상인은").replace("말했다", "밝혔다"), "near_duplicate"),
    ],
)
def test_a_copy_joins_under_another_headline_and_in_another_press(desk, text, by):
    desk.comes("a1")
    fingerprint = ids.content_hash("", BODY) if by == "body" else ids.content_hash("", text)
    step = desk.comes("a2", text, title="다리 공사", source="가온신문", hours=1, fingerprint=fingerprint)
    assert told(step) == ("copy", by, 2, 2)
    assert step.story.id == ids.story_id("a1")


def test_a_report_of_one_template_with_other_numbers_is_no_copy(desk):
    text = (
        "주가 지수가 {0} 포인트 올라 장을 마쳤다. 외국인은 {1}억 원어치를 샀다. 시장에서는 눈치 보기가 이어질 것이라고 내다본다. "
        "전문가들은 금리 결정을 앞두고 위험을 줄이라고 조언했다. 관심은 다음 주에 나올 물가 통계로 옮겨 가고 있다. "
        "거래량은 평소와 비슷했고 장 막판까지 방향을 가늠하기 어려웠다는 것이 증권사 사람들의 한결같은 말이다."
    )
    desk.comes("a1", text.format(2512, 730))
    assert told(desk.comes("a2", text.format(2498, 410))) == ("lead", None, 1, 1)
    assert told(desk.comes("a3", text.format(2512, 730) + " 끝.", title="x")) == ("copy", "near_duplicate", 2, 1)


def test_two_reporters_of_one_event_with_the_same_quotation_tell_two_stories(desk):
    desk.comes("a1")
    quotation = BODY.split(". ")[3] + ". "
    own = (
        "강변에서 만난 주민들의 표정은 엇갈렸다. 출근길이 길어진다는 푸념과 진작 했어야 한다는 말이 함께 나왔다. "
        "낡은 난간에는 녹이 슬었고 보도에는 금이 갔다. 새벽마다 이 길을 뛴다는 노인은 난간을 두드려 보였다. "
    )
    assert told(desk.comes("a2", own + quotation + own[::-1], title="다리 앞에서"))[1] is None


def test_short_bodies_join_only_when_they_are_equal(desk):
    short = "나루시는 다음 달부터 버스 노선 여덟 개를 새로 운영한다고 밝혔다. 자세한 노선은 곧 알린다."
    desk.comes("a1", short)
    assert told(desk.comes("a2", short, title="x"))[1] == "body"
    assert told(desk.comes("a3", short.replace("여덟", "아홉"), title="y"))[1] is None


def test_bodies_that_say_nothing_are_not_equal(desk):
    desk.comes("a1", "자세한 소식은 곧.", title="가")
    assert told(desk.comes("a2", "자세한 소식은 곧.", title="나"))[1] is None
    desk.comes("a3", "", title="다")
    assert told(desk.comes("a4", "", title="라"))[1] is None


def test_the_same_page_under_another_id_is_no_further_copy(desk):
    desk.comes("a1", url="https://www.example.com/1?utm_source=portal")
    step = desk.comes("a2", "전혀 다른 글이 되었다.", url="http://m.example.com/1")
    assert told(step) == ("version", "url", 1, 1)


@pytest.mark.parametrize("source", ["한빛일보", "가온신문"])
def test_versions_of_a_headline_follow_one_another_in_one_press_or_agency(desk, source):
    desk.comes("a1", "짧다", title="[속보] 나루시 시장 사퇴", author="연합뉴스")
    step = desk.comes(
        "a2", "조금 길다", title="나루시 시장 사퇴…후임 미정(종합)", author="연합뉴스 나라온", source=source, hours=2
    )
    assert told(step)[:3] == ("version", "version_chain", 2)
    assert told(desk.comes("a3", "더", title="나루시 시장 사퇴(종합2보)", hours=4, source="마루뉴스"))[1] is None
    assert told(desk.comes("a4", "더", title="나루시 시장 사퇴(종합2보)", hours=20))[1] is None, "hours, not days"


def test_a_column_with_the_same_headline_every_day_is_a_story_a_day(desk):
    desk.comes("a1", "첫째 날의 글", title="[아침 편지] 오늘을 여는 생각")
    assert told(desk.comes("a2", "둘째 날의 글", title="[아침 편지] 오늘을 여는 생각", hours=1))[1] is None


def test_a_new_version_of_an_article_belongs_to_its_story_whatever_it_says(desk):
    first = desk.comes("a1")
    step = desk.comes("a1", "모두 고쳐 썼다.", title="바로잡습니다", hours=3)
    assert told(step) == ("version", "article", 1, 1)
    assert step.story.id == first.story.id


def test_the_same_version_again_gets_the_answer_that_was_stored_and_stores_nothing(desk):
    first = desk.comes("a1")
    copy = desk.comes("a2", title="x", source="가온신문")
    version = desk.comes("a1", "고쳐 썼다.")
    for step, again in (
        (first, desk.comes("a1", hours=2)),
        (copy, desk.comes("a2", title="x", source="가온신문", at=1)),
        (version, desk.comes("a1", "고쳐 썼다.", at=2)),
    ):
        assert again.story == step.story
        assert again.value is None


def test_a_rule_that_is_new_is_remembered_for_the_takedown(desk):
    desk.comes("a1")
    again = desk.comes("a1", matches=match_record("a1", rules=("seoul", "bridge")).matches)
    assert again.value is not None
    assert told(again) == ("lead", None, 1, 1)
    assert [match.rule.id for match in desk.goes("a1").matches] == ["seoul", "bridge"]


def test_what_is_taken_down_goes_to_whom_it_had_gone_with_what_was_known_of_it(desk):
    first = desk.comes("a1", url="https://example.com/1")
    step = desk.goes("a1", hours=1)
    assert told(step) == ("taken_down", "article", 1, 1)
    assert step.story.id == first.story.id
    assert step.article.title == "나루시 다리 고친다"
    (match,) = step.matches
    assert match.rule == RuleHead(id="seoul", name="seoul")
    assert match.match_id == ids.match_id("a1", ids.TAKEN_DOWN, "seoul")
    assert match.mentions == ()
    again = desk.goes("a1", hours=2)
    assert (again.story, again.matches, again.value) == (step.story, step.matches, None)


def test_what_nobody_was_told_of_is_not_told_when_it_is_taken_down(desk):
    step = desk.goes("a1")
    assert (step.value, step.matches) == (None, ())


def test_an_article_that_was_published_long_ago_is_marked_and_leads_and_counts_nothing(desk):
    old = desk.comes("a1", published_at="2015-03-02T09:00:00+09:00")
    assert old.story.redated
    assert told(old) == ("copy", None, 1, 1)
    first = desk.comes("a2", source="가온신문", title="x")
    assert told(first) == ("lead", None, 1, 1), "what is old leads nothing"
    late = desk.comes("a3", source="마루뉴스", title="y", published_at="2015-03-02")
    assert late.story.redated
    assert (late.story.id, told(late)) == (first.story.id, ("copy", "body", 1, 1))
    assert told(desk.comes("a4", source="마루뉴스", title="z"))[2:] == (2, 2)


def test_what_is_dated_anew_is_news_and_what_was_news_stays_it(desk):
    desk.comes("a1", published_at="2015-03-02")
    step = desk.comes("a1", title="x", published_at=None)
    assert told(step) == ("lead", None, 1, 1)
    assert step.story.redated is None
    assert desk.comes("a1", published_at="2015-03-02", at=0).story.redated, "a replay is told what was said then"
    again = desk.comes("a1", title="y", published_at="2015-03-02")
    assert again.story.redated is None
    assert told(again)[:2] == ("version", "article")


@pytest.mark.parametrize(
    ("published_at", "redated"),
    [
        ("2027-01-13T16:59:00+09:00", True),
        ("2027-01-13T17:00:00+09:00", None),
        ("2027-01-13T16:59:00", True),  # naive: Korea
        ("2027-01-13T07:59:00Z", True),
        ("2027-01-15T23:59:00", None),  # tomorrow's date in the late evening
        ("어제", None),
        ("9999-99-99", None),
    ],
)
def test_long_ago_is_48_hours_before_it_came(desk, published_at, redated):
    assert desk.comes("a1", published_at=published_at).story.redated is redated  # came 2027-01-15T17:00+09:00


def test_an_outage_of_ours_redates_nothing(desk):
    step = desk.comes("a1", hours=100, published_ms=NOON_MS, published_at="2027-01-15T16:00:00")
    assert step.story.redated is None, "it came to Kafka in time, however late it is read"


def test_redating_can_be_turned_off():
    assert Desk(redated_after_ms=0).comes("a1", published_at="2015-03-02").story.redated is None


def test_a_story_is_over_when_none_of_its_articles_came_within_the_window(desk):
    desk.comes("a1")
    assert told(desk.comes("a2", title="x", hours=71))[2] == 2
    assert told(desk.comes("a3", title="y", hours=142))[2] == 3, "each copy keeps it alive"
    assert told(desk.comes("a4", title="z", hours=215)) == ("lead", None, 1, 1)


def test_entries_expire_a_few_at_a_time_and_the_oldest_first():
    desk = Desk(max_entries=3)
    for number in range(5):
        desk.comes(f"a{number}", f"{number}번째 글", title=str(number))
    assert desk.stories.expire(desk.place, 1) == [b"default\0a0"]
    assert desk.stories.expire(desk.place, 10) == [b"default\0a1"]
    assert desk.stories.expire(desk.place, 10) == []
    later = Place(0, 99, NOON_MS + 73 * HOUR_MS)
    assert len(desk.stories.expire(later, 10)) == 3
    assert len(desk.stories) == 0


def test_partitions_know_nothing_of_each_other(desk):
    desk.comes("a1")
    record = match_record("a2", sketch=sketch(BODY).encode(), fingerprint=ids.content_hash("", BODY))
    assert desk.stories.step(record, Place(1, 0, NOON_MS)).story.role == "lead"
    desk.stories.forget(0)
    assert len(desk.stories) == 1


def test_editions_know_nothing_of_each_other(desk):
    desk.comes("a1")
    assert desk.comes("a2", title="x", edition="abroad").story.role == "lead"


def test_a_storm_of_copies_is_one_story(desk):
    desk.comes("a0")
    for number in range(1, 300):
        step = desk.comes(
            f"a{number}",
            f"{number}번째 신문이 전한다. {BODY}",
            title=str(number),
            source=f"신문 {number % 40}",
            fingerprint=str(number),
        )
    assert told(step) == ("copy", "near_duplicate", 300, 41)


def test_a_sentence_that_many_stories_have_proves_nothing(desk):
    blurb = "가온신문은 더 나은 동네를 만드는 이야기를 독자와 함께 찾아가며 제보를 언제나 기다리고 있으니 편집국으로 연락해 주시기 바란다."
    own = [BODY[at::7] for at in range(7)]
    joined = [
        told(desk.comes(f"a{number}", f"{blurb} {blurb[::-1]}. {text}.", title=str(number)))[1]
        for number, text in enumerate(own)
    ]
    assert joined[-1] is None


def test_of_many_versions_the_first_are_forgotten_and_change_nothing_when_they_come_again(desk):
    for number in range(12):
        desk.comes("a1", f"{number}번째로 고친 글.")
    again = desk.comes("a1", "0번째로 고친 글.", at=0)
    assert told(again) == ("version", "article", 1, 1)
    assert again.value is None
    assert desk.comes("a1", "11번째로 고친 글.", at=11).value is None


def test_a_copy_is_found_by_what_is_left_of_its_story_when_the_fullest_article_has_expired():
    desk = Desk(max_entries=2)
    desk.comes("a1", BODY + " 더 긴 글이며 이 문장은 여기에만 있다.")
    desk.comes("a2", title="x", hours=1)
    desk.comes("a3", BODY[: len(BODY) * 3 // 4], title="y", hours=2)
    assert desk.stories.expire(desk.place, 1) == [b"default\0a1"]
    step = desk.comes("a4", BODY + " 마루뉴스가 전했다.", title="z", source="마루뉴스", hours=3)
    assert told(step) == ("copy", "near_duplicate", 4, 2)
