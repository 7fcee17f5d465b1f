"""A whole, consistent set of entities and rules, and its form on the control topic.

Records are content-addressed: `entity/<sha>` and `rule/<sha>` hold the JSON that an author could have written, so a set
is its keys, and its version is a hash of them.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import orjson
from pydantic import ValidationError

from service.ingest.normalise import fold, normalise
from service.matching.entities import Alias, Entity, Example, Rule
from service.matching.expiry import expires_s
from service.matching.expression import EntityTerm, LiteralTerm, RawTerm, WildcardTerm, terms_of
from service.matching.language import RuleSyntaxError, did_you_mean, parse
from service.matching.schema import AliasModel, EntityModel, RuleModel
from service.model.errors import InvalidRules, Problem
from service.model.policy_check import faults, in_words

Path = tuple[str | int, ...]
Place = Callable[[Path, int], tuple[str, int, int]]
"""From a path within a definition, and an offset into the text there, to file, line and column."""
Placed = tuple[EntityModel | RuleModel, Place]
_Definition = tuple[EntityModel | RuleModel, Place, bytes]

MAX_PROBLEMS = 100
_TOLD = ("title", "text", "html", "source", "author", "section", "lang", "url")
"""What a test may say of its article."""
_NOTHING = "holds no character that can be found (only invisible ones); take it out"
_MODELS: dict[str, type[EntityModel | RuleModel]] = {"entity": EntityModel, "rule": RuleModel}


class RuleSet:
    """Entities and rules that belong together, checked against each other."""

    __slots__ = ("_records", "entities", "rules", "version")

    def __init__(self, entities: tuple[Entity, ...], rules: tuple[Rule, ...], records: Mapping[str, bytes]) -> None:
        self.entities = entities
        self.rules = rules
        self._records = dict(sorted(records.items()))
        self.version = hashlib.sha256("\n".join(self._records).encode()).hexdigest()[:32]

    def to_records(self) -> dict[str, bytes]:
        """`entity/<sha>` and `rule/<sha>` to JSON."""
        return dict(self._records)

    @classmethod
    def from_records(cls, records: Mapping[str, bytes]) -> "RuleSet":
        """The set that `to_records` gave.

        Raises:
            InvalidRules: a record is not what its key says, or they do not fit together.
        """
        problems: list[Problem] = []

        def definitions() -> Iterator[_Definition]:
            for key, raw in sorted(records.items()):
                kind, _, sha = key.partition("/")
                model: type[EntityModel | RuleModel] | None = _MODELS.get(kind)
                if model is None or hashlib.sha256(raw).hexdigest()[:32] != sha:
                    problems.append(Problem(key, 1, 1, "this record is not what its key says; apply the rules again"))
                    continue
                try:
                    yield model.model_validate_json(raw), _always(key), raw
                except ValidationError as error:
                    problems.extend(explain_validation(error, _always(key)))

        return cls._assembled(definitions(), problems)

    @classmethod
    def build(cls, placed: Iterable[Placed], problems: Iterable[Problem] = ()) -> "RuleSet":
        """The set of these definitions; `problems` were found before, or while `placed` is read.

        Raises:
            InvalidRules: every problem, those found here too, with its place.
        """
        return cls._assembled(((item, place, _encode(item)) for item, place in placed), problems)

    @classmethod
    def _assembled(cls, definitions: Iterable["_Definition"], problems: Iterable[Problem]) -> "RuleSet":
        checker = _Checker()
        entities: list[Entity] = []
        rules: list[Rule] = []
        records: dict[str, bytes] = {}
        for item, place, raw in definitions:  # once through, keeping nothing of the models: there may be many
            if isinstance(item, EntityModel):
                entities.append(checker.entity(item, place))
            elif (rule := checker.rule(item, place)) is not None:
                rules.append(rule)
            kind = "entity" if isinstance(item, EntityModel) else "rule"
            records[f"{kind}/{hashlib.sha256(raw).hexdigest()[:32]}"] = raw
        checker.references()
        if found := [*problems, *checker.problems]:
            raise InvalidRules(sorted(found, key=_place_of)[:MAX_PROBLEMS])
        return cls(tuple(entities), tuple(rules), records)


def _encode(item: EntityModel | RuleModel) -> bytes:
    raw = orjson.dumps(item.model_dump(by_alias=True, exclude_defaults=True), option=orjson.OPT_SORT_KEYS)
    return bytes(memoryview(raw))  # what orjson returns sits in a buffer of 4 kB: kept a hundred thousand times, 400 MB


def _place_of(problem: Problem) -> tuple[str, int, int]:
    return problem.file, problem.line, problem.column


def _always(file: str) -> Place:
    return lambda _path, _offset: (file, 1, 1)


def explain_validation(error: ValidationError, place: Place) -> list[Problem]:
    """What pydantic found, in words for an author."""
    out = []
    for found in error.errors(include_url=False):
        path: Path = tuple(part for part in found["loc"] if not str(part).startswith(("function-", "AliasModel")))
        file, line, column = place(path, 0)
        where = ".".join(str(part) for part in path)
        out.append(Problem(file, line, column, f"{where}: {_in_words(found)}" if where else _in_words(found)))
    return out


def _in_words(found: Any) -> str:
    kind, given = found["type"], found.get("input")
    if found["loc"][:1] == ("policy",):
        return in_words(found)
    if kind == "missing":
        return "is missing; write it"
    if kind == "extra_forbidden":
        return _no_field(str(found["loc"][-1]))
    if kind in ("string_type", "model_type"):
        return _no_text(given)
    if kind == "string_pattern_mismatch":
        return (
            f"{given!r} does not fit; only a-z, 0-9 and - are allowed"
            if found["loc"][-1] == "id"
            else f"{given!r} does not fit"
        )
    return str(found["msg"])


def _no_field(name: str) -> str:
    if name == "<<":
        return "merge keys are not read; write the fields out, or give a single value an anchor (&name, *name)"
    models = (EntityModel, RuleModel, AliasModel)
    known = sorted({one for model in models for one in model.model_fields} | {"entities", "rules", "fires"})
    return f"there is no such field{did_you_mean(name, known)}"


def _no_text(given: object) -> str:
    if isinstance(given, bool):
        return "YAML reads yes, no, on, off, true and false as truth values; put it in quotation marks"
    return f'must be text; put it in quotation marks: "{given}"' if isinstance(given, int | float) else "must be text"


def _is_short(term: LiteralTerm | RawTerm) -> bool:
    plain = fold(term.text) if isinstance(term, LiteralTerm) else normalise(term.text).text
    return len(plain.replace(" ", "")) < 2


def _is_day(text: str) -> bool:
    try:
        expires_s(text)
    except (ValueError, OverflowError):
        return False
    return True


class _Checker:
    """Builds the inside values and collects every problem on the way."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._entities: dict[str, tuple[str, int]] = {}
        self._rules: dict[str, tuple[str, int]] = {}
        self._asked: list[tuple[str, tuple[str, int, int]]] = []
        """Entities that were named before they were defined, and where."""

    def add(self, place: Place, path: Path, message: str, offset: int = 0) -> None:
        self.problems.append(Problem(*place(path, offset), message))

    def _define(self, what: str, known: dict[str, tuple[str, int]], name: str, place: Place) -> None:
        file, line, column = place(("id",), 0)
        if name in known:
            first, at = known[name]
            message = f"the {what} {name} is defined already, at {first}:{at}; give it another id"
            self.problems.append(Problem(file, line, column, message))
        known.setdefault(name, (file, line))

    def _ask(self, entity: str, place: Place, path: Path, offset: int = 0) -> None:
        if entity not in self._entities:
            self._asked.append((entity, place(path, offset)))

    def references(self) -> None:
        """Check what was named: now everything is defined that will be."""
        for entity, place in self._asked:
            if entity not in self._entities:
                hint = did_you_mean(entity, sorted(self._entities))
                self.problems.append(Problem(*place, f"there is no entity {entity}{hint}"))

    def entity(self, item: EntityModel, place: Place) -> Entity:
        self._define("entity", self._entities, item.id, place)
        aliases: list[Alias] = []
        seen: set[str] = set()
        for number, given in enumerate((AliasModel(text=item.name), *item.aliases)):
            path: Path = ("aliases", number - 1) if number else ("name",)
            plain = fold(given.text)
            if len(plain.replace(" ", "")) < 2:
                message = f"{given.text!r} has one syllable: it would be found in other words everywhere; write it out"
                self.add(place, path, message)
                continue
            needs = given.needs if given.needs is not None else item.needs or []
            for at, need in enumerate(needs):
                there: Path = (*path, "needs", at) if given.needs else ("needs", at)
                if need.startswith("@"):
                    self._ask(need[1:], place, there)
                elif not fold(need):
                    self.add(place, there, _NOTHING)
            exact = (given.case or item.case) == "exact"
            if (key := given.text if exact else plain) in seen:
                continue
            seen.add(key)
            ambiguous = given.ambiguous if given.ambiguous is not None else item.ambiguous
            aliases.append(Alias(given.text, given.lang, ambiguous, tuple(needs), exact))
        for at, excluded in enumerate(item.not_in):
            if not fold(excluded):
                self.add(place, ("not_in", at), _NOTHING)
        return Entity(
            item.id,
            item.name,
            item.kind,
            tuple(aliases),
            tuple(item.not_in),
            tuple(item.titles),
            item.compound == "accept",
        )

    def rule(self, item: RuleModel, place: Place) -> Rule | None:
        self._define("rule", self._rules, item.id, place)
        try:
            expression = parse(item.when)
        except RuleSyntaxError as error:
            self.add(place, ("when",), error.message, error.at)
            return None
        for term in terms_of(expression):
            if isinstance(term, EntityTerm):
                self._ask(term.id, place, ("when",), term.at)
            elif not isinstance(term, WildcardTerm) and _is_short(term):
                message = f"{term} has one syllable: it would be found everywhere; write a longer word"
                self.add(place, ("when",), message, term.at)
        if item.expires is not None and not _is_day(item.expires):
            self.add(place, ("expires",), f"expires: {item.expires} is no day; write it as 2026-12-31")
        for fault in faults(item.policy, "rule") if item.policy else ():
            self.add(place, ("policy", *fault.path), f"{'.'.join(map(str, ('policy', *fault.path)))}: {fault.message}")
        examples = []
        for number, example in enumerate(item.tests):
            article = {name: value for name in _TOLD if (value := getattr(example, name))}
            if article.keys().isdisjoint(("title", "text", "html")):
                self.add(place, ("tests", number), "a test needs text, title or html")
            examples.append(Example(article, example.fires))
        return Rule(
            item.id, item.name or item.id, item.when, expression, tuple(item.tags),
            item.policy.written() if item.policy else None, item.owner, item.expires, item.shadow, tuple(examples),
        )  # fmt: skip
