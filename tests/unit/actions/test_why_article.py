"""An article by its address: however whoever published it writes JSON."""

from types import SimpleNamespace
from typing import Any

import pytest

from service.actions import why_article
from service.actions.why_article import article_id

URL = "https://garam.example/기사/view?idxno=2041&from=main"
ESCAPED = URL.replace("기사", "\\uae30\\uc0ac")
WRITTEN = {
    "as it is": URL,
    "ASCII only (Python's json)": ESCAPED,
    "slashes (PHP)": ESCAPED.replace("/", "\\/"),
    "for HTML (Go)": URL.replace("&", "\\u0026"),
    "for HTML (Gson)": URL.replace("&", "\\u0026").replace("=", "\\u003d"),
}


async def asked(monkeypatch: pytest.MonkeyPatch, *written: str) -> str:
    async def scan(_settings: Any, name: str, _since_ms: int) -> Any:
        for number, url in enumerate(written if name == "articles" else ()):
            yield SimpleNamespace(key=b"a%d" % number, value=f'{{"title": "t", "url": "{url}"}}'.encode())

    monkeypatch.setattr(why_article, "scan", scan)
    settings: Any = None
    return await article_id(settings, URL, 0)


@pytest.mark.parametrize("how", WRITTEN)
async def test_it_is_found_however_its_json_is_written(monkeypatch, how):
    assert await asked(monkeypatch, "https://other.example/1", WRITTEN[how]) == "a1"


async def test_another_address_that_holds_it_is_not_meant(monkeypatch):
    assert await asked(monkeypatch, URL + "&page=2", "https://other.example/?to=" + URL) == URL


async def test_the_newest_is_meant(monkeypatch):
    assert await asked(monkeypatch, URL, ESCAPED, URL + "2") == "a1"
