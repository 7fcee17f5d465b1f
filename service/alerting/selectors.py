"""Globs as people write them, over names of the press and ids; and lists of rules, with `tag:` and `entity:` in them.

`*` is any text, `?` one character, `[ab]` one of these; case does not matter, nor how Hangul is composed.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache
from unicodedata import normalize

TAG = "tag:"
ENTITY = "entity:"


def _plain(text: str) -> str:
    return text if text.isascii() and text.islower() else normalize("NFC", text).casefold()


@lru_cache(maxsize=10_000)
def _pattern(globs: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(translate(_plain(glob)) for glob in globs) or r"(?!)")


def fits(globs: tuple[str, ...], value: str | None) -> bool:
    """Whether any of `globs` fits. None is as the empty text, which only `*` fits; no globs fit nothing."""
    return _pattern(globs).match(_plain(value or "")) is not None


def fits_any(globs: tuple[str, ...], values: Iterable[str]) -> bool:
    """Whether any of `globs` fits any of `values`."""
    return any(fits(globs, value) for value in values)


@dataclass(frozen=True, slots=True)
class Selector:
    """Which rules are meant: globs over their ids, over their tags (`tag:...`), over what they found (`entity:...`)."""

    ids: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()

    @classmethod
    def of(cls, written: Iterable[str]) -> "Selector":
        """From what was written; one that fits is enough."""
        parts: dict[str, list[str]] = {"": [], TAG: [], ENTITY: []}
        for text in written:
            prefix = next((prefix for prefix in (TAG, ENTITY) if text.startswith(prefix)), "")
            parts[prefix].append(text.removeprefix(prefix))
        return cls(tuple(parts[""]), tuple(parts[TAG]), tuple(parts[ENTITY]))

    def fits(self, rule_id: str, tags: Collection[str] = (), entities: Collection[str] = ()) -> bool:
        """Whether a rule of this id and these tags, which found these entities, is meant."""
        return fits(self.ids, rule_id) or fits_any(self.tags, tags) or fits_any(self.entities, entities)
