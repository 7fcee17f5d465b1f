"""Sense: is this 경기 the province or a match? The engine asks a second opinion only about surfaces that are words too.

The opinion comes from outside as a `Veto` (adapters/sense.py has the one by kiwipiepy), so that finding stays pure.
"""

from enum import StrEnum
from typing import Protocol

CERTAIN = 1.0
UNASKED = 0.5
"""Confidence of a surface its author calls ambiguous when there is nobody to ask."""


class Reading(StrEnum):
    """What a surface is by itself."""

    NAME = "name"
    BOTH = "both"
    """A name and a common word: each occurrence needs a look."""
    WORD = "word"
    """A common word only: no analyser can help, only `needs` or `not_in`."""


class Veto(Protocol):
    """A second opinion."""

    def reading(self, surface: str) -> Reading:
        """What `surface` can be. Asked once for each."""
        ...

    def confidence(self, text: str, start: int, end: int) -> float:
        """How surely text[start:end] is a name there, 0 to 1. `text` is a part of a sentence."""
        ...
