"""Rule files from a disk: YAML (JSON is YAML), read with the place of every value for messages to point at."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from service.adapters.collector import collector_held
from service.matching.ruleset import Path as Keys
from service.matching.ruleset import Placed, RuleSet, explain_validation
from service.matching.schema import EntityModel, RuleModel
from service.model.errors import BadInput, InvalidRules, Problem

SUFFIXES = (".yaml", ".yml", ".json")
_MODELS: dict[str, type[EntityModel | RuleModel]] = {"entities": EntityModel, "rules": RuleModel}
MAX_FILE_BYTES = 100_000_000
MAX_VALUES = 50_000
"""Of one definition: YAML references (`*x`) may stand for more than any memory holds."""
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TEXT = "tag:yaml.org,2002:str"
_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""As YAML counts lines."""


def load_rules(path: Path) -> RuleSet:
    """Every rule file at `path`: one file, or a directory with all below it.

    Raises:
        InvalidRules: every problem, with file:line:column and what to do about it.
    """
    problems: list[Problem] = []
    return _built(_definitions_of(path, problems), problems, str(path))


def load_text(raw: bytes, name: str) -> RuleSet:
    """The rules of one file that is not on a disk; problems name it `name`. Raises as `load_rules`."""
    problems: list[Problem] = []
    return _built(_read_bytes(raw, name, problems), problems, name)


def _built(definitions: Iterator[Placed], problems: list[Problem], name: str) -> RuleSet:
    with collector_held():  # a third of the time
        ruleset = RuleSet.build(definitions, problems)
    if not ruleset.entities and not ruleset.rules:
        nothing = "no rules here; write entities: and rules: into a .yaml file (docs/rules.md)"
        raise InvalidRules([Problem(name, 1, 1, nothing)])
    return ruleset


def _definitions_of(path: Path, problems: list[Problem]) -> Iterator[Placed]:
    """File by file: of the nodes of one nothing is left when the next is read."""
    for file in _files(path):
        yield from _read(file, problems)


def places(path: Path) -> dict[tuple[str, str], tuple[str, int, int]]:
    """File, line and column of each ("entity" | "rule", id) at `path`: for who has something to say about them."""
    return _placed(_definitions_of(path, []))


def places_in_text(raw: bytes, name: str) -> dict[tuple[str, str], tuple[str, int, int]]:
    """The same of one file that is not on a disk."""
    return _placed(_read_bytes(raw, name, []))


def _placed(definitions: Iterator[Placed]) -> dict[tuple[str, str], tuple[str, int, int]]:
    out: dict[tuple[str, str], tuple[str, int, int]] = {}
    with collector_held():
        for item, place in definitions:
            out.setdefault(("entity" if isinstance(item, EntityModel) else "rule", item.id), place(("id",), 0))
    return out


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
    if path.is_file():
        return [path]
    raise InvalidRules(
        [Problem(str(path), 1, 1, "there is no such file or directory; name the one that holds the rules")]
    )


def _read(file: Path, problems: list[Problem]) -> Iterator[Placed]:
    """The definitions of one file, each with the way to its place; what is wrong goes to `problems`."""
    name = str(file)
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            problems.append(Problem(name, 1, 1, f"larger than {MAX_FILE_BYTES} bytes; split it"))
            return
        raw = file.read_bytes()
    except OSError as error:
        problems.append(Problem(name, 1, 1, f"cannot be read: {error.strerror}"))
        return
    yield from _read_bytes(raw, name, problems)


def _read_bytes(raw: bytes, name: str, problems: list[Problem]) -> Iterator[Placed]:
    try:
        text = raw.decode("utf-8-sig")
        root = yaml.compose(text, Loader=_LOADER)
    except UnicodeDecodeError as error:
        problems.append(Problem(name, 1, 1, f"not UTF-8 (byte {error.start}); save it as UTF-8"))
        return
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        problems.append(Problem(name, line, column, f"not YAML: {error.problem or error.context}"))
        return
    except (yaml.YAMLError, RecursionError) as error:
        problems.append(Problem(name, 1, 1, f"not YAML: {' '.join(str(error).split())}"))
        return
    if root is None:
        return
    yield from _definitions(name, root, problems, text)


def _definitions(name: str, root: yaml.Node, problems: list[Problem], text: str) -> Iterator[Placed]:
    lines = _BREAK.split(text)
    may_refer = "*" in text
    if not isinstance(root, yaml.MappingNode):
        problems.append(_problem(name, root, "a rule file has entities: and rules: at its top"))
        return
    for key, value in root.value:
        model = _MODELS.get(key.value) if isinstance(key, yaml.ScalarNode) else None
        if model is None:
            problems.append(
                _problem(
                    name, key, f"there is no such part {getattr(key, 'value', '')!r}; a file has entities: and rules:"
                )
            )
            continue
        if isinstance(value, yaml.ScalarNode) and value.value in ("", "null", "~"):
            continue
        if not isinstance(value, yaml.SequenceNode):
            problems.append(_problem(name, value, f"{key.value}: must be a list; begin each with - id:"))
            continue
        for node in value.value:
            place = _Place(name, node, lines)
            if may_refer and _unfolds(node):
                problems.append(
                    _problem(name, node, f"references unfold to more than {MAX_VALUES} values; write them out")
                )
                continue
            plain = _plain(node, name, problems, 0)
            try:
                yield model.model_validate(plain), place
            except ValidationError as error:
                problems.extend(explain_validation(error, place))
                if (rest := _what_is_right(model, plain, error)) is not None:
                    yield rest, place


def _what_is_right(model: type[EntityModel | RuleModel], plain: Any, error: ValidationError) -> Any:
    """A definition without its wrong fields, None where it is none without them.

    It is never in force, for what is wrong is told; but its `when` is read in the same run, and who names it is not
    told that there is no such entity.
    """
    wrong = {one["loc"][0] for one in error.errors(include_url=False, include_input=False) if one["loc"]}
    if not wrong or not isinstance(plain, dict):
        return None
    try:
        return model.model_validate({name: value for name, value in plain.items() if name not in wrong})
    except ValidationError:
        return None


def _unfolds(node: yaml.Node) -> bool:
    """Whether a node is more than it should be when every reference in it is followed."""
    seen = 0
    waiting = [node]
    while waiting and seen <= MAX_VALUES:
        one = waiting.pop()
        seen += 1
        if isinstance(one, yaml.SequenceNode):
            waiting.extend(one.value)
        elif isinstance(one, yaml.MappingNode):
            waiting.extend(value for _, value in one.value)
    return bool(waiting)


def read_value(text: str, name: str) -> Any:
    """One value written as in a rule file (YAML, of which JSON is a part; times and dates stay text).

    Raises:
        BadInput: it is not YAML, with its place in `name`.
    """
    problems: list[Problem] = []
    try:
        node = yaml.compose(text, Loader=_LOADER)
        value = None if node is None else _plain(node, name, problems, 0)
    except (yaml.YAMLError, RecursionError) as error:
        raise BadInput(f"{name}: not YAML: {' '.join(str(error).split())}") from None
    if problems:
        raise BadInput("\n".join(map(str, problems)))
    return value


def _problem(name: str, node: yaml.Node, message: str) -> Problem:
    return Problem(name, node.start_mark.line + 1, node.start_mark.column + 1, message)


def _plain(node: yaml.Node, name: str, problems: list[Problem], depth: int) -> Any:
    """The value of a node. Dates stay text, a key that comes twice is a problem."""
    if depth > 20:
        problems.append(_problem(name, node, "nested too deeply"))
        return None
    if isinstance(node, yaml.SequenceNode):
        return [_plain(child, name, problems, depth + 1) for child in node.value]
    if isinstance(node, yaml.MappingNode):
        out: dict[Any, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                problems.append(_problem(name, key, "a key must be a word"))
            elif key.value in out:
                problems.append(_problem(name, key, f"{key.value}: stands here twice; keep one"))
            else:
                out[key.value] = _plain(value, name, problems, depth + 1)
        return out
    return _scalar(node)


def _scalar(node: yaml.Node) -> Any:
    text: str = node.value
    if node.tag == "tag:yaml.org,2002:bool":
        return text.lower() in ("true", "yes", "on")
    if node.tag == "tag:yaml.org,2002:null":
        return None
    if node.tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float"):
        try:
            return int(text) if node.tag.endswith("int") else float(text)
        except ValueError:
            return text
    return text


class _Place:
    """From a path within one definition to its place in the file."""

    __slots__ = ("_lines", "_name", "_node")

    def __init__(self, name: str, node: yaml.Node, lines: Sequence[str]) -> None:
        self._name = name
        self._node = node
        self._lines = lines

    def __call__(self, path: Keys, offset: int) -> tuple[str, int, int]:
        node = self._node
        for part in path:
            step: yaml.Node | None = None
            if isinstance(node, yaml.MappingNode):
                step = next((value for key, value in node.value if key.value == part), None)
                if step is None:
                    break
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
                step = node.value[part]
            if step is None:
                break
            node = step
        mark = node.start_mark
        if isinstance(node, yaml.ScalarNode) and offset > 0 and node.start_mark.line != node.end_mark.line:
            line, column = _within(self._lines, node, offset)
            return self._name, line + 1, column + 1
        quoted = isinstance(node, yaml.ScalarNode) and node.style in ("'", '"')
        on_one_line = isinstance(node, yaml.ScalarNode) and node.start_mark.line == node.end_mark.line
        return (
            self._name,
            mark.line + 1,
            mark.column + 1 + (offset + quoted if on_one_line and offset >= 0 and quoted | bool(offset) else 0),
        )


def _within(lines: Sequence[str], node: yaml.ScalarNode, offset: int) -> tuple[int, int]:
    """Line and column of an offset into text that goes over several lines.

    YAML changes nothing but white space in it (in double quotes also what follows a backslash, which is rare), so the
    characters that are none are counted.
    """
    line, column = node.start_mark.line, node.start_mark.column
    wanted = len("".join(node.value[:offset].split()))
    if node.style in ("|", ">"):
        line, column = line + 1, 0
    elif node.style:
        column += 1
    begin = line, column
    while line < min(node.end_mark.line + 1, len(lines)):
        text = lines[line]
        while column < len(text):
            if not text[column].isspace():
                if not wanted:
                    return line, column
                wanted -= 1
                column += text.startswith("''", column) and node.style == "'"
            column += 1
        line, column = line + 1, 0
    return begin
