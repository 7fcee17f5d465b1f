"""A line of .jsonl is published as it was given; only what is missing is put in front."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.actions.articles import value_of, value_of_line
from service.ingest.decode import decode_article, decode_file

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
ARTICLE = st.fixed_dictionaries(
    {"text": TEXT},
    optional={"id": TEXT | st.none() | st.integers(0, 10**9), "schema": st.just(1), "title": TEXT, "odd": JSON},
)


@given(ARTICLE, st.booleans(), st.sampled_from([None, 1]))
@example({"text": "a", "odd": 10**30}, True, None)
@example({"text": "a", "odd": 10**30, "id": None}, True, None)
def test_a_line_keeps_all_it_had_and_gains_id_and_schema(fields, ascii_only, indent):
    line = json.dumps(fields, ensure_ascii=ascii_only, indent=indent).encode()
    article = decode_article(line)
    value = value_of_line(line, article)
    read = json.loads(value)
    assert read == {"id": article.id, "schema": 1, **fields}
    assert decode_article(value) == article
    assert value.endswith(line[1:])  # byte for byte


@pytest.mark.parametrize(
    ("name", "raw"),
    [("a.txt", "제목\n본문\n".encode()), ("a.txt", b"only a title"), ("a.html", "<p>서울시</p>".encode("cp949"))],
)
def test_a_file_becomes_the_same_article_again(name, raw):
    article = decode_file(name, raw)
    assert decode_article(value_of(article)) == article


@pytest.mark.parametrize(("name", "start"), [("long.txt", "제목\n"), ("long.html", "<p>")])
def test_a_file_that_was_cut_says_so_to_the_worker(name, start):
    article = decode_article(value_of(decode_file(name, (start + "강물 " * 200_000).encode())))
    assert article.partial
