"""`bongsu bench match`: what it compares finds the same, and it measures other people's rules too."""

import re
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner

from service.bench import match
from service.bench.simple_matchers import plain, with_pyahocorasick
from service.bench.watchlists import articles, mentioned, rule_file
from service.cli.bench import bench
from service.ingest.decode import decode_article
from service.matching.engine import Engine
from service.model.article import Article

RULES = 2_000
_DATELINE = re.compile(r"^\[[^=\]]+=", re.MULTILINE)


@pytest.fixture(scope="module")
def known() -> list[str]:
    return mentioned()


@pytest.fixture(scope="module")
def read(known: list[str]) -> list[Article]:
    """Without the cities of datelines: the simple matcher knows no zones."""
    made = [{**one, "text": _DATELINE.sub("[", one["text"])} for one in articles(60, known)]
    return [decode_article(orjson.dumps(one)) for one in made]


def test_every_contestant_fires_the_same_rules(known: list[str], read: list[Article]) -> None:
    ruleset = match.build(rule_file(RULES, known))
    engine = Engine(ruleset)
    simple, left_out = with_pyahocorasick(ruleset)
    every = plain(engine)
    fired = [{hit.rule.id for hit in engine.match(article).hits} for article in read]
    assert left_out == 0
    assert [set(simple(article)) for article in read] == fired
    assert [set(every(article)) for article in read] == fired
    assert 0.5 <= sum(map(len, fired)) / len(read) <= 5


def test_articles_are_compared_with_those_in_which_as_many_rules_fire(known: list[str], read: list[Article]) -> None:
    lines = [orjson.dumps({"id": one.id, "title": one.title, "text": one.text}) for one in read]
    contest = match._contest("some", match.build(rule_file(RULES, known)), lines)
    groups = match._by_matches(contest)
    assert sum(map(len, groups.values())) == len(read)
    assert len(groups) > 2
    for matches, of in groups.items():
        found = {len(contest.engine.match(article).hits) for article in of}
        assert found == {matches} or (matches == match.MOST and min(found) >= matches)


def test_the_rules_have_the_shapes_that_they_should(known: list[str]) -> None:
    whens = [rule["when"] for rule in rule_file(10_000, known)["rules"]]

    def share(pattern: str) -> float:
        return sum(re.fullmatch(pattern, when) is not None for when in whens) / len(whens)

    assert share(r"@e\d+") == pytest.approx(0.60, abs=0.02)
    assert share(r"@e\d+ AND @e\d+") == pytest.approx(0.25, abs=0.02)
    assert share(r"@e\d+ AND NOT @e\d+") == pytest.approx(0.10, abs=0.02)
    assert share(r"@e\d+ NEAR/10 @e\d+|title:@e\d+") == pytest.approx(0.05, abs=0.01)


def test_it_measures_rules_and_articles_from_files(tmp_path: Path) -> None:
    rules, file = tmp_path / "rules.yaml", tmp_path / "articles.jsonl"
    rules.write_text(
        "entities: [{id: geoje, name: 거제, kind: place}]\n"
        "rules: [{id: ships, when: '@geoje AND \"조선소\"'}, {id: often, when: 'ATLEAST/2 @geoje'}]\n",
        encoding="utf-8",
    )
    lines = [{"text": "거제의 조선소가 다시 붐빈다."}, {"text": "거제에서 거제까지 돌아왔다."}, {"text": "비가 온다."}]
    file.write_bytes(b"\n".join(map(orjson.dumps, lines)))
    result = CliRunner().invoke(bench, ["match", "--json", "--quick", "--rules", str(rules), "--articles", str(file)])
    assert result.exit_code == 0, result.output
    (row,) = orjson.loads(result.stdout)["rows"]
    assert row["rules"] == 2
    assert row["matches_per_article"] == pytest.approx(2 / 3, abs=0.01)
    assert row["left_out_by_pyahocorasick"] == 1
    assert set(row["cpu_ms"]) == {"match", "line_to_line", "pyahocorasick", "plain"}


@pytest.mark.parametrize("given", [["match", "--rules", "."], ["find", "--rules", ".", "--articles", "x"]])
def test_files_without_the_other_or_for_another_benchmark_are_refused(given: list[str]) -> None:
    result = CliRunner().invoke(bench, given)
    assert result.exit_code == 2
    assert "--articles" in result.output


def test_no_articles_are_refused(tmp_path: Path) -> None:
    rules, file = tmp_path / "rules.yaml", tmp_path / "articles.jsonl"
    rules.write_text("rules: [{id: ships, when: '\"조선소\"'}]\n", encoding="utf-8")
    file.write_bytes(b"\n")
    result = CliRunner().invoke(bench, ["match", "--rules", str(rules), "--articles", str(file)])
    assert "no articles in it" in str(result.exception)
