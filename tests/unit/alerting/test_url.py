import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.alerting import url as module
from service.alerting.url import canonical_url

SAME = [
    "https://example.com/news/2026/1234",
    "http://example.com/news/2026/1234",
    "HTTPS://EXAMPLE.com/news/2026/1234",
    "https://www.example.com/news/2026/1234",
    "https://m.example.com/news/2026/1234",
    "https://www.m.example.com/news/2026/1234",
    "https://example.com:443/news/2026/1234",
    "http://example.com:80/news/2026/1234",
    "https://example.com/news/2026/1234/",
    "https://example.com//news/2026/1234",
    "https://example.com/news/2026/1234#comments",
    "https://example.com/news/2026/1234?utm_source=portal&utm_medium=rss",
    "https://example.com/news/2026/1234?fbclid=abc&gclid=1",
    "https://example.com/amp/news/2026/1234",
    "https://example.com/news/2026/1234/amp",
    "https://example.com/news/2026/1234?outputType=amp",
    "https://example.com/news/2026/1234/index.html",
    "  https://example.com/news/2026/1234\n",
]


@pytest.mark.parametrize("url", SAME)
def test_one_page_has_one_address(url):
    assert canonical_url(url) == "example.com/news/2026/1234"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://example.com/view?id=1", "https://example.com/view?id=2"),
        ("https://example.com/news/1", "https://example.org/news/1"),
        ("https://example.com/news/1", "https://example.com:8443/news/1"),
        ("https://example.com/News/1", "https://example.com/news/1"),
        ("https://m.kr/1", "https://kr/1"),
    ],
)
def test_two_pages_have_two(one, other):
    assert canonical_url(one) != canonical_url(other)


def test_what_says_which_article_stays_in_one_order():
    expected = canonical_url("https://example.com/view?aid=7&oid=3")
    assert (
        canonical_url("https://example.com/view?oid=3&utm_campaign=x&aid=7")
        == expected
        == "example.com/view?aid=7&oid=3"
    )


def test_letters_and_their_escapes_are_one():
    assert canonical_url("https://example.com/기사/1") == canonical_url("https://example.com/%EA%B8%B0%EC%82%AC/1")


@pytest.mark.parametrize(
    "url",
    [None, "", "https://example.com", "https://example.com/", "https://example.com/?utm_source=x", "ftp://example.com/1",
     "기사", "https://[::1", "https://example.com:port/1", "https:///1", "https://example.com/" + "a" * 5_000],
)  # fmt: skip
def test_what_names_no_page_of_its_own_joins_nothing(url):
    assert canonical_url(url) is None


@given(st.text(max_size=60))
def test_it_never_fails_and_never_changes_twice(text):
    for url in (text, f"https://example.com/{text}"):
        once = canonical_url(url)
        if once is not None:
            assert canonical_url(f"https://{once}") == once


hosts = st.lists(st.sampled_from(["www", "m", "amp", "news", "example", "kr", "", "Com", "a-b"]), max_size=4).map(
    ".".join
)
tails = st.text(st.sampled_from("/amp.html?&=utm_source=1%EA#:기 ;\t"), max_size=20)


@given(st.sampled_from(["http", "https", "HTTP", "ftp"]), hosts, st.sampled_from(["", ":80", ":8443"]), tails)
def test_a_simple_address_is_read_as_the_standard_reads_it(scheme, host, port, tail):
    url = f"{scheme}://{host}{port}{tail}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_SIMPLE", re.compile("(?!)"))
        slowly = canonical_url(url)
    assert canonical_url(url) == slowly


def test_the_usual_address_is_simple():
    assert module._SIMPLE.fullmatch("https://www.example.co.kr/news/articleView.html?idxno=12345&page=2")
