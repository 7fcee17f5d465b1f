"""Stories against slow, obvious oracles: everything compared with everything, and an index that was never lost."""

from collections.abc import Iterable

from hypothesis import event, given, settings
from hypothesis import strategies as st

from service.alerting.near import EDITED_SENTENCES, MIN_LETTERS, SENTENCES, jaccard, likeness
from service.alerting.place import Place
from service.alerting.story import Stories, StoryLimits, StoryStep
from service.ingest.sketch import SHINGLE, sketch
from service.model import ids
from service.model.records import ArticleHead, MatchRecord
from service.model.sketch import Sketch, decode, unpack
from tests.builders import match_record

WORDS = [
    "강물이",
    "다리",
    "아래로",
    "느리게",
    "흐르고",
    "아이들은",
    "종이배를",
    "띄우며",
    "저녁까지",
    "놀다가",
    "별이",
    "뜨면",
    "집으로",
    "돌아간다",
    "어른들은",
    "불을",
    "켠다",
]
HOUR_MS = 3_600_000


def written(number: int) -> str:
    """A sentence of its own, 20 letters and more, always the same for a number."""
    turned = WORDS[number % len(WORDS) :] + WORDS[: number % len(WORDS)]
    return f"{' '.join(turned[: 6 + number % 3])} {'가나다라마바사'[number % 7]}{'아자차카타'[number // 7 % 5]} 쪽이다."


def body(numbers: Iterable[int]) -> str:
    return " ".join(map(written, numbers))


# what two bodies have in common


def letters(text: str) -> str:
    return "".join(one for one in text if one.isalnum())


def sentences_of(text: str) -> dict[str, int]:
    return {letters(one): len(letters(one)) for one in text.split(".") if letters(one)}


def contained(one: str, other: str) -> float:
    """Exact: letters of the shorter in sentences of both."""
    short, long = sorted((sentences_of(one), sentences_of(other)), key=lambda found: sum(found.values()))
    return sum(short[key] for key in short.keys() & long.keys()) / sum(short.values())


def exact_jaccard(one: str, other: str) -> float:
    a, b = ({text[at : at + SHINGLE] for at in range(len(text) - SHINGLE + 1)} for text in map(letters, (one, other)))
    return len(a & b) / len(a | b)


NUMBERS = st.lists(st.integers(0, 34), min_size=1, max_size=14, unique=True)


@given(NUMBERS, NUMBERS)
def test_estimates_are_near_what_counting_says(one: list[int], other: list[int]) -> None:
    a, b = body(one), body(other)
    made = sketch(a), sketch(b)
    assert abs(jaccard(*made) - exact_jaccard(a, b)) < 0.25, "six standard deviations of 128 permutations"
    assert abs(made[0].letters - len(letters(a))) == 0
    assert likeness(made[0], made[1]) == likeness(made[1], made[0]), "likeness has no direction"
    assert unpack(decode(made[0].encode())) == made[0]


@given(NUMBERS, st.data())
def test_what_is_left_of_a_text_is_its_copy_and_another_text_is_none(one: list[int], data: st.DataObject) -> None:
    """Sentences are dropped and others added, anywhere; the beginning stays. Counting decides what is expected."""
    kept = one[:1] + [number for number in one[1:] if data.draw(st.booleans())]
    added = data.draw(st.lists(st.integers(35, 69), max_size=14, unique=True))
    a, b = body(one), body([*kept, *added])
    share = contained(a, b)
    found = likeness(sketch(a), sketch(b))
    short = min(sum(sentences_of(a).values()), sum(sentences_of(b).values()))
    event(f"copy: {bool(found)}")
    if short < MIN_LETTERS or share < EDITED_SENTENCES - 0.05:
        assert found == 0
    elif short >= MIN_LETTERS + 5 and share >= SENTENCES + 0.05:
        assert abs(found - share) < 0.06, "lengths are kept in steps of two letters"


# the ladder

BODIES = st.lists(st.integers(0, 34), min_size=0, max_size=8, unique=True).map(body)
POOL = [body(range(first, first + size)) for first in (0, 3, 12) for size in (3, 5, 8)]
TITLES = st.sampled_from(
    ["나루시 시장 사퇴", "[속보] 나루시 시장 사퇴", "나루시 시장 사퇴(종합)", "[아침 편지] 오늘", "가람산 케이블카 멈춰", "[속보] 가람산 케이블카 멈춰"]
)  # fmt: skip
PRESSES = st.sampled_from(["한빛일보", "가온신문", None])


@st.composite
def records(draw: st.DrawFn) -> MatchRecord:
    article = f"a{draw(st.integers(0, 9))}"
    came_ms = draw(st.integers(0, 200)) * HOUR_MS + 1_800_000_000_000
    if draw(st.integers(0, 9)) == 0:
        return match_record(
            article,
            head=ArticleHead(id=article),
            content_hash=ids.TAKEN_DOWN,
            matches=(),
            taken_down=True,
            published_ms=came_ms,
        )
    text = draw(st.sampled_from(POOL) | BODIES)
    title = draw(TITLES)
    url = draw(
        st.sampled_from(
            [None, None, "https://example.com/1", "https://m.example.com/1?utm_source=x", "https://example.com/2"]
        )
    )
    made = sketch(text)
    head = ArticleHead(
        id=article,
        url=url,
        title=title,
        source=draw(PRESSES),
        published_at=draw(st.sampled_from([None, None, "2020-01-01T00:00:00", "?"])),
    )
    return match_record(
        article,
        rules=tuple(draw(st.sets(st.sampled_from(["r1", "r2", "r3"]), min_size=1))),
        head=head,
        content_hash=ids.content_hash(title, text),
        fingerprint=ids.content_hash("", text),
        sketch=draw(st.sampled_from([made.encode(), made.encode(), made.encode(), None, "no sketch"])),
        published_ms=came_ms,
    )


class Live:
    """Stories with the table that is written as they say."""

    def __init__(self, limits: StoryLimits, table: dict[bytes, bytes]) -> None:
        self.table = dict(table)
        self.stories = Stories(limits, self.table.get)
        self.stories.rebuild(0, list(self.table.items())[::-1])

    def step(self, record: MatchRecord, place: Place) -> tuple[StoryStep, list[bytes]]:
        step = self.stories.step(record, place)
        if step.value is not None:
            self.table[step.key] = step.value
        gone = self.stories.expire(place, 2)
        for key in gone:
            del self.table[key]
        return step, gone


HOURS = st.lists(st.sampled_from([0, 0, 0, 1, 5, 30]), min_size=30, max_size=30)
LIMITS = StoryLimits(max_entries=6)
STREAMS = st.lists(records(), min_size=1, max_size=30)


def places(hours: list[int]) -> list[Place]:
    now, out = 1_800_000_000_000, []
    for offset, later in enumerate(hours):
        now += later * HOUR_MS
        out.append(Place(0, offset, now))
    return out


@settings(max_examples=200)
@given(STREAMS, HOURS, st.integers(0, 30))
def test_an_index_that_was_rebuilt_answers_like_the_one_that_was_lost(
    stream: list[MatchRecord], hours: list[int], lost_at: int
) -> None:
    live = Live(LIMITS, {})
    again = live
    for number, (record, place) in enumerate(zip(stream, places(hours), strict=False)):
        if number == lost_at:
            again = Live(LIMITS, live.table)
        expected = live.step(record, place)
        if again is not live:
            assert again.step(record, place) == expected
            assert again.table == live.table
    event("rebuilt" if again is not live else "never lost")


@settings(max_examples=200)
@given(STREAMS)
def test_a_record_that_comes_again_gets_the_same_answer_and_changes_nothing(stream: list[MatchRecord]) -> None:
    """After a crash the last records come again, at their own offsets, to a table that may hold all of them."""
    live = Live(StoryLimits(redated_after_ms=0), {})
    answers = []
    for record, place in zip(stream, places([0] * 30), strict=False):
        step, _ = live.step(record, place)
        answers.append((record, place, step))
    table = dict(live.table)
    again = Live(StoryLimits(redated_after_ms=0), table)
    told = {match.match_id for _, _, step in answers for match in step.matches}
    for record, place, first in answers:
        step, _ = again.step(record, place)
        assert step.value is None
        if record.taken_down and not first.matches:
            assert {match.match_id for match in step.matches} <= told, "nobody hears of what they were not told of"
            continue
        assert step.story.id == first.story.id
        if len(stream) < 9 and not record.taken_down:  # of more versions of one article not all answers are kept
            assert step.story == first.story
            assert step.matches == first.matches
    assert again.table == table


@settings(max_examples=200)
@given(st.lists(BODIES.filter(bool), min_size=1, max_size=4), BODIES)
def test_the_index_finds_a_copy_exactly_where_comparing_with_all_finds_one(old: list[str], new: str) -> None:
    live = Live(StoryLimits(), {})
    made: list[Sketch] = []
    for number, text in enumerate([*old, new]):
        found = sketch(text)
        record = match_record(
            f"a{number}",
            head=ArticleHead(id=f"a{number}", title=None),
            content_hash=str(number),
            fingerprint=str(number),  # so that only likeness joins
            sketch=found.encode(),
        )
        step, _ = live.step(record, Place(0, number, 1_000_000))
        expected = any(likeness(found, other) for other in made)
        event(f"joined: {expected}")
        assert (step.story.joined_by == "near_duplicate") == expected
        made.append(found)
