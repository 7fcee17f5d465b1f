"""Whether two bodies are copies of one text, by their sketches.

Three questions, for each alone is wrong somewhere: sentences in common, as a share of the shorter (finds cut copies;
a paragraph of boilerplate or a quotation from a press release is not enough); shingles in common (finds copies that
were edited in every sentence; templates too); and the numbers (two market reports of one template differ in them).
docs/stories.md has what the thresholds were measured on.
"""

from collections.abc import Collection

from service.model.sketch import PERMUTATIONS, Sketch

MIN_LETTERS = 110
"""Some 150 characters with spaces: below it a body is a copy only when it is equal."""
SENTENCES = 0.6
"""Of the shorter body's letters stand in sentences that the other has too."""
EDITED_JACCARD = 0.8
"""Of shingles, when sentences were edited."""
EDITED_SENTENCES = 0.45
"""... and this share is untouched: names or numbers change every sentence of a template, an editor does not."""
EDITED_CHANCE_NUMBERS = 0.1
"""... and at most this share of the shorter's numbers is missing in the other."""
MISSING_NUMBERS = 0.2
"""Of the shorter's numbers that the other may lack: its own page numbers, dates and telephone numbers."""
CUT = 0.5
"""A body shorter than this share of the other has to have its beginning: a round-up holds many short articles whole."""
BEGINNING = 4
MIN_SHARE = 0.15
"""... and is no copy at all when it is shorter than this share."""


def likeness(one: Sketch, other: Sketch, common: Collection[int] = ()) -> float:
    """How much two bodies are one text, 0 to 1; 0: they are not.

    `common` are sentences that many stories have (boilerplate that the zones let through): they prove nothing.
    """
    short, long = (one, other) if one.total <= other.total else (other, one)
    if short.letters < MIN_LETTERS or short.total < MIN_SHARE * long.total:
        return 0.0
    shared = long.weights.keys() & short.weights.keys()
    own = short.total
    if common:
        shared -= set(common)
        own -= sum(short.weights[token] for token in common if token in short.weights)
    weight = sum(short.weights[token] for token in shared)
    if not own or weight < MIN_LETTERS / 2:
        return 0.0
    contained = weight / own
    missing = len(short.numbers - long.numbers) / len(short.numbers) if short.numbers else 0.0
    if missing > MISSING_NUMBERS:
        return 0.0
    if contained >= SENTENCES:
        is_cut = short.total < CUT * long.total
        return contained if not is_cut or not shared.isdisjoint(long.sentences[:BEGINNING]) else 0.0
    if contained >= EDITED_SENTENCES and missing <= EDITED_CHANCE_NUMBERS:
        similar = jaccard(one, other)
        return similar if similar >= EDITED_JACCARD else 0.0
    return 0.0


def jaccard(one: Sketch, other: Sketch) -> float:
    """Estimated share of common shingles; 0 where the signatures do not compare."""
    if one.algorithm != other.algorithm:
        return 0.0
    equal = sum(map(int.__eq__, one.signature, other.signature)) / PERMUTATIONS
    by_chance = 1 / 256
    return max(0.0, (equal - by_chance) / (1 - by_chance))
