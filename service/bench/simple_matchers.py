"""What `bongsu bench match` is compared with: the matcher one would write in an afternoon, and our own without index.

The first is given what it needs to find the same: our table of surfaces and our boundary rules. It does not normalise
and knows no zones but the title, no `needs` and no `not_in`.
"""

from collections.abc import Callable, Mapping, Sequence

from service.matching.boundary import begins, closed_after, ends, open_before
from service.matching.engine import Engine
from service.matching.expression import And, EntityTerm, Expression, LiteralTerm, Near, Not, Or, Zoned, terms_of
from service.matching.lexicon import Lexicon, compile_lexicon
from service.matching.ruleset import RuleSet
from service.model.article import Article

Found = Mapping[int, Sequence[tuple[int, int]]]
"""Term to where it stands."""
Test = Callable[[Found, str, int], bool]
"""Of what was found, the text, and where the title ends."""


def with_pyahocorasick(ruleset: RuleSet) -> tuple[Callable[[Article], list[str]], int]:
    """From an article to the ids of the rules that fire; and how many rules it cannot run."""
    import ahocorasick

    lexicon = compile_lexicon(ruleset)
    automaton = ahocorasick.Automaton()
    for surfaces in (pattern.surfaces for pattern in lexicon.patterns if pattern.surfaces):
        looks = [(one, len(one.text), open_before(one), closed_after(one)) for one in surfaces]
        automaton.add_word(surfaces[0].text, looks)
    automaton.make_automaton()
    waiting, left_out = _by_term(ruleset, lexicon)

    def find(text: str) -> dict[int, list[tuple[int, int]]]:
        found: dict[int, list[tuple[int, int]]] = {}
        for last, looks in automaton.iter(text):
            end = last + 1
            for surface, length, opened, closed in looks:
                start = end - length
                if (text[start - 1] in opened or begins(text, start, surface)) and (
                    text[end] in closed or ends(text, end, surface).reason is None
                ):
                    found.setdefault(surface.term, []).append((start, end))
        return found

    def match(article: Article) -> list[str]:
        text = f"\n{article.title or ''}\n{article.text or ''}\n"
        found = find(text)
        title_end = text.index("\n", 1)
        fired: dict[str, None] = {}
        for term in found:
            for rule, test in waiting.get(term, ()):
                if test(found, text, title_end):
                    fired[rule] = None
        return list(fired)

    return match, left_out


def plain(engine: Engine) -> Callable[[Article], list[str]]:
    """From an article to the ids of the rules that fire, each rule being looked at."""
    index = engine._index  # noqa: SLF001 - its slow and obvious half

    def match(article: Article) -> list[str]:
        return [compiled.rule.id for compiled in index.true(engine.scene(article))]

    return match


def _by_term(ruleset: RuleSet, lexicon: Lexicon) -> tuple[dict[int, list[tuple[str, Test]]], int]:
    out: dict[int, list[tuple[str, Test]]] = {}
    left_out = 0
    for rule in ruleset.rules:
        try:
            test = _test(rule.expression, lexicon)
        except NotImplementedError:
            left_out += 1
            continue
        for term in {lexicon.term(term) for term in terms_of(rule.expression)}:
            out.setdefault(term, []).append((rule.id, test))
    return out, left_out


def _test(expression: Expression, lexicon: Lexicon) -> Test:
    if isinstance(expression, EntityTerm | LiteralTerm):
        number = lexicon.term(expression)
        return lambda found, _text, _title: number in found
    if isinstance(expression, Not):
        inner = _test(expression.part, lexicon)
        return lambda found, text, title: not inner(found, text, title)
    if isinstance(expression, And | Or):
        tests = [_test(part, lexicon) for part in expression.parts]
        join = all if isinstance(expression, And) else any
        return lambda found, text, title: join(test(found, text, title) for test in tests)
    if isinstance(expression, Zoned) and expression.zone == "title" and isinstance(expression.part, EntityTerm):
        titled = lexicon.term(expression.part)
        return lambda found, _text, title: any(start < title for start, _ in found.get(titled, ()))
    if isinstance(expression, Near) and not expression.ordered:
        left, right = expression.left, expression.right
        if isinstance(left, EntityTerm) and isinstance(right, EntityTerm):
            return _near(lexicon.term(left), lexicon.term(right), expression.words)
    raise NotImplementedError


def _near(left: int, right: int, words: int) -> Test:
    def test(found: Found, text: str, _title: int) -> bool:
        for one in found.get(left, ()):
            for other in found.get(right, ()):
                (_, begin), (end, _) = sorted((one, other))
                if text.count(" ", begin, end) - 1 <= words and "\n" not in text[begin:end]:
                    return True
        return False

    return test
