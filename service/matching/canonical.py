"""One form for rules that say the same, and what a rule consists of: for lints and for who explains a rule.

It walks the tree by the fields of its nodes, so an operator that is added later is known here at once.
"""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from service.matching.expression import And, Expression, Not, Or


def children(node: Any) -> Iterator[Any]:
    """The expressions right below this one, in the order of its text."""
    for field in fields(node):
        value = getattr(node, field.name)
        for one in value if isinstance(value, tuple) else (value,):
            if is_dataclass(one) and not isinstance(one, type):
                yield one


def canonical(node: Expression) -> str:
    """Equal for rules that differ in nothing but the order and repetition of what AND and OR join."""
    if isinstance(node, And | Or):
        parts = sorted({canonical(part) for part in _flat(node)})
        return parts[0] if len(parts) == 1 else f"{type(node).__name__}({', '.join(parts)})"
    if isinstance(node, Not):
        return f"Not({canonical(node.part)})"
    return str(node)


def _flat(node: And | Or) -> Iterator[Expression]:
    for part in node.parts:
        if isinstance(part, And | Or) and type(part) is type(node):
            yield from _flat(part)
        else:
            yield part
