"""HTML to paragraphs, with the way back and in linear time."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.ingest.html import read_html
from service.model.mention import Zone


def paragraphs(html: str) -> list[str]:
    return read_html(html).text.splitlines()


def test_paragraphs() -> None:
    html = "<p>가 <b>나</b>다\n  라</p>마<br>바<div>사<span>아</span></div><!-- 자 --><script>차</script><style>카</style>타"
    assert paragraphs(html) == ["가 나다 라", "마", "바", "사아", "타"]


def test_what_is_no_tag_is_text() -> None:
    assert paragraphs("1 < 2 <3 & 4 > 3 <é") == ["1 < 2 <3 & 4 > 3 <é"]
    assert paragraphs("<a title=\"x>y\">가</a><a title='>'>나</a>") == ["가나"]
    assert paragraphs('<p title="never closed>가</p>나') == ["가", "나"]


def test_hints() -> None:
    html = (
        "<h2>소제목</h2><p>글</p><figure><img><figcaption>설명</figcaption></figure>"
        '<div class="box related-news"><div><p>남의 글</p></div>또</div><p class="byline">기자</p><p>끝</p>'
        '<ul id="newsList"><li>하나<li>둘</ul><footer>회사</footer>'
    )
    page = read_html(html)
    assert list(zip(page.text.splitlines(), page.hints, strict=True)) == [
        ("소제목", Zone.SUBHEAD), ("글", None), ("설명", Zone.CAPTION), ("남의 글", Zone.RELATED), ("또", Zone.RELATED),
        ("기자", Zone.BYLINE), ("끝", None), ("하나", Zone.RELATED), ("둘", Zone.RELATED), ("회사", Zone.BOILERPLATE),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("html", "title", "exact"),
    [
        ("<title>가</title>", "가", False),
        ('<title>가</title><meta property="og:title" content="나">', "나", True),
        ("<meta content='나' property='og:title'>", "나", True),
        ("<p>가</p>", None, False),
    ],
)
def test_title(html: str, title: str | None, exact: bool) -> None:
    page = read_html(html)
    assert (html[slice(*page.title)] if page.title else None) == title
    assert page.title_is_exact is exact


@given(st.text(alphabet="<>/!-\"'= apbscriptdiv가나\n&;", max_size=120))
def test_offsets_of_any_markup(html: str) -> None:
    page = read_html(html)
    assert len(page.hints) == page.text.count("\n")
    for at, character in enumerate(page.text):
        start, stop = page.offsets.start(at), page.offsets.stop(at + 1)
        assert 0 <= start <= stop <= len(html)
        if not character.isspace():
            assert html[start:stop] == character


@pytest.mark.parametrize(
    "piece",
    ["<a ", '<a title="', "<!--", "<", "<script>", "</a", "<a b='x\" ", '<a b="<', "<style", "<title>", "<div class='related'>",
     '<p a="x">', '"<a >', "<a ''", "&amp;", "<meta ", "<li>"],
)  # fmt: skip
def test_hostile_markup_is_linear(piece: str) -> None:
    html = piece * (900_000 // len(piece))
    begin = time.process_time()
    read_html(html)
    assert time.process_time() - begin < 15, "a quadratic reader takes minutes"
