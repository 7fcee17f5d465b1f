"""One place where a surface stands, while it is being decided upon."""

from dataclasses import dataclass

from service.matching.boundary import Verdict
from service.matching.lexicon import Surface
from service.matching.sense import CERTAIN
from service.model.mention import Mention, Reason, Via


@dataclass(slots=True)
class Occurrence:
    """Mutable on purpose: each step of the engine writes its answer here. Offsets are into `Document.text`."""

    start: int
    end: int
    surface: Surface
    via: Via | None = None
    reason: Reason | None = None
    confidence: float = CERTAIN
    begins: bool = True
    verdict: Verdict | None = None
    blocker: tuple[int, int] | None = None
    """What it lies inside of, of its entity's `not_in`."""
    merged: bool = False
    """A part of a longer mention of the same entity: no occurrence of its own."""
    mention: Mention | None = None
