"""What is remembered or cut short while an article is read: the same as reading it slowly, whatever the text."""

import hashlib

from hypothesis import event, example, given
from hypothesis import strategies as st

from service.ingest import metadata
from service.ingest.metadata import Metadata, read_metadata
from service.ingest.reading import Document
from service.ingest.zones import read_zones
from service.model.article import Article

PIECES = st.sampled_from(
    ["[서울=가온일보 나라온 기자] ", "(부산=한빛일보) ", "나라온 기자 raon@example.com", "고나래 (narae@example.com)", "가온일보 고나래 narae@example.com",
     "Copyright ⓒ 가온일보. 무단전재 및 재배포 금지.", "입력 2026.03.02 오후 3:04", "사진 ⓒ 한빛일보", "눈이 왔다.", "다리를 새로 놓는다고 시장이 밝혔다.", "관련기사",
     "▶ 다른 소식", '"', " ", "  ", "\xa0", "\t", "\u2003", "\x85", "\n", "=", "기자", "(가온통신 제공)", "&amp;", "\u200b", "나루시 기자 김가람"]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=20).map("".join) | st.text(max_size=60)


@given(TEXTS, st.sampled_from(["text", "html"]))
@example("고나래 (narae@example.com)\n가온일보 고나래 narae@example.com\n나라온 기자 raon@example.com", "text")
def test_metadata_is_what_each_line_says_by_itself(body: str, field: str) -> None:
    document = Document(Article("a", **{field: body}))  # type: ignore[arg-type]
    found = metadata._Found()
    for line in document.zones.lines:
        of_line = metadata._Found()
        metadata._look_at(document, line, of_line)
        found.add(of_line)
    told = read_metadata(document)
    event("something" if told != Metadata() else "nothing")
    assert (told.author_email, told.dateline_city) == (found.mail, found.city)
    assert (told.author, told.published_at) == (found.author or None, found.when)
    if field == "text":
        assert told.source == (found.owner or found.press)


@given(TEXTS, st.sampled_from(["text", "html"]))
@example("눈이 \xa0 왔다.\n비도 \t왔다.", "text")
def test_cleaned_text_and_fingerprint_know_no_space_but_one(body: str, field: str) -> None:
    document = Document(Article("a", **{field: body}))  # type: ignore[arg-type]
    cleaned = "\n".join(" ".join(part.split()) for part in document.zones.counted(document.text))
    letters = "".join(cleaned.split()).encode("utf-8", "surrogatepass")
    assert document.cleaned == cleaned
    assert document.fingerprint == hashlib.blake2b(letters, digest_size=16).hexdigest()


@given(TEXTS)
@example('그는 "눈이 왔다"고 했다. "비도')
def test_quotations_are_told_alike_in_short_and_in_long_lines(body: str) -> None:
    short = Document(Article("a", text=body))
    long = Document(Article("a", text=body.replace("\n", " ") + " 끝" * 2_000))
    for document in (short, long):
        zones = read_zones(document.text, document.body_start, "")
        for position in range(document.body_start, min(len(document.text) - 1, document.body_start + 200)):
            line = zones.line_at(position)
            inside = line is not None and (
                document.text[line.start : position].count('"') % 2 == 1 and '"' in document.text[position : line.end]
            )
            assert document._is_quoted(position) is bool(inside)
