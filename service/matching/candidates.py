"""Where names may stand: what the automaton finds, judged by where it begins and ends.

`likely` is the fast path: it drops what cannot count at the cheapest question. `every` keeps all that is found, each
with why it does not count.
"""

from collections.abc import Sequence
from typing import TypeAlias

from service.ingest.reading import Document
from service.matching.blockers import Blockers
from service.matching.boundary import JUDGED_BY_NEXT, PREFIX_ENDS, TAIL, begins, closed_after, ends, open_before
from service.matching.josa import MAX_TAIL, tails
from service.matching.lexicon import Lexicon, Surface
from service.matching.occurrence import Occurrence
from service.matching.scene import same_case
from service.model.mention import Reason

REACH = MAX_TAIL + 2
"""Characters in which the space after a tail is looked for: a text may have none at all."""

_Look: TypeAlias = "tuple[Surface, frozenset[str], frozenset[str], int, bool, _Look] | None"
"""A surface, the characters before and after it that decide at once, the bits of which a tail must have one, whether
josa and suffixes are all that may follow; and the next surface of the pattern. One object where there is one surface,
as nearly always: with a hundred thousand of them each step to another is one that no cache holds."""


def _looks(surfaces: Sequence[Surface]) -> _Look:
    look: _Look = None
    for one in reversed(surfaces):
        plain = not (one.titles or one.accept or one.free)
        look = (one, open_before(one), closed_after(one), one.need, plain, look)
    return look


class Candidates:
    """Finds the surfaces of a lexicon. Keeps no state between articles."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._blocks = {number: one.blocks for number, one in enumerate(lexicon.patterns) if one.blocks}
        """By pattern: the terms that do not count inside it. Most sets have none."""
        self._looks = [_looks(pattern.surfaces) for pattern in lexicon.patterns]

    def likely(self, text: str) -> list[Occurrence]:  # noqa: C901, PLR0912 - the inner loop
        """Occurrences that begin and end as a name of theirs may, outside their entity's `not_in`."""
        looks, blocks = self._looks, self._blocks
        masks, work_out = tails().known, tails().mask
        space = text.find
        out: list[Occurrence] = []
        blockers: dict[int, Blockers] = {}
        blocked = False
        for start, end, number in self._lexicon.find(text):
            before = text[start - 1]
            if (
                "가" <= before <= "힣"
                and "가" <= text[start] <= "힣"
                and before not in PREFIX_ENDS
                and number not in blocks
            ):
                continue  # inside another word: most finds end here, and quickly
            look = looks[number]
            while look is not None:
                surface, opened, closed, need, plain, look = look
                if before not in opened and not begins(text, start, surface):
                    continue
                verdict = None
                if text[end] not in closed:
                    stop = space(" ", end, end + REACH)
                    fits = masks.get(text[end:stop]) if stop >= 0 else None  # Hangul alone where it is known
                    if fits is None:
                        run = TAIL.match(text, end)
                        if run is not None and text[run.end()] != "(":
                            fits = work_out(run[0])
                    if fits is None or not fits & need:
                        if (
                            fits is not None
                            and plain
                            and (text[end] not in JUDGED_BY_NEXT or "가" <= text[end + 1] <= "힣")
                        ):
                            continue
                        verdict = ends(text, end, surface)
                        if verdict.reason is not None:
                            continue
                one = Occurrence(start, end, surface)
                if verdict is not None:
                    one.via, one.verdict = verdict.via, verdict
                out.append(one)
                if surface.blocked:
                    blocked = True
            if number in blocks:
                for term in blocks[number]:
                    blockers.setdefault(term, Blockers()).add(text, start, end)
        if blocked and blockers:
            out = [one for one in out if _blocker(one, blockers) is None]
        return out

    def every(self, document: Document) -> list[Occurrence]:
        """Every occurrence of every surface; where it does not begin and end as a name may, the reason."""
        text = document.text
        out: list[Occurrence] = []
        blockers: dict[int, Blockers] = {}
        for start, end, number in self._lexicon.find(text):
            look = self._looks[number]
            while look is not None:
                surface, *_, look = look
                one = Occurrence(start, end, surface)
                one.begins = begins(text, start, surface)
                one.verdict = ends(text, end, surface)
                one.via = one.verdict.via
                if not one.begins:
                    one.reason = Reason.BOUNDARY
                elif one.verdict.reason is not None:
                    one.reason = one.verdict.reason
                out.append(one)
            for term in self._blocks.get(number, ()):
                blockers.setdefault(term, Blockers()).add(text, start, end)
        for one in out:
            one.blocker = _blocker(one, blockers)
            if one.blocker is not None:
                one.reason = Reason.NOT_IN
            elif one.surface.case is not None and not same_case(document, one):
                one.reason = one.reason or Reason.BOUNDARY
            one.stands = one.reason is None
        return out


def _blocker(one: Occurrence, blockers: dict[int, Blockers]) -> tuple[int, int] | None:
    """What it lies inside of, of the `not_in` of its entity."""
    own = blockers.get(one.surface.term) if one.surface.blocked else None
    return own.holding(one.start, one.end) if own is not None else None
