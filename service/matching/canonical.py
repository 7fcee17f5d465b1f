"""One form for rules that say the same."""

from collections.abc import Iterator

from service.matching.expression import And, Expression, Not, Or


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
