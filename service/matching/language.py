"""From the text of `when` to its tree, with errors that say where, what and what to do.

The grammar (rule.lark) knows the whole language of docs/rules.md; what cannot be evaluated yet is refused here by name.
"""

import functools
import re
from importlib import resources
from typing import Any

from service.matching.expression import And, EntityTerm, Expression, LiteralTerm, Not, Or, is_reachable

MAX_LENGTH = 20_000
MAX_DEPTH = 50
_ONE_ENTITY = re.compile(r"\s*@([a-z0-9-]+)\s*")
_FIELD_LIKE = re.compile(r"([A-Za-z_]+):")
FIELDS = (
    "title",
    "subhead",
    "lead",
    "body",
    "caption",
    "quote",
    "dateline",
    "related",
    "any",
    "source",
    "lang",
    "section",
    "author",
    "url",
    "raw",
)


class RuleSyntaxError(Exception):
    """The text is no rule: where (offset into it), and what to do."""

    def __init__(self, at: int, message: str) -> None:
        super().__init__(message)
        self.at = at
        self.message = message


def parse(text: str) -> Expression:
    """The tree of a rule.

    Raises:
        RuleSyntaxError: with the offset into `text`.
    """
    if simple := _ONE_ENTITY.fullmatch(text):  # most rules: the parser need not even be imported
        return EntityTerm(simple[1], simple.start(1) - 1)
    if not text.strip():
        raise RuleSyntaxError(0, 'the rule is empty; write what must be found, e.g. @seoul-city AND "협약"')
    if len(text) > MAX_LENGTH:
        raise RuleSyntaxError(MAX_LENGTH, f"longer than {MAX_LENGTH} characters; make it several rules")
    depth = 0
    for at, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth > MAX_DEPTH:
            raise RuleSyntaxError(at, f"parentheses deeper than {MAX_DEPTH}; make it several rules")
    expression = _Builder().build(_tree(text))
    if not is_reachable(expression):
        raise RuleSyntaxError(
            0, "nothing positive must be found: it would fire on articles about nothing; add what to find to NOT"
        )
    return expression


@functools.cache
def _parser() -> Any:
    from lark import Lark

    grammar = resources.files("service.matching").joinpath("rule.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", propagate_positions=True, maybe_placeholders=False)


def _tree(text: str) -> Any:
    from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken

    try:
        return _parser().parse(text)
    except UnexpectedEOF:
        raise RuleSyntaxError(len(text), _at_the_end(text)) from None
    except UnexpectedToken as error:
        at = error.pos_in_stream if error.pos_in_stream is not None else len(text)
        if error.token.type == "$END":
            raise RuleSyntaxError(len(text), _at_the_end(text)) from None
        raise RuleSyntaxError(at, _unexpected(text, at)) from None
    except UnexpectedCharacters as error:
        at = error.pos_in_stream or 0
        raise RuleSyntaxError(at, _unexpected(text, at)) from None
    except UnexpectedInput as error:
        raise RuleSyntaxError(error.pos_in_stream or 0, "not understood here") from None


def _at_the_end(text: str) -> str:
    if text.count("(") > text.count(")"):
        return "a parenthesis is never closed; add )"
    return "something is missing at the end; write what is to be found after the last operator"


def _unexpected(text: str, at: int) -> str:  # noqa: PLR0911
    rest = text[at:]
    found = rest.split()[0] if rest.split() else rest
    if rest.startswith('"'):
        if rest.count('"') == 1:
            return 'a quotation mark is never closed; add "'
        return "two things stand side by side; put AND or OR between them"
    if rest.startswith(")"):
        return "this ) closes nothing, or something is missing before it"
    if rest.startswith(("@", "(")):
        return (
            "two things stand side by side; put AND or OR between them"
            if at and len(found) > 1
            else "an id such as @seoul-city must follow @"
        )
    if (named := _FIELD_LIKE.match(rest)) and named[1] not in FIELDS:
        return f"there is no field or zone {named[1]}:{did_you_mean(named[1], FIELDS, ':')}"
    if re.match(r"(?:and|or|not)\b", rest, re.IGNORECASE):
        operator = re.match(r"\w+", rest)
        assert operator is not None
        word = operator[0]
        return (
            f"operators are written in capitals: {word.upper()}"
            if word != word.upper()
            else f"{word} needs something on either side"
        )
    if re.match(r"(?:NEAR|ONEAR|ATLEAST|FIRST)\b(?!/\d)", rest):
        return f"{found.split('/')[0]} needs a number, as in {found.split('/')[0]}/5"
    if rest[:1] in "“”‘’'`":
        return 'write straight double quotation marks: "word"'
    word = re.split(r"[\s()\",]", rest, maxsplit=1)[0]
    return (
        f'words stand in quotation marks: "{word}"; an entity is written @id'
        if word
        else f"{rest[:1]!r} is not understood here"
    )


def did_you_mean(word: str, known: tuple[str, ...] | list[str], after: str = "") -> str:
    """A hint at what was probably meant, to hang behind a sentence; nothing when nothing is known."""
    import difflib

    near = difflib.get_close_matches(word, known, 1, 0.5)
    if near:
        return f"; did you mean {near[0]}{after}?"
    some = ", ".join(name + after for name in known[:12])
    return f"; there are {some}{' ...' if len(known) > 12 else ''}" if known else "; none is defined"


class _Builder:
    """Walks lark's tree. Refuses what is not available yet."""

    def build(self, node: Any) -> Expression:
        method: Any = getattr(self, f"_{node.data}", None)
        if method is None:
            raise RuleSyntaxError(node.meta.start_pos, f"{_NAMES.get(node.data, node.data)} is not available yet")
        built: Expression = method(node)
        return built

    def _start(self, node: Any) -> Expression:
        return self.build(node.children[0])

    def _group(self, node: Any) -> Expression:
        return self.build(node.children[0])

    def _entity(self, node: Any) -> Expression:
        token = node.children[0]
        if not re.fullmatch(r"@[a-z0-9-]+", token):
            raise RuleSyntaxError(token.start_pos, f"{token} is no id: ids have only a-z, 0-9 and -")
        return EntityTerm(str(token)[1:], token.start_pos)

    def _literal(self, node: Any) -> Expression:
        token = node.children[0]
        text = str(token)[1:-1]
        if not text.strip():
            raise RuleSyntaxError(
                token.start_pos, "the quotation marks are empty; write what is to be found between them"
            )
        return LiteralTerm(text.strip(), token.start_pos)

    def _negated(self, node: Any) -> Expression:
        return Not(self.build(node.children[1]))

    def _chain(self, node: Any) -> Expression:
        joins = [child.children[0] for child in node.children[1::2]]
        for join in joins:
            if join.type != joins[0].type:
                raise RuleSyntaxError(
                    join.start_pos,
                    "AND and OR side by side can be read in two ways; put parentheses around what belongs together",
                )
        parts = tuple(self.build(child) for child in node.children[::2])
        return And(parts) if joins[0].type == "AND" else Or(parts)

    def _near(self, node: Any) -> Expression:
        token = node.children[1].children[0]
        raise RuleSyntaxError(token.start_pos, f"{' '.join(token.split())} is not available yet")

    def _counted(self, node: Any) -> Expression:
        token = node.children[0]
        raise RuleSyntaxError(token.start_pos, f"{token} is not available yet")

    _zoned = _raw = _field = _counted

    def _some_of(self, node: Any) -> Expression:
        token = node.children[0]
        raise RuleSyntaxError(token.start_pos, f"{' '.join(token.split())} (...) is not available yet")

    def _outside(self, node: Any) -> Expression:
        token = node.children[1]
        raise RuleSyntaxError(
            token.start_pos, "NOT IN is not available yet; entities have not_in, and rules have AND NOT"
        )

    def _wildcard(self, node: Any) -> Expression:
        token = node.children[0]
        raise RuleSyntaxError(
            token.start_pos, f"the wildcard {token} is not available yet; list the words, or an entity with aliases"
        )


_NAMES = {"near": "NEAR"}
