"""What of a URL is shown, and what of it is looked for in answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.delivery.urls import MASK, shown_url, split_url, tokens_of

SLACK = "https://hooks.slack.example/services/T0AB12CD3/B0EF45GH6/abcdefghijklmnopqrstuvwx"
TEAMS = "https://prod-1.logic.example:443/workflows/0a1b2c3d/triggers/manual/paths/invoke?api-version=1&sig=aZ-_9%2Fx"
PLAIN = "https://alerts.example.org/bongsu/in?team=press"


@given(st.text(max_size=40), st.sampled_from(["", "https://a.example", "http://[::1]:80", "ftp://x"]))
def test_the_two_parts_are_the_url_byte_for_byte(rest, origin):
    url = origin + rest
    first, second = split_url(url)
    assert first + second == url
    assert not first or "://" in first
    assert not set(first.partition("://")[2]) & set("/?#\\")


@pytest.mark.parametrize("url", [SLACK, TEAMS])
def test_of_a_secret_url_only_where_it_goes_is_shown(url):
    shown = shown_url(url, secret=True)
    assert shown == f"{split_url(url)[0]}/{MASK}"
    assert shown_url("https://a.example/", secret=True) == "https://a.example/"
    assert shown_url("https://a.example?x=1", secret=True) == "https://a.example/***"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (PLAIN, PLAIN),
        ("https://a.example", "https://a.example"),
        ("https://a.example/in?token=hunter2&x=1", "https://a.example/in?token=***&x=1"),
        ("https://a.example/in?x=1&api%5Fkey=k&sig=s", "https://a.example/in?x=1&api%5Fkey=***&sig=***"),
        ("https://a.example/in?design=blue&token=", "https://a.example/in?design=blue&token="),
    ],
)
def test_of_other_urls_what_calls_itself_a_secret_is_not_shown(url, shown):
    assert shown_url(url, secret=False) == shown


def test_what_a_receiver_may_echo_is_found_whole_and_in_parts():
    found = list(tokens_of(SLACK))
    assert found[0] == split_url(SLACK)[1]
    assert {"T0AB12CD3", "B0EF45GH6", "abcdefghijklmnopqrstuvwx"} <= set(found)
    assert "services" not in found, "a word"
    assert {"0a1b2c3d", "aZ-_9%2Fx", "aZ-_9/x"} - set(tokens_of(TEAMS)) <= {"aZ-_9/x"}
    assert "aZ-_9/x" in set(tokens_of(TEAMS))
    assert set(tokens_of("https://a.example/hook")) == set()
