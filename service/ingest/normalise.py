"""One spelling for what readers take as the same: the first step of finding, with the way back.

In this order: character references (at most twice, for feeds escape what is already escaped), invisible characters
out, NFC (never NFKC: it breaks ㆍ, ㅋ and ㈜), fullwidth ASCII, spaces, dots, quotes and dashes to one of each, Latin
to lower case. Nearly all text needs only the replacements that keep every character in its place, and those cost a
few scans in C; a character loop or an offset map is made only where the odd character class says so.
"""

import functools
import html
import re
import unicodedata
from dataclasses import dataclass

from service.ingest.offsets import OffsetMap, rewrite

MAX_MARKS = 30
"""Combining marks kept on one character (Unicode's Stream-Safe Text Format): NFC is quadratic in their number."""

_REFERENCE = re.compile(r"&(?:amp;)?(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")

# One character for one: the frequent ones, each a scan of its own, far cheaper than `translate`.
_FREQUENT = (
    ("“", '"'), ("”", '"'), ("‘", "'"), ("’", "'"), ("ㆍ", "·"), ("・", "·"), ("‧", "·"), ("•", "·"),
    ("\xa0", " "), ("\u3000", " "), ("\t", " "), ("\r", "\n"), ("–", "-"), ("—", "-"), ("―", "-"), ("−", "-"),
)  # fmt: skip

# The rest of them, looked up only when an odd character is there.
_RARE: dict[int, str] = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
for _characters, _one in (("･∙⋅‣", "·"), ("„‟〝〞〟«»", '"'), ("‚‛′`´｀", "'"), ("‐‑‒⁃﹘﹣", "-")):
    _RARE |= dict.fromkeys(map(ord, _characters), _one)
_RARE |= dict.fromkeys([*range(0x2000, 0x200B), 0x1680, 0x202F, 0x205F], " ")
_RARE |= dict.fromkeys([*range(0x09), *range(0x0E, 0x20), *range(0x7F, 0xA0)], " ")
_RARE |= dict.fromkeys([0x0B, 0x0C, 0x1C, 0x1D, 0x1E, 0x85, 0x2028, 0x2029], "\n")

# Not seen by a reader: zero-width characters, soft hyphen, direction marks, Hangul fillers, variation selectors.
_VANISH = re.compile(
    "[\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0]+"
)
_LONGER = {"㈜": "(주)", "㈔": "(사)"}
_LONGER_PATTERN = re.compile("[㈜㈔]")

_RARE_ONES = re.compile(f"[{re.escape(''.join(map(chr, _RARE)))}]")
# Whether any of the slow steps could have something to do, or lower case is not simple. Wide where such text is rare.
_ODD_RANGES = (
    "\x00-\x08\x0b-\x1f`\x7f-\xa0\xab\xad\xb4\xb5\xbb\xdf\u0130\u0149\u017f\u01f0\u0300-\u0374\u037e\u0387\u0390\u03a3\u03b0"
    "\u03c2\u03cf-\u03ff\u0483-\u0487\u0587-\u200f\u2010-\u2012\u201a\u201b\u201e\u201f\u2023\u2028-\u202f\u2032\u205f-\u206f"
    "\u20d0-\u20ff\u2126\u212a\u212b\u2043\u2219\u22c5\u2329\u232a\u2adc\u2cef-\u2cf1\u2d7f\u2de0-\u2dff\u301d-\u301f\u302a-\u302f"
    "\u3099\u309a\u3164\u3214\u321c\ua640-\uabff\uf900-\uffff\U00010000-\U0010ffff"
)
_ODD = re.compile(f"[{_ODD_RANGES}]")
# The same or a capital letter: most Korean text has neither, and is normal after one scan.
_NOTEWORTHY = re.compile(
    f"[A-Z\xc0-\xde\u0100-\u024f\u0370-\u058f\u2100-\u218f\u24b6-\u24ea\u2c00-\u2d2f{_ODD_RANGES}]"
)
_SPACES = re.compile(" {2,}")
_PLAIN = re.compile("[가-힣a-z0-9]+(?: [가-힣a-z0-9]+)*")
"""Its own normal form: nearly all surfaces, and there may be hundreds of thousands of them to load."""


@dataclass(frozen=True, slots=True)
class Normal:
    """Normalised text and the maps that lead back, last step first."""

    text: str
    maps: tuple[OffsetMap, ...] = ()

    def start(self, position: int) -> int:
        """Where in the given text the character at `position` began."""
        for step in self.maps:
            position = step.start(position)
        return position

    def stop(self, position: int) -> int:
        """Where in the given text the character before `position` ended."""
        for step in self.maps:
            position = step.stop(position)
        return position


def normalise(given: str) -> Normal:
    """The normal form of `given`, with the way back. Linear in its length."""
    text = given
    maps: tuple[OffsetMap, ...] = ()
    if "&" in text:
        text, step = rewrite(text, _REFERENCE, _unescape)
        maps = (step,) if step else ()
    for one, other in _FREQUENT:
        text = text.replace(one, other)
    found = _NOTEWORTHY.search(text)
    if found is not None:
        if _ODD.search(text, found.start()) is None:
            text = text.lower()
        else:
            text, maps = _slow(text, maps)
    if "  " in text:
        text, step = rewrite(text, _SPACES, _one_space)
        maps = (step, *maps) if step else maps
    return Normal(text, maps)


def normalise_in_place(given: str) -> str | None:
    """The normal form where every character keeps its place: nearly always. None where it does not."""
    if "&" in given or "  " in given:
        return None
    text = given
    for one, other in _FREQUENT:
        text = text.replace(one, other)
    found = _NOTEWORTHY.search(text)
    if found is None:
        return text
    at = found.start()
    if _ODD.search(text, at) is not None:
        return None
    return text[:at] + text[at:].lower()  # the first capital is often that of an address at the end


def fold(surface: str) -> str:
    """The normal form alone: for surfaces and literals of rules, which hold no character references."""
    if _PLAIN.fullmatch(surface):
        return surface
    for one, other in _FREQUENT:
        surface = surface.replace(one, other)
    return _SPACES.sub(" ", _slow(surface, ())[0])


def _slow(text: str, maps: tuple[OffsetMap, ...]) -> tuple[str, tuple[OffsetMap, ...]]:
    text = _lower(text)  # before NFC: a few Greek marks become letters that compose
    text = _plain_marks(text)  # before NFC as well: a fullwidth letter may have a mark to compose with
    sign, cluster = _clusters()
    for pattern, replace in ((_VANISH, _nothing), (cluster, _compose), (_LONGER_PATTERN, _longer)):
        if pattern is cluster and sign.search(text) is None:
            continue
        text, step = rewrite(text, pattern, replace)
        maps = (step, *maps) if step else maps
    return _plain_marks(text), maps


def _plain_marks(text: str) -> str:
    return text.translate(_RARE) if _RARE_ONES.search(text) else text


def _unescape(found: re.Match[str]) -> str:
    plain = html.unescape(html.unescape(found[0]))
    return " " if plain in {"\n", "\r", "\u2028", "\u2029", "\x85", "\v", "\f"} else plain


def _nothing(_: re.Match[str]) -> str:
    return ""


def _one_space(_: re.Match[str]) -> str:
    return " "


def _longer(found: re.Match[str]) -> str:
    return _LONGER[found[0]]


def _compose(found: re.Match[str]) -> str:
    # U+0345 (iota below) would become a letter in lower case and compose anew: it goes, so that twice is once
    return unicodedata.normalize("NFC", found[0][: MAX_MARKS + 1]).replace("\u0345", "")


def _lower(text: str) -> str:
    lower = text.casefold()
    if len(lower) == len(text):
        return lower
    return "".join(map(_lower_one, text))  # ß, İ and some hundred others would become longer: they stay


@functools.cache
def _lower_one(character: str) -> str:
    fold = character.casefold()
    return fold if len(fold) == 1 else character.lower()[0]  # [0]: İ alone has two, and the second is a mark


@functools.cache
def _clusters() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What NFC could change: any sign of it, quick to look for; and a character with its combining marks.

    Built from Python's own tables, when first needed.
    """
    marks: set[int] = set()
    alone: set[int] = set()
    for code in (*range(0xC0, 0x3100), *range(0xA66F, 0xAC00), *range(0xF900, 0x11F00), *range(0x16AF0, 0x1E95F)):
        character = chr(code)
        if unicodedata.combining(character):
            marks.add(code)
        parts = unicodedata.decomposition(character)
        if parts and not parts.startswith("<"):
            if not unicodedata.is_normalized("NFC", character):
                alone.add(code)
            marks.update(int(part, 16) for part in parts.split()[1:])
    marks.update(range(0x1161, 0x1176))
    marks.update(range(0x11A8, 0x11C3))
    alone.update(range(0x2F800, 0x2FA1E))
    marked = f"[{_ranges(marks)}]"
    return (
        re.compile(f"[{_ranges(alone | marks)}]"),
        re.compile(f"[{_ranges(alone - marks)}]{marked}*+|[^{_ranges(marks)}\n]?{marked}++"),
    )


def _ranges(codes: set[int]) -> str:
    out: list[str] = []
    start = previous = -2
    for code in [*sorted(codes), -2]:
        if code != previous + 1:
            if start >= 0:
                out.append(f"\\U{start:08x}-\\U{previous:08x}")
            start = code
        previous = code
    return "".join(out)
