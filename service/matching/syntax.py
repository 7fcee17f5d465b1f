"""What is said about a text that is no rule: where, what, and what to do."""

import re
from collections.abc import Sequence
from typing import get_args

from service.matching.expression import FieldName, ZoneName

FIELDS: tuple[str, ...] = get_args(FieldName)
PREFIXES: tuple[str, ...] = (*get_args(ZoneName), *FIELDS, "raw")
_FIELD_LIKE = re.compile(r"([A-Za-z_]+)\s*:")
_OPERATOR = re.compile(
    r"(?:and|or|not|near|onear|same|sentence|paragraph|atleast|first|of|in)(?![a-z0-9_-])", re.IGNORECASE
)
_NUMBERED = re.compile(r"(?:ATLEAST|FIRST|O?NEAR/)(?!/?\d)")


class RuleSyntaxError(Exception):
    """The text is no rule: where (offset into it), and what to do."""

    def __init__(self, at: int, message: str) -> None:
        super().__init__(message)
        self.at = at
        self.message = message


def at_the_end(text: str) -> str:
    """The text stops too early."""
    unquoted = re.sub(r'"[^"\n]*"', "", text)
    if unquoted.count("(") > unquoted.count(")"):
        return "a parenthesis is never closed; add )"
    if re.search(r"NOT\s+IN\s*$", unquoted):
        return 'NOT IN needs what it must not lie in: NOT IN ("서울시립대", "서울시향")'
    return "something is missing at the end; write what is to be found after the last operator"


def unexpected(text: str, at: int) -> str:  # noqa: C901, PLR0911, PLR0912 - one line a mistake
    """What stands at `at` cannot stand there."""
    rest, before = text[at:], text[:at].rstrip()
    if re.search(r"NOT\s+IN$", before):
        return 'what NOT IN names stands in parentheses: NOT IN ("서울시립대", "서울시향")'
    if before.endswith(FIELDS_WITH_COLON):
        return f'a value must follow {before.split()[-1]}, in quotation marks: "가온일보"'
    if before.endswith("raw:"):
        return 'raw: takes one word in quotation marks: raw:"Google+"'
    if rest.startswith('"'):
        return 'a quotation mark is never closed; add "' if rest.count('"') % 2 else SIDE_BY_SIDE
    if rest.startswith(")"):
        if before.count("(") <= before.count(")"):
            return "this ) closes nothing; take it out"
        return "something is missing before this ); write what is to be found"
    if rest.startswith(","):
        return "a comma stands only in lists: 2 OF (A, B, C) and NOT IN (x, y); here write AND or OR"
    if rest.startswith(("@", "(")):
        return SIDE_BY_SIDE if at and len(rest.split()[0]) > 1 else "an id such as @seoul-city must follow @"
    if (named := _FIELD_LIKE.match(rest)) and not rest.startswith(PREFIXES_WITH_COLON):
        return f"there is no field or zone {named[1]}:{did_you_mean(named[1].lower(), PREFIXES, ':')}"
    if rest.startswith(PREFIXES_WITH_COLON):
        return SIDE_BY_SIDE
    if _NUMBERED.match(rest):
        word = re.split(r"[/\s(]", rest, maxsplit=1)[0]
        return f"{word} needs a number, as in {word}/5"
    if operator := _OPERATOR.match(rest):
        return _misplaced(operator[0])
    if re.match(r"\d+\s*(?:OF)?(?![^\s(])", rest, re.IGNORECASE):
        return "a number stands before OF and a list: 2 OF (@a, @b, @c)"
    if rest[:1] in "“”„‘’'`「『":
        return 'write straight double quotation marks: "word"'
    if rest.startswith(("/", "~")):
        return 'there are no regular expressions; list the words: "가" OR "나", or write a wildcard: 충칭*'
    if rest.startswith("*") or (at and text[at - 1] == "*"):
        return "a wildcard stands at the end of a word: 충칭*"
    if rest[:1] in "&|!+-":
        return "operators are words: AND, OR, NOT"
    word = re.split(r"[\s()\",]", rest, maxsplit=1)[0]
    return (
        f'words stand in quotation marks: "{word}"; an entity is written @id'
        if word
        else f"{rest[:1]!r} is not understood here"
    )


FIELDS_WITH_COLON = tuple(f"{name}:" for name in FIELDS)
PREFIXES_WITH_COLON = tuple(f"{name}:" for name in PREFIXES)
SIDE_BY_SIDE = "two things stand side by side; put AND or OR between them"
_ALONE = {
    "ATLEAST": "ATLEAST needs a number, as in ATLEAST/5",
    "FIRST": "FIRST needs a number of characters, as in FIRST/200",
    "SAME": "write SAME SENTENCE or SAME PARAGRAPH, between two things",
    "SENTENCE": "write SAME SENTENCE",
    "PARAGRAPH": "write SAME PARAGRAPH",
    "OF": "a number stands before OF and a list: 2 OF (@a, @b, @c)",
    "IN": "write NOT IN (...), after what is to be found",
}


def _misplaced(operator: str) -> str:
    word = operator.upper()
    if operator != word:
        return f"operators are written in capitals: {word}"
    return _ALONE.get(word, f"{word} needs something on either side; AND NOT goes together")


def did_you_mean(word: str, known: Sequence[str], after: str = "") -> str:
    """A hint at what was probably meant, to hang behind a sentence; nothing when nothing is known."""
    import difflib

    near = difflib.get_close_matches(word, known, 1, 0.5)
    if near:
        return f"; did you mean {near[0]}{after}?"
    some = ", ".join(name + after for name in known[:12])
    return f"; there are {some}{' ...' if len(known) > 12 else ''}" if known else "; none is defined"
