"""Near and overlapping, in time linear in what was found: two pointers over sorted places."""

from bisect import bisect_left, bisect_right
from itertools import accumulate

from service.matching.occurrence import Occurrence
from service.matching.positions import Positions
from service.matching.scene import Finds


def near(left: Finds, right: Finds, words: int, positions: Positions, *, ordered: bool) -> list[Occurrence]:
    """Those with one of the other side near: at most `words` words strictly between, in one block, not overlapping.

    For each it is enough to look at the nearest on either side: whatever is further has more words between.
    """
    kept = _followed(left, right, words, positions)
    if not ordered:
        kept.update(_followed(right, left, words, positions))
    return list(kept.values())


def _followed(first: Finds, second: Finds, words: int, positions: Positions) -> dict[int, Occurrence]:
    """Pairs in which one of `first` ends before one of `second` begins."""
    by_end = sorted(first, key=_end)
    by_start = sorted(second, key=_start)
    ends, starts = [one.end for one in by_end], [one.start for one in by_start]
    kept: dict[int, Occurrence] = {}
    for one in by_end:
        following = bisect_left(starts, one.end)
        if following < len(starts) and _is_near(one, by_start[following], words, positions):
            kept[id(one)] = one
    for one in by_start:
        preceding = bisect_right(ends, one.start) - 1
        if preceding >= 0 and _is_near(by_end[preceding], one, words, positions):
            kept[id(one)] = one
    return kept


def _is_near(one: Occurrence, other: Occurrence, words: int, positions: Positions) -> bool:
    between = positions.words_between(one.end, other.start)
    return between <= words and positions.block(one.end - 1) == positions.block(other.start)


def apart(finds: Finds) -> list[Occurrence]:
    """The most telling of them that do not overlap: the longest wins, then the first, then a name before a word."""
    taken: set[int] = set()
    kept = []
    for one in sorted(finds, key=_longest_first):
        # what was taken is as long or longer: who overlaps it has an end of its own in it
        if one.start not in taken and one.end - 1 not in taken:
            taken.update(range(one.start, one.end))
            kept.append(one)
    return kept


def outside(finds: Finds, holders: Finds) -> list[Occurrence]:
    """Those that lie in none of `holders`."""
    if not holders:
        return list(finds)
    starts = [one.start for one in holders]
    reach = list(accumulate((one.end for one in holders), max))
    out = []
    for one in finds:
        number = bisect_right(starts, one.start) - 1
        if number < 0 or reach[number] < one.end:
            out.append(one)
    return out


def _start(one: Occurrence) -> int:
    return one.start


def _end(one: Occurrence) -> int:
    return one.end


def _longest_first(one: Occurrence) -> tuple[int, int, int]:
    return one.start - one.end, one.start, one.surface.term
