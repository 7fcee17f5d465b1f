"""The second opinion by kiwipiepy (extra `morphology`): its base model, without user words, on a part of the sentence.

As a matcher the analyser is poor and slow; asked only about surfaces that are names and words at once, and only to
contradict, it is excellent (docs/matching.md has the figures). Its large dictionary of titles is left out: it makes
names of words and costs two seconds and 250 MB.
"""

import importlib.util
import math
from collections.abc import Callable
from typing import Any

from service.matching.sense import Reading, Veto

LIKELY = 5.0
"""Log likelihood by which a reading may be worse than the best and still be in use."""
PRIOR = 3.0
"""Log odds for the name before the context is seen: it stands free, its josa fit, and somebody watches it."""
READINGS = 5
"""Asked for. With three, the name is sometimes not among them."""
SURE = 0.95
REMEMBERED = 50_000
_NAME = "NNP"


class KiwiVeto:
    """A `Veto`. The model is loaded at the first question; answers are remembered by context."""

    def __init__(self) -> None:
        self._kiwi: Any = None
        self._readings: dict[str, Reading] = {}
        self._answers: dict[tuple[str, int, int], float] = {}

    def _model(self) -> Any:
        if self._kiwi is None:
            from kiwipiepy import Kiwi

            self._kiwi = Kiwi(num_workers=1, load_default_dict=False, load_typo_dict=False, load_multi_dict=False)
        return self._kiwi

    def reading(self, surface: str) -> Reading:
        """What `surface` is by itself: a name, a word, or both."""
        known = self._readings.get(surface)
        if known is None:
            known = self._readings[surface] = self._read(surface)
        return known

    def _read(self, surface: str) -> Reading:
        analyses = self._model().analyze(surface, top_n=READINGS)
        best = analyses[0][1]
        is_name = any(len(tokens) == 1 and tokens[0].tag == _NAME for tokens, _ in analyses)
        is_word = any(best - score <= LIKELY and _is_word(tokens) for tokens, score in analyses)
        if is_name:
            return Reading.BOTH if is_word else Reading.NAME
        return Reading.WORD if len(analyses[0][0]) == 1 else Reading.NAME  # made of parts: a name it does not know

    def confidence(self, text: str, start: int, end: int) -> float:
        """How surely text[start:end] is a name there, 0 to 1."""
        key = (text, start, end)
        known = self._answers.get(key)
        if known is None:
            if len(self._answers) >= REMEMBERED:
                self._answers.clear()
            known = self._answers[key] = self._ask(text, start)
        return known

    def _ask(self, text: str, start: int) -> float:
        best = self._model().analyze(text, top_n=1)[0]
        if _names(best[0], start):
            return SURE  # what the other readings are worth cannot change it
        names = words = 0.0
        for tokens, score in self._model().analyze(text, top_n=READINGS):
            likelihood = math.exp(score - best[1])
            if _names(tokens, start):
                names += likelihood
            else:
                words += likelihood
        names *= math.exp(PRIOR)
        return names / (names + words)


def _is_word(tokens: Any) -> bool:
    """Whether a reading is a word of its own: one noun or adverb, a numeral, a form of a verb, a pronoun with josa.

    산+둥 and 한+전 are nouns that nobody writes together.
    """
    if len(tokens) == 1:
        return bool(tokens[0].tag != _NAME)
    return any(token.tag == "NR" or token.tag[0] in "VEJ" for token in tokens)


def _names(tokens: Any, start: int) -> bool:
    """Whether a name stands at `start` in this reading."""
    return any(token.tag == _NAME and token.start <= start < token.start + token.len for token in tokens)


def make_veto(*, warn: Callable[[str], None]) -> Veto | None:
    """The second opinion, or None with one warning where kiwipiepy is not installed."""
    if importlib.util.find_spec("kiwipiepy") is None:
        warn(
            "kiwipiepy is not installed, so names that are also words (경기, 이천) count wherever josa allow it; "
            "install bongsu[morphology], or set BONGSU_MATCHING_MORPHOLOGY=false to be content with that"
        )
        return None
    return KiwiVeto()
