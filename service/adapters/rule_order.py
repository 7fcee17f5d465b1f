"""Which of several manifests stands, where each says what it replaces: the first that was made from what stood.

Readers take the last manifest of the topic; so whoever finds that the last is not the one that stands writes that one
again, and looks again, for that too may have come late. Of what two people publish at the same time nothing is lost
without the second being told.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from service.model import topics
from service.model.control_records import RulesManifest
from service.model.errors import BadInput

NO_RULES = "none"
"""In place of a version: no set is in force."""


@dataclass(frozen=True, slots=True)
class Order:
    """What the manifests of one key, in the order in which they were written, come to."""

    stands: bytes | None
    accepted: frozenset[bytes]
    """Those that stood at some time."""
    is_last: bool
    """Whether the one that stands is the last: what readers have."""


def in_order(written: Sequence[bytes]) -> Order:
    """Fold the values of `current`. The first counts whatever it replaced: compaction has taken what was before."""
    stands: bytes | None = None
    version = NO_RULES
    accepted: set[bytes] = set()
    for number, raw in enumerate(written):
        try:
            manifest = RulesManifest.decode(raw, topics.RULES)
        except BadInput:
            continue
        if not number or manifest.replaces in (None, version):
            stands, version = raw, manifest.version
            accepted.add(raw)
    return Order(stands, frozenset(accepted), not written or written[-1] == stands)
