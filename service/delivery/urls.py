"""What of a URL may be shown. The URLs that Slack, Teams and Discord give out are secrets: who knows one can post.

Other URLs are shown as they are, but for values in the query whose names sound like a secret.
"""

import re
from collections.abc import Iterator
from urllib.parse import unquote

SECRET_URLS = frozenset({"slack", "teams", "discord"})
"""Formats whose receivers know the sender by the URL alone."""
MASK = "***"
_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#\\]*")
SENSITIVE = re.compile(r"auth|token|key|secret|pass|credential|session|signature|^sig$|^code$", re.IGNORECASE)
"""Names of headers and parameters whose values are not shown."""
MIN_TOKEN, MIN_LONG_TOKEN = 8, 16
"""Characters of a part of a path that is hidden where it holds a digit, and where it does not: shorter are words."""


def split_url(url: str) -> tuple[str, str]:
    """Scheme and host with port, then the rest, byte for byte. What has no such beginning is all rest."""
    origin = _ORIGIN.match(url)
    at = 0 if origin is None else origin.end()
    return url[:at], url[at:]


def shown_url(url: str, *, secret: bool) -> str:
    """For lists and messages; of a `secret` one only where it goes."""
    origin, rest = split_url(url)
    if secret:
        return f"{origin}/{MASK}" if rest.strip("/") else url
    path, mark, query = rest.partition("?")
    return origin + path + mark + "&".join(map(_shown_parameter, query.split("&")))


def _shown_parameter(parameter: str) -> str:
    name, equals, value = parameter.partition("=")
    return f"{name}={MASK}" if equals and value and SENSITIVE.search(unquote(name)) else parameter


def tokens_of(url: str) -> Iterator[str]:
    """What of a URL a receiver may echo and nobody should read again, the longest first of what overlaps.

    Its path and query as a whole, and the parts of them that are no words; each also as it reads unescaped.
    """
    rest = split_url(url)[1].partition("#")[0]
    parts = [rest, rest.partition("?")[0], *re.split(r"[/?&=;]", rest)]
    for part in parts:
        if _is_token(part):
            yield part
            if "%" in part:
                yield unquote(part)


def _is_token(part: str) -> bool:
    digits = any(character.isdigit() for character in part)
    return len(part) >= (MIN_TOKEN if digits else MIN_LONG_TOKEN)
