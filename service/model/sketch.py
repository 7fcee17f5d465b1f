"""What near-duplicates are recognised by, small enough to travel: an article's text goes no further than its match.

Made in the match stage (ingest/sketch.py), compared in the story stage (alerting/near.py); both meet here. Some 450
bytes for an article of 1,500 characters.
"""

import base64
import binascii
import struct
from dataclasses import dataclass
from functools import cached_property

PERMUTATIONS = 128
BANDS = 10
ROWS = 6
"""Values of a band: two articles that share 80 % of their shingles share a band with 95 %, at 50 % with 14 %."""
MAX_SENTENCES = 64
MAX_NUMBERS = 64
_HEAD = struct.Struct("<BBBI")
_BANDS = struct.Struct(f"<{BANDS}I")
_FIXED = _HEAD.size + _BANDS.size + PERMUTATIONS
_LENGTH_UNIT = 2
_LENGTH_BITS = 8


@dataclass(frozen=True)
class Sketch:
    """A body as hashes. Not slotted: what is worked out of it is kept beside."""

    algorithm: int
    """Version of the MinHash; of different versions only sentences and numbers compare."""
    letters: int
    """Letters and digits of the cleaned body."""
    bands: tuple[int, ...]
    signature: bytes
    """The lowest byte of each permutation's minimum: equal by chance once in 256, which `near` takes off."""
    sentences: tuple[int, ...]
    """One a sentence, in order, the first MAX_SENTENCES: 56 bits of hash above 8 of length (`weight`)."""
    numbers: frozenset[int]
    """16 bits for each distinct number with the syllable after it (3일, 2.5%)."""

    @cached_property
    def weights(self) -> dict[int, int]:
        """Sentences with their letters, in order."""
        return {token: weight(token) for token in self.sentences}

    @cached_property
    def total(self) -> int:
        """Letters of the sentences that are kept."""
        return sum(self.weights.values())

    def pack(self) -> bytes:
        """As bytes; little-endian."""
        numbers = sorted(self.numbers)
        return b"".join(
            (
                _HEAD.pack(self.algorithm, len(self.sentences), len(numbers), self.letters),
                _BANDS.pack(*self.bands),
                self.signature,
                struct.pack(f"<{len(self.sentences)}Q", *self.sentences),
                struct.pack(f"<{len(numbers)}H", *numbers),
            )
        )

    def encode(self) -> str:
        """As text, for JSON: base64 of `pack`."""
        return base64.b64encode(self.pack()).decode()


def token(hashed: bytes, letters: int) -> int:
    """A sentence as one number: 7 bytes of hash, and its letters in steps of two up to 510."""
    return int.from_bytes(hashed, "little") << _LENGTH_BITS | min(letters // _LENGTH_UNIT, (1 << _LENGTH_BITS) - 1)


def weight(sentence: int) -> int:
    """Letters of a sentence."""
    return (sentence & ((1 << _LENGTH_BITS) - 1)) * _LENGTH_UNIT


def unpack(raw: bytes) -> Sketch:
    """The way back from `pack`.

    Raises:
        ValueError: these bytes are no sketch.
    """
    try:
        algorithm, sentences, numbers, letters = _HEAD.unpack_from(raw)
        if len(raw) != _FIXED + 8 * sentences + 2 * numbers:
            raise ValueError(f"a sketch of {len(raw)} bytes, {_FIXED + 8 * sentences + 2 * numbers} expected")
        signature_at = _HEAD.size + _BANDS.size
        return Sketch(
            algorithm,
            letters,
            _BANDS.unpack_from(raw, _HEAD.size),
            raw[signature_at:_FIXED],
            struct.unpack_from(f"<{sentences}Q", raw, _FIXED),
            frozenset(struct.unpack_from(f"<{numbers}H", raw, _FIXED + 8 * sentences)),
        )
    except struct.error as error:
        raise ValueError(f"no sketch: {error}") from None


def decode(text: str) -> bytes:
    """The bytes of `Sketch.encode`.

    Raises:
        ValueError: no base64.
    """
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"no base64: {error}") from None
