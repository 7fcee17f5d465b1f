"""Rule files: every problem with its place, and the records that they become."""

from pathlib import Path

import pytest

from service.adapters.rule_files import load_rules
from service.matching.ruleset import RuleSet
from service.model.errors import InvalidRules


def problems(tmp_path: Path, text: str) -> list[str]:
    (tmp_path / "r.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InvalidRules) as error:
        load_rules(tmp_path)
    return [str(problem).removeprefix(f"{tmp_path}/") for problem in error.value.problems]


GOOD = """\
entities:
  - id: a
    name: 인천
    aliases: [{text: 仁川, lang: zh}, Incheon]
  - {id: b, name: 울산, needs: ["@a", 항만]}
rules:
  - id: r
    when: '@a AND NOT "관광 상품"'
    tests: [{text: 인천이 이겼다., fires: true}]
"""


def test_all_problems_at_once_each_with_its_place(tmp_path: Path) -> None:
    said = problems(
        tmp_path,
        """\
entities:
  - id: Bad_id
    name: 서울시
    knd: place
  - id: a
    name: 강
    aliases: [519]
  - id: c
    name: 인천
    needs: ["@nobody"]
rules:
  - id: r1
    when: '@c AND @zz'
  - id: r2
    when: '@c AND @c OR "가나"'
  - id: r2
    when: "@c"
    expires: soon
""",
    )
    assert said[0].startswith("r.yaml:2:9: id: 'Bad_id' does not fit")
    assert said[1].startswith("r.yaml:4:10: knd: there is no such field; did you mean kind?")
    assert said[2].startswith("r.yaml:6:11: '강' has one syllable"), "the rest of an entity is looked at too"
    assert "r.yaml:7:15: aliases.0:" in said[3]
    assert said[4].startswith("r.yaml:10:14: there is no entity nobody")
    assert said[5].startswith("r.yaml:13:19: there is no entity zz")
    assert said[6].startswith("r.yaml:15:22: AND and OR side by side")
    assert said[7].startswith("r.yaml:16:9: the rule r2 is defined already")
    assert said[8].startswith("r.yaml:18:14: expires: soon is no day; write it as 2026-12-31")
    assert len(said) == 9


def test_what_yaml_makes_of_a_text_is_told_as_it_was_written(tmp_path: Path) -> None:
    said = problems(
        tmp_path,
        """entities:
  - {id: no, name: 노르마을}
  - &hill {id: hill, name: 가람산}
  - {<<: *hill, id: dale, name: 가람골}
""",
    )
    assert said[0].startswith("r.yaml:2:10: id: YAML reads yes, no, on, off")
    assert "False" not in said[0]
    assert "merge keys are not read; write the fields out" in said[1]
    assert len(said) == 2


def test_a_policy_is_checked_where_it_stands(tmp_path: Path) -> None:
    said = problems(
        tmp_path,
        """entities:
  - {id: harbour, name: 나루시}
rules:
  - id: r1
    when: "@harbour"
    policy:
      mode: digest
      timezone: Europe/Berlin
      digest: {times: [18:00, "02:30"]}
      throttle_s: 60
  - id: r2
    when: "@harbour"
    policy:
      mod: each
      quiet:
        - {from: "22:00", to: 7}
""",
    )
    assert said[0].startswith("r.yaml:9:32: policy.digest.times.1: 02:30 does not exist in Europe/Berlin on 20")
    assert said[1].startswith("r.yaml:10:19: policy.throttle_s: has no meaning in mode digest")
    assert said[2].startswith("r.yaml:14:12: policy.mod: there is no such field; did you mean mode?")
    assert said[3].startswith('r.yaml:16:31: policy.quiet.0.to: must be text; put it in quotation marks: "7"')
    assert len(said) == 4


def test_a_policy_goes_with_its_rule(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(
        """entities: [{id: harbour, name: 나루시}]
rules:
  - {id: r1, when: "@harbour", policy: {mode: digest, digest: {times: [09:00, 18:30]}, quiet: [{from: "22:00", to: "07:00", days: [월, fri]}]}}
  - {id: r2, when: "@harbour"}
""",
        encoding="utf-8",
    )
    ruleset = load_rules(tmp_path)
    written = {
        "mode": "digest",
        "quiet": [{"from": "22:00", "to": "07:00", "days": ["mon", "fri"]}],
        "digest": {"times": ["09:00", "18:30"]},
    }
    for rules in (ruleset.rules, RuleSet.from_records(ruleset.to_records()).rules):
        assert {rule.id: rule.policy for rule in rules} == {"r1": written, "r2": None}


def test_one_syllable_is_refused(tmp_path: Path) -> None:
    (said,) = problems(tmp_path, "entities: [{id: a, name: 강}]\n")
    assert said.startswith("r.yaml:1:26: '강' has one syllable")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("entities: [", "not YAML"),
        ("- a\n", "entities: and rules:"),
        ("foo: []\n", "no such part 'foo'"),
        ("entities: {a: b}\n", "must be a list"),
        ("entities: [{id: a, id: b, name: 인천}]\n", "stands here twice"),
        ("entities: [{id: a, name: 인천}, {id: a, name: 울산}]\n", "defined already"),
        ("entities: [{id: a}]\n", "name: is missing"),
        ("", "no rules here"),
    ],
)
def test_files_that_are_none(tmp_path: Path, text: str, says: str) -> None:
    assert any(says in line for line in problems(tmp_path, text))


def test_not_utf8_and_not_there(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_bytes("rules: # 규칙".encode("cp949"))
    with pytest.raises(InvalidRules, match="not UTF-8"):
        load_rules(tmp_path)
    with pytest.raises(InvalidRules, match="no such file"):
        load_rules(tmp_path / "nowhere")


def test_records_are_the_rules(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "r.yml"
    file.parent.mkdir()
    file.write_text(GOOD, encoding="utf-8")
    ruleset = load_rules(tmp_path)
    records = ruleset.to_records()
    again = RuleSet.from_records(records)
    assert again.to_records() == records
    assert again.version == ruleset.version
    assert {entity.id: entity for entity in again.entities} == {entity.id: entity for entity in ruleset.entities}
    assert [(rule.id, rule.when, rule.tests) for rule in again.rules] == [
        (rule.id, rule.when, rule.tests) for rule in ruleset.rules
    ]
    assert all(key.split("/")[0] in {"entity", "rule"} for key in records)


def test_version_follows_content_and_not_order_or_place(tmp_path: Path) -> None:
    first = tmp_path / "a.yaml"
    first.write_text(GOOD, encoding="utf-8")
    other = tmp_path / "b.json"
    other.write_text('{"rules": [{"id": "r", "when": "@a AND NOT \\"관광 상품\\"", "tests": [{"text": "인천이 이겼다.", "fires": true}]}],'
                     '"entities": [{"id": "b", "name": "울산", "needs": ["@a", "항만"]},'
                     ' {"id": "a", "name": "인천", "aliases": [{"text": "仁川", "lang": "zh"}, "Incheon"]}]}', encoding="utf-8")  # fmt: skip
    assert load_rules(first).version == load_rules(other).version
    changed = tmp_path / "c.yaml"
    changed.write_text(GOOD.replace("이겼다", "졌다"), encoding="utf-8")
    assert load_rules(changed).version != load_rules(first).version


def test_a_record_that_is_not_what_its_key_says_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "r.yaml"
    file.write_text(GOOD, encoding="utf-8")
    records = load_rules(file).to_records()
    key = next(iter(records))
    with pytest.raises(InvalidRules, match="not what its key says"):
        RuleSet.from_records({**records, key: records[key] + b" "})


def test_what_is_wrong_in_one_field_hides_nothing_else_and_makes_nothing_else_wrong(tmp_path):
    (tmp_path / "x.yaml").write_text(
        """entities:
  - {id: naru, name: 나루시, knd: place}
rules:
  - {id: a, when: '@naru AND "폭우"'}
  - {id: b, when: '@naru AND', policy: {mode: digets}}
  - {id: c, when: '"폭우" AND "홍수"', tests: 3}
""",
        encoding="utf-8",
    )
    with pytest.raises(InvalidRules) as error:
        load_rules(tmp_path)
    found = [(one.line, one.message.partition(":")[0]) for one in error.value.problems]
    assert [line for line, _ in found] == [2, 5, 5, 6]
    assert not any("there is no entity" in one.message for one in error.value.problems)
    assert any("knd: there is no such field; did you mean kind?" in one.message for one in error.value.problems)
    assert {"policy.mode", "tests"} < {name for _, name in found}
