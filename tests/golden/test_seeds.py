"""Every seed fires exactly the rules that seeds/expected.yaml names, and the kinds of article promised are all there."""

import json
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from service.adapters.rule_files import load_rules
from service.ingest.decode import decode_article, decode_file
from service.matching.engine import Engine
from service.model.article import Article
from tests.situations import engine_fixture

ROOT = Path(__file__).parents[2]
SEEDS = ROOT / "seeds"
RULES = ROOT / "rules"
EXPECTED: dict[str, list[str]] = yaml.safe_load((SEEDS / "expected.yaml").read_text(encoding="utf-8"))
FILES = sorted(path for path in SEEDS.iterdir() if path.suffix in {".txt", ".html", ".jsonl"})


def articles() -> Iterator[tuple[str, Article]]:
    """Every seed with its key in expected.yaml."""
    for path in FILES:
        raw = path.read_bytes()
        if path.suffix != ".jsonl":
            yield path.name, decode_file(path.name, raw)
            continue
        for number, line in enumerate(raw.splitlines(), 1):
            if line.strip():
                yield f"{path.name}#{number}", decode_article(line)


ARTICLES = dict(articles())


engine = engine_fixture(load_rules(RULES))  # the seeds hold with the extra `morphology` and without it


@pytest.mark.parametrize("key", sorted(ARTICLES.keys() | EXPECTED.keys()))
def test_seed_fires_exactly_its_rules(engine: Engine, key: str) -> None:
    found = engine.examine(ARTICLES[key])
    assert sorted(hit.rule.id for hit in found.hits) == sorted(EXPECTED[key])


@pytest.mark.parametrize("key", sorted(ARTICLES))
def test_the_fast_path_fires_the_same(engine: Engine, key: str) -> None:
    assert sorted(hit.rule.id for hit in engine.match(ARTICLES[key]).hits) == sorted(EXPECTED[key])


def test_every_rule_does_what_its_own_tests_say(engine: Engine) -> None:
    for rule in load_rules(RULES).rules:
        assert {example.fires for example in rule.tests} == {True, False}, rule.id
        for example in rule.tests:
            found = engine.examine(decode_article(json.dumps(dict(example.article)).encode()))
            assert (rule.id in {hit.rule.id for hit in found.hits}) is example.fires, (rule.id, example)


def test_every_rule_is_fired_by_some_seed_and_missed_by_some() -> None:
    rules = {rule.id for rule in load_rules(RULES).rules}
    assert {rule for fired in EXPECTED.values() for rule in fired} == rules
    assert sum(not fired for fired in EXPECTED.values()) >= 10


def test_there_are_enough_and_of_every_form() -> None:
    assert len(ARTICLES) >= 24
    assert {path.suffix for path in FILES} == {".txt", ".html", ".jsonl"}


def test_the_decomposed_seed_is_decomposed() -> None:
    text = (SEEDS / "09-agreement-nfd.txt").read_text(encoding="utf-8")
    assert unicodedata.is_normalized("NFD", text)
    assert "서울시" not in text
    assert "서울시" in unicodedata.normalize("NFC", text)


@pytest.mark.parametrize(("name", "encoding"), [("10-nagoya-cp949.txt", "cp949"), ("24-visit-euckr.html", "euc-kr")])
def test_seeds_in_old_encodings_are_not_utf8(name: str, encoding: str) -> None:
    raw = (SEEDS / name).read_bytes()
    with pytest.raises(UnicodeDecodeError):
        raw.decode("utf-8")
    assert "베이징" in raw.decode(encoding) or "나고야" in raw.decode(encoding)


def test_the_copy_is_a_copy() -> None:
    original = (SEEDS / "01-talks.txt").read_text(encoding="utf-8").splitlines()
    copy = (SEEDS / "02-talks-copy.txt").read_text(encoding="utf-8").splitlines()
    assert original[0] != copy[0]
    assert len(set(original) & set(copy)) >= 4


def test_the_update_is_a_new_version_of_one_article() -> None:
    first, second = (ARTICLES[f"26-update.jsonl#{line}"] for line in (1, 2))
    assert first.id == second.id
    assert first.text != second.text


@pytest.mark.parametrize(
    ("key", "surface"),
    [
        ("04-university.txt", "서울시립대"),
        ("05-related-only.txt", "서울시"),
        ("06-football-match.txt", "경기"),
        ("07-dateline-only.txt", "[충칭="),
        ("08-street-name.txt", "충칭로"),
        ("18-lookalikes.txt", "서울시리즈"),
        ("19-publisher-address.txt", "서울특별시"),
        ("23-links-only.html", "서울시장"),
    ],
)
def test_what_must_not_fire_tempts_a_careless_search(key: str, surface: str) -> None:
    article = ARTICLES[key]
    assert surface in f"{article.title}\n{article.text}\n{article.html}"
    assert EXPECTED[key] == []


def test_the_readme_lists_every_seed() -> None:
    listed = (SEEDS / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in FILES if f"| {path.name} |" not in listed] == []
