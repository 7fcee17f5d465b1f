"""What "why" says, in the language of whoever asks: the answer is found once, and only its sentences are two.

A language is a table of sentences with the same names and the same facts as every other (a test compares), so whoever
changes what is answered changes data here and decides nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from service.actions import why_english, why_korean
from service.model.local_time import KOREA
from service.model.record import Lang

SENTENCES: Mapping[Lang, Mapping[str, str]] = {"en": why_english.SENTENCES, "ko": why_korean.SENTENCES}
TERMS: Mapping[Lang, Mapping[str, Mapping[str, str]]] = {"en": why_english.TERMS, "ko": why_korean.TERMS}


@dataclass(frozen=True, slots=True)
class Words:
    """The sentences of one language, with times as the subscription's clock shows them."""

    lang: Lang = "en"
    zone: ZoneInfo = KOREA

    def say(self, name: str, **facts: object) -> str:
        """The sentence of this name about these facts."""
        return SENTENCES[self.lang][name].format(**facts)

    def term(self, kind: str, name: str | None, **facts: object) -> str:
        """What a word of the records means; itself where nothing better is known."""
        meant = TERMS[self.lang][kind].get(name or "")
        return name or "" if meant is None else meant.format(**facts)

    def at(self, ms: int) -> str:
        """A time as people read it, with the zone that it is of."""
        return datetime.fromtimestamp(ms / 1000, UTC).astimezone(self.zone).strftime("%Y-%m-%d %H:%M:%S %Z")

    def uncounted(self, question: str, answer: str) -> str:
        """Why an occurrence does not count: the question of `bongsu explain` that it failed, and the answer."""
        if (meant := TERMS[self.lang]["uncounted"].get(question)) is not None:
            return meant
        return f"{question}: {answer}"
