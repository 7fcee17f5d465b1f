"""HTML to paragraphs of text with offsets into the given HTML, in one pass that is linear whatever comes in.

No parser at hand keeps offsets and is linear on broken markup, so this is a tokenizer of its own: tags, comments and
raw elements (script, style ...) are skipped, block tags end a paragraph, white space collapses. Character references
stay as they are: `normalise` resolves them, at most twice. What the markup says about a place (a caption, a list of
related articles) goes along as a hint for each paragraph.
"""

import re
from dataclasses import dataclass, field
from html import unescape

from service.ingest.offsets import OffsetMap, Rewriter
from service.ingest.wordlist import read_groups
from service.model.mention import Zone

_NAME = re.compile(r"/?([a-zA-Z][a-zA-Z0-9:-]{0,30})")
# A quoted value may hold a >; bounded, so that a quote that never closes costs no second look at the whole page.
_QUOTED_TAG = re.compile(r"""[^<>"']*+(?:"[^"]{0,2000}+"[^<>"']*+|'[^']{0,2000}+'[^<>"']*+)*+>""")
_ATTRIBUTE = re.compile(
    r"""\b(class|id|property|name|content)\s{0,5}=\s{0,5}("[^"]*+"|'[^']*+'|[^\s"'>]*+)""", re.IGNORECASE
)
_HIDDEN = re.compile(
    r"""[\s"'](?:hidden(?=[\s>/=])(?!\s{0,5}=\s{0,5}["']?false)|aria-hidden\s{0,5}=\s{0,5}["']?true"""
    r"""|style\s{0,5}=\s{0,5}["'][^"'>]{0,300}?(?:display\s{0,5}:\s{0,5}none|visibility\s{0,5}:\s{0,5}hidden))""",
    re.IGNORECASE,
)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_TEXT = re.compile(r"\s++|[^\s]++")

RAW = frozenset(
    [
        "script",
        "style",
        "noscript",
        "template",
        "svg",
        "iframe",
        "select",
        "textarea",
        "button",
        "object",
        "canvas",
        "math",
        "audio",
        "video",
    ]
)
"""Elements whose content is no text of the article."""
INLINE = frozenset(
    [
        "a",
        "abbr",
        "acronym",
        "b",
        "bdi",
        "bdo",
        "big",
        "cite",
        "code",
        "data",
        "del",
        "dfn",
        "em",
        "font",
        "i",
        "img",
        "ins",
        "kbd",
        "label",
        "mark",
        "nobr",
        "q",
        "rb",
        "rp",
        "rt",
        "ruby",
        "s",
        "samp",
        "small",
        "span",
        "strike",
        "strong",
        "sub",
        "sup",
        "time",
        "tt",
        "u",
        "var",
        "wbr",
        "input",
        "source",
        "track",
        "link",
        "meta",
    ]
)
"""Elements that do not end a paragraph; every other tag does."""
VOID = frozenset(["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"])

META_NAMES = frozenset(
    ("og:site_name", "og:title", "article:author", "author", "dable:author", "byline", "article:published_time",
     "article:section")
)  # fmt: skip
MAX_META = 300

_HINT_TAGS = {"figcaption": Zone.CAPTION, "nav": Zone.RELATED, "footer": Zone.BOILERPLATE, "aside": Zone.RELATED}
_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_UNNESTED = frozenset(("p", "li", "dd", "dt", "figcaption", *_HEADINGS))  # the next one ends it, closed or not
_HINT_WORDS = tuple((Zone(name), frozenset(words)) for name, words in read_groups("service.ingest", "html.txt").items())


@dataclass(frozen=True, slots=True)
class Page:
    """What was read: `text` has one paragraph a line; `title` is where the page's title stands in the HTML."""

    text: str
    offsets: OffsetMap
    hints: tuple[Zone | None, ...]
    """One for each line of `text`."""
    title: tuple[int, int] | None
    title_is_exact: bool
    """Out of og:title; out of <title> it may end in the name of the site."""
    metas: dict[str, str] = field(default_factory=dict)
    """Content of the meta elements that say something about the article (META_NAMES)."""
    whole_title: str = ""
    """<title> as it stands there."""


class _Reader:
    """State of one pass."""

    def __init__(self, html: str) -> None:
        self.html = html
        self.out = Rewriter(html)
        self.hints: list[Zone | None] = []
        self.open: list[tuple[str, Zone | None]] = []  # innermost container with a hint, and how we leave it
        self.depth: list[int] = []
        self.line_has_text = False
        self.space: tuple[int, int] | None = None
        self.line_hint: Zone | None = None
        self.title: tuple[int, int] | None = None
        self.og_title: tuple[int, int] | None = None
        self.metas: dict[str, str] = {}

    def text(self, begin: int, end: int) -> None:
        for piece in _TEXT.finditer(self.html, begin, end):
            start, stop = piece.span()
            if self.html[start].isspace():
                self.space = self.space or (start, stop)
                continue
            if not self.line_has_text:
                self.line_has_text = True
                self.line_hint = self.open[-1][1] if self.open else None
            elif self.space is not None:
                self.out.put(" ", *self.space)
            self.space = None
            self.out.copy(start, stop)

    def end_paragraph(self, at: int) -> None:
        self.space = None
        if self.line_has_text:
            self.out.put("\n", at, at)
            self.hints.append(self.line_hint)
            self.line_has_text = False

    def tag(self, name: str, closing: bool, begin: int, end: int) -> None:  # noqa: FBT001
        if name not in INLINE:
            self.end_paragraph(begin)
        if name in VOID:
            if name == "meta":
                self._meta(begin, end)
            return
        if self.open and self.open[-1][0] == name:
            self.depth[-1] += -1 if closing or name in _UNNESTED else 1
            if self.depth[-1] == 0:
                self.open.pop()
                self.depth.pop()
            if closing or name not in _UNNESTED:
                return
        if not closing:
            hint = self._hint(name, begin, end)
            if hint is not None and (not self.open or self.open[-1][1] not in (Zone.RELATED, Zone.BOILERPLATE)):
                self.open.append((name, hint))
                self.depth.append(1)

    def _hint(self, name: str, begin: int, end: int) -> Zone | None:
        if end - begin > len(name) + 8 and _HIDDEN.search(self.html, begin, min(end, begin + 2000)):
            return Zone.BOILERPLATE
        if name in _HINT_TAGS:
            return _HINT_TAGS[name]
        if name in _HEADINGS:
            return Zone.SUBHEAD
        if end - begin > len(name) + 8 and name not in ("html", "body", "main", "article"):
            for found in _ATTRIBUTE.finditer(self.html, begin + len(name), min(end, begin + 2000)):
                if found[1].lower() in ("class", "id"):
                    words = _words(found[2].strip("\"'"))
                    for zone, telling in _HINT_WORDS:
                        if not words.isdisjoint(telling):
                            return zone
        return None

    def _meta(self, begin: int, end: int) -> None:
        found = {name[1].lower(): name for name in _ATTRIBUTE.finditer(self.html, begin, min(end, begin + 4000))}
        which = found.get("property") or found.get("name")
        content = found.get("content")
        if which is None or content is None or (named := which[2].strip("\"'").lower()) not in META_NAMES:
            return
        start, stop = content.span(2)
        quoted = self.html[start : start + 1] in ('"', "'")
        start, stop = start + quoted, stop - quoted
        self.metas.setdefault(named, " ".join(unescape(self.html[start : min(stop, start + MAX_META)]).split()))
        if self.og_title is None and named == "og:title":
            self.og_title = (start, stop)


def _words(value: str) -> set[str]:
    """`link-news related_box` as linknews, link, news, relatedbox, related, box."""
    out = set(re.split(r"[\s_-]+", _CAMEL.sub("_", value).lower()))
    out.update(name.replace("-", "").replace("_", "") for name in value.lower().split())
    return out


def read_html(html: str) -> Page:  # noqa: C901 - one branch a kind of token
    """The paragraphs of `html`."""
    reader = _Reader(html)
    size = len(html)
    at = 0
    while at < size:
        opening = html.find("<", at)
        if opening < 0:
            reader.text(at, size)
            break
        named = _NAME.match(html, opening + 1)
        if named is None and not html.startswith(("!", "?", "/"), opening + 1):
            reader.text(at, opening + 1)  # a < that begins no tag is text
            at = opening + 1
            continue
        reader.text(at, opening)
        if html.startswith("!--", opening + 1):
            close = html.find("-->", opening + 4)
            at = size if close < 0 else close + 3
            continue
        end = -1
        if named is not None and (quoted := _QUOTED_TAG.match(html, named.end())) is not None:
            end = quoted.end()
        if end < 0:
            close = html.find(">", opening)
            if close < 0:
                break  # a tag that never ends: browsers drop the rest as well
            end = close + 1
        at = end
        if named is None:
            continue
        name = named[1].lower()
        closing = html[opening + 1] == "/"
        if not closing and name in RAW and html[end - 2] != "/":
            at = _after(html, name, end)[1]
        elif not closing and name == "title":
            stop, at = _after(html, name, end)
            reader.title = reader.title or (end, stop)
        else:
            reader.tag(name, closing, opening, end)
    reader.end_paragraph(size)
    text, offsets = reader.out.finish()
    title = reader.og_title or reader.title
    whole = html[slice(*reader.title)][:MAX_META] if reader.title else ""
    return Page(text, offsets, tuple(reader.hints), title, reader.og_title is not None, reader.metas, whole)


def _after(html: str, name: str, begin: int) -> tuple[int, int]:
    """Where the content of a raw element ends, and where its end tag does; the end of the page when it has none."""
    found = re.compile(rf"</{name}[\s>/]", re.IGNORECASE).search(html, begin)
    if found is None:
        return len(html), len(html)
    close = html.find(">", found.end() - 1)
    return found.start(), len(html) if close < 0 else close + 1
