"""One place where a surface stands, while it is being decided upon."""

from service.matching.boundary import Verdict
from service.matching.lexicon import Surface
from service.matching.sense import CERTAIN
from service.model.mention import Mention, Reason, Via


class Occurrence:
    """Mutable on purpose: each step of the engine writes its answer here. Offsets are into `Document.text`.

    Most are made and dropped thousands of times a second with nothing but their place: so the defaults stand on the
    class and cost nothing.
    """

    via: Via | None = None
    reason: Reason | None = None
    confidence: float = CERTAIN
    begins: bool = True
    verdict: Verdict | None = None
    blocker: tuple[int, int] | None = None
    """What it lies inside of, of its entity's `not_in`."""
    stands: bool = True
    """It begins and ends as its boundary rules ask, in the letters that it must have, outside its entity's `not_in`."""
    merged: bool = False
    """A part of a longer mention of the same entity: no occurrence of its own."""
    mention: Mention | None = None

    def __init__(self, start: int, end: int, surface: Surface) -> None:
        self.start = start
        self.end = end
        self.surface = surface
