"""Bytes to articles (contract 3.1)."""

import hashlib
import json
from typing import Any

import pytest

from service.ingest.decode import decode_article, decode_file
from service.model.article import MAX_TEXT_BYTES
from service.model.errors import NewerSchema, UndecodableArticle


def raw(**fields: Any) -> bytes:
    return json.dumps(fields, ensure_ascii=False).encode()


def test_everything_is_kept() -> None:
    article = decode_article(
        raw(id="a", title="제목", text="글", url="u", source="가온", author="b", section="c", lang="ko", edition=3,
            published_at="2025-03-01T09:00:00Z", schema=1)
    )  # fmt: skip
    assert (article.id, article.title, article.text, article.source, article.extra) == (
        "a",
        "제목",
        "글",
        "가온",
        {"edition": 3},
    )
    assert article.published_at == "2025-03-01T09:00:00Z"
    assert not article.partial


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"url": "u", "source": "s", "text": "t"}, "s\nu"),
        ({"url": "u", "text": "t"}, "\nu"),
        ({"source": "s", "title": "제", "html": "h"}, "s\n제\nh"),
        ({"text": "t"}, "\n\nt"),
    ],
)
def test_default_id(fields: dict[str, str], what: str) -> None:
    assert decode_article(raw(**fields)).id == hashlib.sha256(what.encode()).hexdigest()[:32]


def test_a_naive_time_is_seoul() -> None:
    assert decode_article(raw(text="t", published_at="2025-03-01T09:00:00")).published_at == "2025-03-01T09:00:00+09:00"


@pytest.mark.parametrize(
    ("value", "says", "article_id"),
    [
        (b"{", "not JSON", None),
        (b"\xff\xfe", "not JSON", None),
        (b"[]", "JSON object", None),
        (b"{}", "one of text, html or title", None),
        (b'{"id": "x", "text": ""}', "one of text, html or title", "x"),
        (b'{"id": "x", "text": 5}', "text: must be text, not int", "x"),
        (b'{"id": "", "text": "a"}', "id: must be text", None),
        (b'{"id": {}, "text": "a"}', "id: must be text", None),
        (b'{"id": "x", "html": ["a"]}', "html: must be text, not list", "x"),
        (b'{"text": "\\ud800"}', "not JSON", None),
    ],
)
def test_what_is_no_article(value: bytes, says: str, article_id: str | None) -> None:
    with pytest.raises(UndecodableArticle) as error:
        decode_article(value)
    assert says in error.value.reason
    assert error.value.article_id == article_id


@pytest.mark.parametrize("given", ["yesterday", "2025-13-01", "29일", 1741696800, ["2025-03-01"]])
def test_a_time_that_cannot_be_read_does_not_cost_the_article(given: Any) -> None:
    article = decode_article(raw(text="t", published_at=given, author=["가", "나"], source="가온일보"))
    assert (article.text, article.published_at, article.author, article.source) == ("t", None, None, "가온일보")
    assert sorted(article.unread) == ["author", "published_at"]
    assert article.extra == {"published_at": given, "author": ["가", "나"]}


@pytest.mark.parametrize("given", [None, "", "  "])
def test_an_empty_time_is_none(given: str | None) -> None:
    article = decode_article(raw(text="t", published_at=given))
    assert (article.published_at, article.unread, article.extra) == (None, (), {})


def test_what_was_cut_before_stays_flagged() -> None:
    assert decode_article(raw(text="t", partial=True)).partial
    assert not decode_article(raw(text="t", partial="no")).partial


def test_a_newer_schema_stops() -> None:
    with pytest.raises(NewerSchema):
        decode_article(raw(text="t", schema=2))


def test_text_is_cut_at_a_character_and_flagged() -> None:
    text = "가" * (MAX_TEXT_BYTES // 3 + 5)
    article = decode_article(raw(text=text))
    assert article.partial
    assert article.text == "가" * (MAX_TEXT_BYTES // 3)
    assert article.id == decode_article(raw(text=text, lang="ko")).id, (
        "the id is of what was given, not of what was kept"
    )
    assert not decode_article(raw(text="가" * (MAX_TEXT_BYTES // 3))).partial


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
def test_txt(end: str, encoding: str) -> None:
    article = decode_file("a.TXT", f"제목{end}첫 줄{end}둘째 줄".encode(encoding))
    assert (article.title, article.text) == ("제목", f"첫 줄{end}둘째 줄")


def test_html_in_its_declared_encoding() -> None:
    page = '<meta http-equiv="Content-Type" content="text/html; charset=big5"><p>首爾</p>'
    assert decode_file("a.html", page.encode("big5")).html == page
    korean = "<p>서울</p>"
    assert decode_file("a.htm", korean.encode("cp949")).html == korean
    assert decode_file("a.html", b'<meta charset="no-such">' + korean.encode("cp949")).html is not None


def test_bytes_in_no_encoding_and_other_suffixes() -> None:
    with pytest.raises(UndecodableArticle, match="neither UTF-8"):
        decode_file("a.txt", b"\xff\xff\xff")
    with pytest.raises(UndecodableArticle, match=r"\.txt, \.html or \.jsonl"):
        decode_file("a.pdf", b"x")
