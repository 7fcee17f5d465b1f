"""`bongsu rules check, test, backtest, diff` and `explain --rule` as an author calls them."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from service.cli import cli
from service.model.errors import InvalidRules

GOOD = """\
entities:
  - {id: garam, name: 가람시, kind: government}
  - {id: naru, name: 나루군, kind: government}
rules:
  - {id: both, when: '@garam AND @naru AND NOT "관광"', owner: desk}
  - {id: near, when: '@garam NEAR/2 @naru', shadow: true}
"""
BAD = """\
entities:
  - {id: garam, name: 가람시, kind: government}
  - {id: hana, name: 하나, kind: company, ambiguous: false}
  - {id: nobody, name: 다솜면, not_in: [다솜면]}
rules:
  - {id: never, when: '@garam AND NOT @garam'}
  - {id: dead, when: '@nobody AND "협약"'}
  - {id: one, when: '@garam AND "협약"'}
  - {id: same, when: '"협약" AND @garam'}
  - {id: old, when: '@garam AND "폭우"', expires: "2020-01-31"}
"""


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def written(text: str, name: str = "r.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return written


def run(*args: object) -> tuple[int, str]:
    result = CliRunner().invoke(cli, list(map(str, args)))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout


def test_rules_without_fault_have_exit_code_0(write: Any) -> None:
    code, out = run("rules", "check", write(GOOD))
    assert code == 0
    assert out.endswith("0 warnings\n")


def test_each_lint_with_its_place_and_exit_code_1(write: Any) -> None:
    path = write(BAD)
    code, out = run("rules", "check", path, "--json")
    assert code == 1
    answer = json.loads(out)
    assert answer["loads"] is True
    assert {(one["line"], one["kind"], one["id"]) for one in answer["warnings"]} == {
        (3, "inside_words", "hana"),
        (3, "unused_entity", "hana"),
        (4, "never_fires", "nobody"),
        (6, "never_fires", "never"),
        (7, "never_fires", "dead"),
        (9, "duplicate_rule", "same"),
        (10, "expired", "old"),
    }
    assert run("rules", "check", path)[1].startswith(f"{path}:3:10: warning: hana: ")


def test_errors_are_apart_from_warnings(write: Any) -> None:
    path = write("rules: [{id: r, when: '@nobody'}]")
    code, out = run("rules", "check", path, "--json")
    answer = json.loads(out)
    assert (code, answer["loads"], answer["warnings"]) == (2, False, [])
    assert answer["errors"][0]["line"] == 1
    with pytest.raises(InvalidRules):
        run("rules", "check", path)


def test_names_that_stand_inside_words_of_the_articles_given(write: Any, tmp_path: Path) -> None:
    path = write("entities: [{id: n, name: 나루}]\nrules: [{id: n, when: '@n'}]")
    articles = tmp_path / "a.jsonl"
    texts = ["나루터에 배가 없다.", "옛 나루터가 남았다."] * 3
    articles.write_text("\n".join(json.dumps({"id": str(n), "text": text}) for n, text in enumerate(texts)))
    code, out = run("rules", "check", path, "--articles", articles)
    assert code == 1
    assert "나루 stands 6 times inside other words (나루터에, 나루터가) and 0 times as itself" in out


def test_a_failing_test_says_why(write: Any) -> None:
    tests = "tests: [{text: 가람시는 오늘 아침 일찍 나루군을 도왔다., fires: true}]"
    code, out = run("rules", "test", write(GOOD.replace("shadow: true", tests)), "--json")
    assert code == 1
    (failure,) = json.loads(out)["failures"]
    assert (failure["rule"], failure["fires"]) == ("near", False)
    whole, left, right = failure["parts"]
    assert (whole["true"], left["true"], right["true"]) == (False, True, True)
    assert "at most 2 words between" in whole["why"]
    assert left["why"].startswith("가람시는 (text 0-3")


def test_explain_a_rule_part_by_part(write: Any, tmp_path: Path) -> None:
    article = tmp_path / "a.txt"
    article.write_text("소식\n가람시와 나루군이 관광 지도를 냈다.", encoding="utf-8")
    code, out = run("explain", "--rules", write(GOOD), "--rule", "both", "--json", article)
    assert code == 0
    rule = json.loads(out)["rule"]
    assert (rule["fires"], rule["owner"]) == (False, "desk")
    assert [(one["depth"], one["part"], one["true"]) for one in rule["parts"]] == [
        (0, '@garam AND @naru AND NOT "관광"', False),
        (1, "@garam", True),
        (1, "@naru", True),
        (1, 'NOT "관광"', False),
        (2, '"관광"', True),
    ]
    code, out = run("explain", "--rules", write(GOOD), "--rule", "both", article)
    assert "does not fire  id: both; name: both; owner: desk" in out


def test_explain_of_a_rule_that_has_expired(write: Any, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("소식\n나루시는 넓다.", encoding="utf-8")
    rules = write("entities: [{id: naru, name: 나루시}]\nrules: [{id: ended, when: '@naru', expires: 2020-01-01}]\n")
    args = ("explain", "--rules", rules, "--rule", "ended", str(tmp_path / "a.txt"))
    code, out = run(*args)
    assert (code, out.splitlines()[0].startswith("does not fire any more  id: ended")) == (0, True)
    told = json.loads(run(*args, "--json")[1])["rule"]
    assert (told["fires"], told["parts"][0]["true"]) == (False, True)


def test_backtest_says_what_a_span_is() -> None:
    result = CliRunner().invoke(cli, ["rules", "backtest", "--from-topic", "--since", "yesterday"])
    assert result.exit_code == 2
    assert "'yesterday' is not a span of time such as 90s, 30m, 1h or 7d" in result.stderr


@pytest.mark.parametrize("workers", [1, 2])
def test_backtest_counts_by_day_and_source_and_compares(write: Any, tmp_path: Path, workers: int) -> None:
    articles = tmp_path / "a.jsonl"
    rows = [
        {"id": "1", "source": "가온일보", "published_at": "2026-03-01T09:00:00+09:00", "text": "가람시와 나루군이 만났다."},
        {"id": "2", "source": "가온일보", "published_at": "2026-03-02", "text": "가람시와 나루군의 관광 지도."},
        {"id": "3", "text": "가람시는 바쁘고 오늘도 나루군은 조용하다."},
        "bad",
    ]  # fmt: skip
    articles.write_text("\n".join(map(json.dumps, rows)))
    before = write(GOOD.replace("NEAR/2", "NEAR/1").replace(' AND NOT "관광"', ""), "before.yaml")
    code, out = run(
        "rules", "backtest", "--rules", write(GOOD), "--against", before, "--workers", workers, "--json", articles
    )
    assert code == 0
    answer = json.loads(out)
    assert (answer["articles"], answer["unread"], answer["fired_in"]) == (3, 1, 3)
    both, near = answer["rules"]
    assert (both["articles"], both["gained"], both["lost"]) == (2, 0, 1)
    assert both["by_day"] == {"2026-03-01": 1, "unknown": 1}
    assert both["by_source"] == {"가온일보": 1, "unknown": 1}
    assert [one["article"] for one in both["lost_samples"]] == ["2"]
    assert (near["shadow"], near["articles"], near["gained"]) == (True, 3, 1)
    assert [one["article"] for one in near["gained_samples"]] == ["3"]


def test_backtest_names_the_rules_that_fire_nowhere(write: Any) -> None:
    articles = write(json.dumps({"id": "1", "text": "가람시는 바쁘고 오늘도 나루군은 조용하다."}), "a.jsonl")
    quiet = [f"  - {{id: quiet-{number:02}, when: '\"없는 말 {number}\"'}}" for number in range(25)]
    code, out = run("rules", "backtest", "--rules", write("\n".join([GOOD, *quiet])), articles)
    assert code == 0
    assert "25 rules fire nowhere: quiet-00, quiet-01, " in out
    assert out.endswith("quiet-19, ... and 5 more\n")


def test_diff_field_by_field_and_what_is_affected(write: Any) -> None:
    new = GOOD.replace("name: 가람시,", "name: 가람시, aliases: [가람],").replace("owner: desk", "owner: city")
    code, out = run("rules", "diff", write(GOOD, "old.yaml"), write(new), "--json")
    answer = json.loads(out)
    assert code == 1
    assert list(answer["entities"]["changed"]) == ["garam"]
    assert answer["rules"]["changed"] == {"both": {"owner": ["desk", "city"]}}
    assert answer["affected"] == ["near"]
    reordered = GOOD.replace("@garam AND @naru", "@naru AND @garam")
    code, out = run("rules", "diff", write(GOOD, "old.yaml"), write(reordered))
    assert (code, out) == (0, "no difference\n")
