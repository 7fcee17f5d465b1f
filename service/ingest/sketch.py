"""The sketch of a cleaned body: MinHash of its shingles, hashes of its sentences, its numbers.

MinHash sees copies that were edited in every sentence; hashes of sentences see cut copies, which share all that they
have and little of the whole; numbers tell two reports from one template apart. Spaces and marks are left aside: each
press has its own.
"""

import re
import struct
from hashlib import blake2b
from zlib import crc32

from rensa import RMinHash

from service.model.sketch import BANDS, MAX_NUMBERS, MAX_SENTENCES, PERMUTATIONS, ROWS, Sketch, token

SHINGLE = 5
SEED = 1
MAX_LETTERS = 8_000
"""Of which shingles are made: the rest of a very long article says nothing new about whose copy it is."""
MAX_READ = 40_000
"""Characters that are looked at."""
_SENTENCE_END = re.compile(r"[.!?。…]+[\"'”’)\]」』》]*(?:\s+|$)")
_MARKS = " \t.,\"'·()[]<>-~…:;!?/*|"
"""What presses set differently, in normalised text. A few replacements cost less than one regular expression."""
_NUMBER = re.compile(r"\d++(?:[.,]\d++)*+[가-힣%]?+(?!\s*(?:…|\.\.\.|\(|\Z))")
"""Not where a text may have been cut: half a number is another number."""
_BAND_BYTES = 4 * ROWS
_AT_ONCE = 64
_SIDE_BY_SIDE = [struct.Struct(f"{2 * SHINGLE}s" * count) for count in range(_AT_ONCE + 1)]
"""So many shingles, one behind the other."""


def sketch(cleaned: str) -> Sketch:
    """Of a cleaned body, normalised, a paragraph a line."""
    text = cleaned[:MAX_READ]
    words = _SENTENCE_END.sub("\n", text)
    for mark in _MARKS:
        words = words.replace(mark, "")
    lines = words.split("\n")
    sentences = dict.fromkeys(line for line in lines if line)
    letters = "".join(lines)
    signature = _signature(letters[:MAX_LETTERS])
    return Sketch(
        algorithm=RMinHash.ALGORITHM_VERSION,
        letters=len(letters),
        bands=tuple([crc32(signature[at : at + _BAND_BYTES]) for at in range(0, BANDS * _BAND_BYTES, _BAND_BYTES)]),
        signature=signature[::4],
        sentences=tuple([_token(line) for line in list(sentences)[:MAX_SENTENCES]]),
        numbers=_numbers(text),
    )


def _token(sentence: str) -> int:
    return token(blake2b(sentence.encode("utf-8", "surrogatepass"), digest_size=7).digest(), len(sentence))


def _signature(letters: str) -> bytes:
    """The minima of all permutations, 4 bytes each, the lowest first."""
    minhash = RMinHash(num_perm=PERMUTATIONS, seed=SEED)
    minhash.update(_shingles(letters.encode("utf-16-le", "surrogatepass")))
    return struct.pack(f"<{PERMUTATIONS}I", *minhash.digest())


def _shingles(raw: bytes) -> list[bytes]:
    """All runs of SHINGLE letters of two bytes each, in any order; what is shorter is one.

    Cut by `struct`, those that stand side by side at once: a slice for each costs three times as much.
    """
    if len(raw) <= 2 * SHINGLE:
        return [raw]
    found: list[bytes] = []
    for first in range(0, 2 * SHINGLE, 2):
        left = (len(raw) - first) // (2 * SHINGLE)
        at = first
        while left > 0:
            count = min(left, _AT_ONCE)
            found += _SIDE_BY_SIDE[count].unpack_from(raw, at)
            at += count * 2 * SHINGLE
            left -= count
    return found


def _numbers(text: str) -> frozenset[int]:
    found = dict.fromkeys(_NUMBER.findall(text))
    return frozenset([crc32(one.replace(",", "").encode()) & 0xFFFF for one in list(found)[:MAX_NUMBERS]])
