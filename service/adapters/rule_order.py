"""Which manifest of a tenant stands: the first that was made from what stood, for every reader alike.

Kafka has no compare-and-set, but one order that all see. A manifest carries the revision after the one that it
replaces, and **every reader ignores a manifest whose revision is not higher than that of the one that stands**: of two
made from the same set the first wins everywhere, and the other is in force nowhere, not for a moment, whether or not
whoever wrote it lives to see that it lost. Higher and not the next: compaction takes those in between.

Compaction keeps the last record of a key. So where a manifest was refused the one that stands is written again behind
it, **under the next revision** (`mended`): whoever begins to read at the refused one takes it for a start, and must
find the other to be its successor. Until then it is `untidy`.

A manifest without a revision was written by an older Bongsu. It stands unless it says that it replaces another version
than the one that stands, and the count begins anew.
"""

import hashlib

from service.adapters.rule_manifests import read_manifest
from service.model.control_records import RulesManifest
from service.model.errors import BadInput
from service.model.record import DEFAULT_TENANT

NO_RULES = "none"
"""In place of a version: no set is in force."""


class RuleOrder:
    """The manifests `current` of one tenant, as they come."""

    def __init__(self, tenant: str = DEFAULT_TENANT) -> None:
        self.tenant = tenant
        self.stands: bytes | None = None
        self.manifest: RulesManifest | None = None
        """The one that stands, read."""
        self.unreadable: str | None = None
        """Why the last one cannot be read; None when it can. It is not written over: it may be a newer Bongsu's."""
        self.refused = 0
        """Manifests that came too late since the one that stands came."""
        self._stood: set[bytes] = set()

    @property
    def version(self) -> str:
        """Of the set that stands, or NO_RULES."""
        return NO_RULES if self.manifest is None else self.manifest.version

    @property
    def revision(self) -> int:
        """Of the manifest that stands; 0: none does, or it was written by a Bongsu that knew none."""
        return 0 if self.manifest is None else self.manifest.revision or 0

    @property
    def untidy(self) -> bool:
        """Compaction could take the one that stands, or have a new reader take a refused one for it."""
        return self.refused > 0

    def take(self, raw: bytes | None) -> bool:
        """The next value; whether it stands now. None: all is forgotten. Raises NewerSchema."""
        self.unreadable = None
        if raw is None:
            self._stand(None, None)
            return False
        if raw == self.stands:
            return True
        try:
            manifest = read_manifest(raw, self.tenant)
        except BadInput as error:
            self.unreadable = str(error)
            return False
        if not self._follows(manifest):
            self.refused += 1
            return False
        self._stand(raw, manifest)
        return True

    def stood(self, raw: bytes) -> bool:
        """Whether this manifest stands, or stood and was replaced."""
        return hashlib.sha256(raw).digest() in self._stood

    def next(self, version: str, items: tuple[str, ...], now_ms: int) -> RulesManifest:
        """The manifest of a set that replaces the one that stands. `now_ms`: since the epoch."""
        return RulesManifest(
            tenant=self.tenant,
            version=version,
            revision=self.revision + 1,
            items=items,
            replaces=self.version,
            published_ms=now_ms,
        )

    def mended(self) -> bytes | None:
        """What is to be written where it is `untidy`: the set that stands, under the next revision. None: none does."""
        if self.manifest is None:
            return None
        return self.manifest.model_copy(update={"revision": self.revision + 1, "replaces": self.version}).encode()

    def _follows(self, manifest: RulesManifest) -> bool:
        if self.manifest is None:
            return True
        if manifest.revision is None:
            return manifest.replaces in (None, self.version)
        return manifest.revision > self.revision

    def _stand(self, raw: bytes | None, manifest: RulesManifest | None) -> None:
        self.stands, self.manifest, self.refused = raw, manifest, 0
        if raw is not None:
            self._stood.add(hashlib.sha256(raw).digest())
