"""What each operator means, as nodes with numbers in place of names.

A node answers four things: is it true of an article, which occurrences made it so, could it be true where at most these
terms are, and at which terms does it wait. The answers of a node come from its parts alone, so they can be read one
operator at a time.
"""

# ruff: noqa: D102, ARG002 - the answers are described once, on Node
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from unicodedata import normalize

from service.matching.occurrence import Occurrence
from service.matching.proximity import apart, near, outside
from service.matching.scene import EVERYWHERE, Finds, Scene, Where, by_place

Crowd: TypeAlias = Mapping[int, Sequence[object]]
"""By term, who waits there already."""
Anchors: TypeAlias = "tuple[int, ...] | None"
"""Terms of which one must have been found for a node to be true; None: it may be true where nothing was."""


class Node:
    """Part of a rule."""

    __slots__ = ()

    def is_true(self, scene: Scene) -> bool:
        """The meaning."""
        raise NotImplementedError

    def evidence(self, scene: Scene) -> Iterable[Occurrence]:
        """The occurrences that make it true; nothing where it is not. Some may come twice."""
        raise NotImplementedError

    def could(self, present: Container[int]) -> bool:
        """Whether it could be true where at most these terms were found. May say yes too often, never no."""
        raise NotImplementedError

    def anchors(self, crowd: Crowd) -> Anchors:
        """Where it waits."""
        raise NotImplementedError

    def parts(self) -> "Iterable[Node]":
        """What it stands over."""
        return ()

    def terms(self) -> Iterator[int]:
        """All terms that have a say in it, negated ones too."""
        for part in self.parts():
            yield from part.terms()

    def beyond(self) -> Iterator[int]:
        """The terms that it asks for in zones that do not count by default."""
        for part in self.parts():
            yield from part.beyond()


class Every(Node):
    """A node that is true only where each of its parts is."""

    __slots__ = ()

    def could(self, present: Container[int]) -> bool:
        return all(part.could(present) for part in self.parts())

    def anchors(self, crowd: Crowd) -> Anchors:
        """All must be true: wait for the one that needs the fewest terms, where the fewest rules wait already."""
        found = [anchors for part in self.parts() if (anchors := part.anchors(crowd)) is not None]
        return min(found, key=lambda anchors: _weight(anchors, crowd)) if found else None


class OneOf(Node):
    """A node that is true only where one of its parts is."""

    __slots__ = ()

    def could(self, present: Container[int]) -> bool:
        return any(part.could(present) for part in self.parts())

    def anchors(self, crowd: Crowd) -> Anchors:
        """One must be true: wait for all of them."""
        terms: dict[int, None] = {}
        for part in self.parts():
            anchors = part.anchors(crowd)
            if anchors is None:
                return None
            terms.update(dict.fromkeys(anchors))
        return tuple(terms)


class Place(Node):
    """A node that is found at places of its own: it is true where there is one."""

    __slots__ = ()

    def finds(self, scene: Scene) -> Finds:
        """The places, in order of the article."""
        raise NotImplementedError

    def is_true(self, scene: Scene) -> bool:
        return bool(self.finds(scene))

    def evidence(self, scene: Scene) -> Iterable[Occurrence]:
        return self.finds(scene)


@dataclass(frozen=True, slots=True)
class Leaf(Place):
    """A term."""

    term: int
    where: Where = EVERYWHERE

    def finds(self, scene: Scene) -> Finds:
        return scene.finds(self.term, self.where)

    def could(self, present: Container[int]) -> bool:
        return self.term in present

    def anchors(self, crowd: Crowd) -> Anchors:
        return (self.term,)

    def terms(self) -> Iterator[int]:
        yield self.term

    def beyond(self) -> Iterator[int]:
        if self.where.is_beyond:
            yield self.term


@dataclass(frozen=True, slots=True)
class AnyPlace(OneOf, Place):
    """OR of places."""

    places: tuple[Place, ...]

    def finds(self, scene: Scene) -> Finds:
        found = {id(one): one for place in self.places for one in place.finds(scene)}
        return sorted(found.values(), key=by_place)

    def parts(self) -> Iterable[Node]:
        return self.places


@dataclass(frozen=True, slots=True)
class OutsideOf(Every, Place):
    """NOT IN: the places that lie in none of the holders."""

    place: Place
    holders: tuple[int, ...]
    """Terms; wherever they stand, whether they count or not."""

    def finds(self, scene: Scene) -> Finds:
        kept: Finds = self.place.finds(scene)
        for holder in self.holders:
            kept = outside(kept, scene.holders(holder))
        return kept

    def parts(self) -> Iterable[Node]:
        return (self.place,)

    def terms(self) -> Iterator[int]:
        yield from self.place.terms()
        yield from self.holders


@dataclass(frozen=True, slots=True)
class AllOf(Every):
    """AND."""

    nodes: tuple[Node, ...]

    def is_true(self, scene: Scene) -> bool:
        return all(node.is_true(scene) for node in self.nodes)

    def evidence(self, scene: Scene) -> Iterable[Occurrence]:
        return _evidence(self.nodes, scene) if self.is_true(scene) else ()

    def parts(self) -> Iterable[Node]:
        return self.nodes


@dataclass(frozen=True, slots=True)
class AnyOf(OneOf):
    """OR."""

    nodes: tuple[Node, ...]

    def is_true(self, scene: Scene) -> bool:
        return any(node.is_true(scene) for node in self.nodes)

    def evidence(self, scene: Scene) -> Iterable[Occurrence]:
        return _evidence(self.nodes, scene)

    def parts(self) -> Iterable[Node]:
        return self.nodes


@dataclass(frozen=True, slots=True)
class NoneOf(Node):
    """NOT."""

    node: Node

    def is_true(self, scene: Scene) -> bool:
        return not self.node.is_true(scene)

    def evidence(self, scene: Scene) -> Iterable[Occurrence]:
        return ()

    def could(self, present: Container[int]) -> bool:
        return True  # what is there at most may not be there in the end

    def anchors(self, crowd: Crowd) -> Anchors:
        return None

    def parts(self) -> Iterable[Node]:
        return (self.node,)


@dataclass(frozen=True, slots=True)
class NearBy(Every):
    """NEAR and ONEAR."""

    left: Place
    right: Place
    words: int
    ordered: bool

    def is_true(self, scene: Scene) -> bool:
        return bool(self.evidence(scene))

    def evidence(self, scene: Scene) -> Sequence[Occurrence]:
        left, right = self.left.finds(scene), self.right.finds(scene)
        if not left or not right:
            return ()
        return near(left, right, self.words, scene.positions, ordered=self.ordered)

    def parts(self) -> tuple[Place, ...]:
        return self.left, self.right


@dataclass(frozen=True, slots=True)
class Together(Every):
    """SAME SENTENCE, SAME PARAGRAPH."""

    places: tuple[Place, ...]
    is_sentence: bool

    def is_true(self, scene: Scene) -> bool:
        return bool(self.evidence(scene))

    def evidence(self, scene: Scene) -> Sequence[Occurrence]:
        found = [place.finds(scene) for place in self.places]
        if not all(found):
            return ()
        unit = scene.positions.sentence if self.is_sentence else scene.positions.paragraph
        numbered = [[(unit(one.start), one) for one in finds] for finds in found]
        shared = set.intersection(*({number for number, _ in finds} for finds in numbered))
        return [one for finds in numbered for number, one in finds if number in shared]

    def parts(self) -> Iterable[Node]:
        return self.places


@dataclass(frozen=True, slots=True)
class Often(Every):
    """ATLEAST."""

    count: int
    place: Place

    def is_true(self, scene: Scene) -> bool:
        return bool(self.evidence(scene))

    def evidence(self, scene: Scene) -> Sequence[Occurrence]:
        found = self.place.finds(scene)
        if len(found) < self.count:
            return ()
        kept = apart(found)
        return kept if len(kept) >= self.count else ()

    def parts(self) -> Iterable[Node]:
        return (self.place,)


@dataclass(frozen=True, slots=True)
class CountOf(Node):
    """`n OF (...)`."""

    count: int
    nodes: tuple[Node, ...]

    def is_true(self, scene: Scene) -> bool:
        return sum(node.is_true(scene) for node in self.nodes) >= self.count

    def evidence(self, scene: Scene) -> Iterable[Occurrence]:
        return _evidence(self.nodes, scene) if self.is_true(scene) else ()

    def could(self, present: Container[int]) -> bool:
        return sum(node.could(present) for node in self.nodes) >= self.count

    def anchors(self, crowd: Crowd) -> Anchors:
        """Of any so many that the rest are too few, one must be true: of those with the fewest anchors."""
        found = [anchors for node in self.nodes if (anchors := node.anchors(crowd)) is not None]
        needed = self.count - (len(self.nodes) - len(found))
        if needed < 1:
            return None
        found.sort(key=lambda anchors: _weight(anchors, crowd))
        return tuple(dict.fromkeys(term for anchors in found[: len(found) - needed + 1] for term in anchors))

    def parts(self) -> Iterable[Node]:
        return self.nodes


@dataclass(frozen=True, slots=True)
class FieldFits(Node):
    """`source: "…"` and the like: what is known about the article."""

    name: str
    pattern: re.Pattern[str]

    def is_true(self, scene: Scene) -> bool:
        value: str | None = getattr(scene.document.article, self.name)
        return value is not None and self.pattern.fullmatch(plain(value)) is not None

    def evidence(self, scene: Scene) -> Iterable[Occurrence]:
        return ()

    def could(self, present: Container[int]) -> bool:
        return True

    def anchors(self, crowd: Crowd) -> Anchors:
        return None


def plain(value: str) -> str:
    """A value of a field as it is compared: case aside, Hangul composed, white space as single spaces."""
    return " ".join(normalize("NFC", value).casefold().split())


def _evidence(nodes: Iterable[Node], scene: Scene) -> Iterator[Occurrence]:
    for node in nodes:
        yield from node.evidence(scene)


def _weight(anchors: tuple[int, ...], crowd: Crowd) -> tuple[int, int]:
    return len(anchors), sum(len(crowd.get(term, ())) for term in anchors)
