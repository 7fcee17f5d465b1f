from fnmatch import fnmatchcase

from hypothesis import given
from hypothesis import strategies as st

from service.alerting.silence import ActiveSilences, Silence, hiding, matches
from service.model.control_records import SilenceMatchers
from service.model.records import ArticleHead, RuleHead, StoryHead
from tests.builders import alert_record, silence_record

VALUES = st.sampled_from(["a", "b", "ab"])
GLOBS = st.lists(st.sampled_from(["a", "b*", "?b", "*"]), max_size=2).map(tuple)
FIELDS = ("subscription", "rule", "entity", "source", "story", "tag")


@given(
    st.fixed_dictionaries(dict.fromkeys(FIELDS, GLOBS)),
    st.fixed_dictionaries(
        {"subscription": VALUES, "rule": VALUES, "source": st.none() | VALUES, "story": VALUES,
         "entity": st.lists(VALUES, max_size=2), "tag": st.lists(VALUES, max_size=2)}
    ),
)  # fmt: skip
def test_every_list_that_is_not_empty_must_fit(globs, about):
    alert = alert_record(about["subscription"]).model_copy(
        update={
            "rule": RuleHead(id=about["rule"], name="r", tags=tuple(about["tag"])),
            "article": ArticleHead(id="a1", source=about["source"]),
            "story": StoryHead(id=about["story"]),
            "entities": tuple(about["entity"]),
        }
    )
    values = {
        name: [one or "" for one in (value if isinstance(value, list) else [value])] for name, value in about.items()
    }
    asked = {name: listed for name, listed in globs.items() if listed}
    expected = bool(asked) and all(
        any(fnmatchcase(value, glob) for value in values[name] for glob in listed) for name, listed in asked.items()
    )
    silence = Silence.of(silence_record(matchers=SilenceMatchers(**globs)))
    assert matches(silence, alert) is expected
    assert hiding([silence], alert, 999) is None
    assert hiding([silence], alert, 1_000) is (silence if expected else None)
    assert hiding([silence], alert, 8_999) is (silence if expected else None)
    assert hiding([silence], alert, 9_000) is None


def test_case_and_the_composition_of_hangul_make_no_difference():
    silence = Silence.of(silence_record(matchers=SilenceMatchers(source=("kbs*", "한빛일보"))))
    for source in ("KBS 뉴스", "\u1112\u1161\u11ab\u1107\u1175\u11be\u110b\u1175\u11af\u1107\u1169"):
        assert matches(silence, alert_record().model_copy(update={"article": ArticleHead(id="a", source=source)}))


def test_of_several_the_one_that_ends_last_hides():
    rule = SilenceMatchers(rule=("seoul",))
    first, last, other = (
        Silence(name, rule, 0, ends) for name, ends in (("sil_1", 50), ("sil_2", 60), ("sil_3", 60))
    )  # fmt: skip
    assert hiding([other, first, last], alert_record(rule="seoul"), 10) is last
    assert hiding([other, first, last], alert_record(rule="busan"), 10) is None


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=6),
    st.lists(st.integers(-1, 10), min_size=1, max_size=12),
)
def test_active_ones_are_those_that_say_so_whatever_was_asked_before(spans, times):
    silences = [Silence(f"sil_{n}", SilenceMatchers(rule=("*",)), *span) for n, span in enumerate(spans)]
    active = ActiveSilences(reversed(silences))
    for now_ms in times:
        assert list(active.at(now_ms)) == [silence for silence in silences if silence.active(now_ms)]
