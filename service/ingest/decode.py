"""From bytes to an article: JSON as it travels on Kafka (contract 3.1), and .txt or .html files.

Nothing is cleaned here: `text`, `html` and `title` stay exactly as given, because offsets point into them. What only
describes an article (`published_at`, `author` ...) and cannot be read must not cost the article: it is kept in `extra`
as it came and named in `unread`.
"""

import re
from datetime import datetime
from pathlib import PurePath
from typing import Any

import orjson

from service.model.article import MAX_TEXT_BYTES, Article
from service.model.errors import NewerSchema, NotJson, UndecodableArticle
from service.model.ids import default_article_id
from service.model.record import SCHEMA
from service.model.topics import ARTICLES

_CONTENT = ("title", "text", "html")
_ABOUT = ("url", "source", "author", "section", "lang", "published_at")
_KNOWN = frozenset((*_CONTENT, *_ABOUT, "id", "schema", "partial"))
_SEOUL = "+09:00"
_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s{0,20}=\s{0,20}["']?([A-Za-z0-9_:.-]{1,40})""", re.IGNORECASE)
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:[Zz]|[+-]\d\d:\d\d)?)?")


def decode_article(raw: bytes) -> Article:
    """One article from its JSON.

    Raises:
        UndecodableArticle: not JSON (NotJson), or not an article; says which field and what it must be.
        NewerSchema: written by a newer Bongsu.
    """
    try:
        value: Any = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise NotJson(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise UndecodableArticle("not an article: the value must be a JSON object")
    schema = value.get("schema", SCHEMA)
    if isinstance(schema, int) and schema > SCHEMA:
        raise NewerSchema(ARTICLES, schema, SCHEMA)
    given = value.get("id")
    article_id = str(given) if isinstance(given, (str, int)) and not isinstance(given, bool) and given != "" else None
    if given is not None and article_id is None:
        raise UndecodableArticle("id: must be text that is not empty; leave it out to have one made")
    if article_id is not None and len(article_id) > 512:
        raise UndecodableArticle("id: must not be longer than 512 characters", article_id[:512])
    for name in _CONTENT:
        found = value.get(name)
        if found is not None and not isinstance(found, str):
            raise UndecodableArticle(f"{name}: must be text, not {type(found).__name__}", article_id)
    return _article(value, article_id)


def decode_file(name: str, raw: bytes) -> Article:
    """One article from a .txt or .html file: the suffix decides.

    Raises:
        UndecodableArticle: the encoding cannot be found out, or the suffix is neither.
    """
    suffix = PurePath(name).suffix.lower()
    if suffix in {".html", ".htm", ".xhtml"}:
        return _article({"html": _text(raw, _CHARSET.search(raw, 0, 4096))}, None)
    if suffix != ".txt":
        raise UndecodableArticle(f"{name}: a file must be .txt, .html or .jsonl")
    title, _, text = _text(raw, None).partition("\n")
    return _article({"title": title.removesuffix("\r"), "text": text}, None)


def _text(raw: bytes, declared: re.Match[bytes] | None) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        where = error.start
    for encoding in (declared[1].decode("ascii") if declared else "", "cp949"):
        try:
            if encoding:
                return raw.decode(encoding)
        except (UnicodeDecodeError, LookupError, ValueError):
            continue
    raise UndecodableArticle(f"neither UTF-8 (byte {where} does not fit) nor CP949: save the file as UTF-8")


def _article(value: dict[str, Any], article_id: str | None) -> Article:
    get = value.get
    about: dict[str, str] = {}
    unread: list[str] = []
    for name in _ABOUT:
        found = get(name)
        if isinstance(found, str):
            about[name] = found
        elif found is not None:
            unread.append(name)
    published_at = about.get("published_at")
    if published_at is not None:
        published_at = read_time(given := published_at)
        if published_at is None and given.strip():
            unread.append("published_at")
    title, text, html = get("title"), get("text"), get("html")
    if not (title or text or html):
        raise UndecodableArticle("one of text, html or title is required, and all are missing or empty", article_id)
    if article_id is None:
        content = text if text is not None else html
        article_id = default_article_id(about.get("source"), about.get("url"), title, content)
    partial = get("partial") is True
    if sum(map(len, filter(None, (title, text, html)))) * 4 > MAX_TEXT_BYTES:
        title, title_is_cut = _cut(title)
        text, text_is_cut = _cut(text)
        html, html_is_cut = _cut(html)
        partial = partial or title_is_cut or text_is_cut or html_is_cut
    extra = {}
    if unread or not value.keys() <= _KNOWN:
        extra = {name: kept for name, kept in value.items() if name not in _KNOWN or name in unread}
    return Article(
        article_id,
        title,
        text,
        html,
        about.get("url"),
        about.get("source"),
        about.get("author"),
        about.get("section"),
        about.get("lang"),
        published_at,
        partial,
        extra,
        tuple(unread),
    )


def _cut(text: str | None) -> tuple[str | None, bool]:
    """`text` within MAX_TEXT_BYTES of UTF-8, at a character."""
    if text is None or len(text) * 4 <= MAX_TEXT_BYTES:
        return text, False
    raw = text.encode("utf-8", "surrogatepass")
    if len(raw) <= MAX_TEXT_BYTES:
        return text, False
    return raw[:MAX_TEXT_BYTES].decode("utf-8", "ignore"), True


def read_time(given: str) -> str | None:
    """An RFC 3339 time; one without offset is taken as Asia/Seoul. None when it is no time."""
    wanted = given.strip()
    if not _RFC3339.fullmatch(wanted):
        return None
    try:
        moment = datetime.fromisoformat(wanted.upper())
    except ValueError:
        return None
    return wanted if moment.tzinfo else moment.isoformat() + _SEOUL
