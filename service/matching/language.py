"""From the text of `when` to its tree, with errors that say where, what and what to do.

The grammar (rule.lark) knows the whole language of docs/rules.md; `builder` checks what may stand where.
"""

import functools
import re
from importlib import resources
from typing import Any

from service.matching.builder import MAX_DEPTH, Builder
from service.matching.expression import EntityTerm, Expression, fields_of, is_reachable
from service.matching.syntax import RuleSyntaxError, at_the_end, did_you_mean, unexpected

__all__ = ["MAX_DEPTH", "MAX_LENGTH", "RuleSyntaxError", "did_you_mean", "parse"]

MAX_LENGTH = 20_000
_ONE_ENTITY = re.compile(r"\s*@([a-z0-9-]+)\s*")


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
    for found in re.finditer(r'"[^"\n]*"|[()]', text):
        depth += {"(": 1, ")": -1}.get(found[0], 0)
        if depth > MAX_DEPTH:
            raise RuleSyntaxError(found.start(), f"parentheses deeper than {MAX_DEPTH}; make it several rules")
    expression = Builder().build(_tree(text))
    if not is_reachable(expression):
        raise RuleSyntaxError(0, _unreachable(expression))
    return expression


def _unreachable(expression: Expression) -> str:
    if one := next(fields_of(expression), None):
        return f"nothing positive must be found: {one} alone would fire on every such article; add AND and what to find"
    return "nothing positive must be found: it would fire on articles about nothing; add what to find to NOT"


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
        raise RuleSyntaxError(len(text), at_the_end(text)) from None
    except UnexpectedToken as error:
        at = error.pos_in_stream if error.pos_in_stream is not None else len(text)
        if error.token.type == "$END":
            raise RuleSyntaxError(len(text), at_the_end(text)) from None
        raise RuleSyntaxError(at, unexpected(text, at)) from None
    except UnexpectedCharacters as error:
        at = error.pos_in_stream or 0
        raise RuleSyntaxError(at, unexpected(text, at)) from None
    except UnexpectedInput as error:
        raise RuleSyntaxError(error.pos_in_stream or 0, "not understood here; see docs/rules.md") from None
