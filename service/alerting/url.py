"""Canonical addresses: the same page under another scheme, on a mobile host, as AMP, with tracking, is one page."""

import re
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

_TRACKING = re.compile(
    r"utm_.*|fbclid|gclid|dclid|msclkid|yclid|igshid|mc_[ce]id|_ga|_gl|ref|ref_?src|referer|referrer|from|share|shared|"
    r"sns|cmpid|cid_?src|ncid|ito|spm|soc_(?:src|trk)|wt\.[a-z_]+|n_media|n_query|n_rank|n_ad(?:_.*)?|outputtype|amp"
)
"""Parameters that say where a reader came from, or how the page is shown: never which article it is."""
_HOSTS = re.compile(r"^(?:www\d?|m|mobile|amp|wap)\.(?=[^.]+\.)")
_AMP_PATH = re.compile(r"^/amp(?=/)|/amp(?=/|$)|(?<=[^/])\.amp(?=\.html?$|$)", re.IGNORECASE)
_INDEX = re.compile(r"/(?:index|default)\.(?:html?|php|aspx?|jsp)$", re.IGNORECASE)
_SAFE = "/~:@!$&'()*+,;=-._"
_PLAIN = re.compile(r"[a-zA-Z0-9/._~-]*")
_SIMPLE = re.compile(r"https?://([a-z0-9-]+(?:\.[a-z0-9-]+)*)(/[a-zA-Z0-9/._~-]*)?(?:\?([a-zA-Z0-9=&._~-]*))?")
"""Nearly all addresses of articles: to take them apart by the standard's rules costs five times as much."""
_PORTS = {"http": 80, "https": 443}
MAX_URL = 4_096


def canonical_url(url: str | None) -> str | None:
    """What all addresses of one page have in common; None where it names no page of its own (a front page, no URL)."""
    if not url or len(url) > MAX_URL:
        return None
    if simple := _SIMPLE.fullmatch(url):
        host, path, query = simple[1], simple[2] or "", simple[3] or ""
    elif split := _split(url):
        host, path, query = split
    else:
        return None
    before = None
    while before != host:  # www.m.example.com
        before, host = host, _HOSTS.sub("", host)
    path = _INDEX.sub("/", _AMP_PATH.sub("", path))
    if not _PLAIN.fullmatch(path):
        path = quote(unquote(path, errors="surrogateescape"), safe=_SAFE, errors="surrogateescape")
    path = re.sub(r"/{2,}", "/", path).rstrip("/")
    query = _kept(query) if query else ""
    if not path and not query:
        return None
    return f"{host}{path}?{query}" if query else f"{host}{path}"


def _split(url: str) -> tuple[str, str, str] | None:
    """Host, with a port that is not the usual one, path and query; None where it is no address of the web."""
    try:
        parts = urlsplit(url.strip())
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return None
    scheme = parts.scheme.lower()
    if scheme not in _PORTS or not host:
        return None
    if port is not None and port != _PORTS[scheme]:
        host = f"{host}:{port}"
    return host, parts.path, parts.query


def _kept(query: str) -> str:
    """What says which article it is, in one order."""
    pairs = parse_qsl(query, keep_blank_values=True, errors="surrogateescape")
    kept = {(name, value) for name, value in pairs if not _TRACKING.fullmatch(name.lower())}
    return urlencode(sorted(kept), errors="surrogateescape")
