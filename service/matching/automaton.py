"""All surfaces in one pass: a thin face over two Aho-Corasick engines that give the same finds.

daachorse is the faster one but has no wheel for aarch64 Linux; ahocorasick_rs has. Both give code-point offsets.
"""

from collections.abc import Callable, Sequence

Finds = list[tuple[int, int, int]]
"""(start, end, number of the pattern), ordered by end, longest first."""
Find = Callable[[str], Finds]


def build(patterns: Sequence[str]) -> Find:
    """A function that finds every occurrence of every pattern, overlapping ones included.

    Patterns must be distinct and not empty; their numbers are their positions.
    """
    if not patterns:
        return lambda _text: []
    try:
        return with_daachorse(patterns)
    except ImportError:
        return with_ahocorasick_rs(patterns)


def with_daachorse(patterns: Sequence[str]) -> Find:
    """The engine for x86-64."""
    import daachorse

    find: Find = daachorse.CharwiseDoubleArrayAhoCorasick(list(patterns)).find_overlapping
    return find


def with_ahocorasick_rs(patterns: Sequence[str]) -> Find:
    """The engine for every other machine."""
    import ahocorasick_rs

    search = ahocorasick_rs.AhoCorasick(list(patterns)).find_matches_as_indexes

    def find(text: str) -> Finds:
        found = [(start, end, number) for number, start, end in search(text, overlapping=True)]
        found.sort(key=lambda one: (one[1], one[0]))
        return found

    return find
