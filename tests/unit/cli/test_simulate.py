"""`bongsu simulate` as a person calls it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from service.cli.simulate import simulate
from service.model.errors import BadInput, WrongSetup

DAY = Path(__file__).parents[2] / "golden" / "day"
RULES = ("--rules", str(DAY / "rules.yaml"))


@pytest.fixture(autouse=True)
def _without_the_veto(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BONGSU_MATCHING_MORPHOLOGY", "false")


def called(*args: object, stdin: str | None = None) -> tuple[str, str]:
    done = CliRunner().invoke(simulate, [str(arg) for arg in args], input=stdin, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout, done.stderr


def test_the_golden_day_line_by_line() -> None:
    out, err = called(DAY / "day.jsonl", *RULES, "--subscriptions", DAY / "subscriptions.yaml", "--json")
    expected = (DAY / "expected.jsonl").read_text(encoding="utf-8")
    assert [json.loads(line) for line in out.splitlines()] == [json.loads(line) for line in expected.splitlines()]
    told = sum('"notification"' in line for line in expected.splitlines())
    assert f"{told} notifications" in err


def test_for_people_and_from_standard_input_with_one_subscription_of_all() -> None:
    line = json.dumps({"at": "2026-11-23T09:00:00", "id": "a", "title": "t", "text": "다온시에 눈이 왔다."})
    out, err = called("-", *RULES, stdin=line)
    assert out.splitlines()[0].split() == ["2026-11-23", "09:00:00", "all", "notified", "a", "by", "daon", "(first)"]
    assert "=> alert.matched (first)" in out.splitlines()[1]
    assert err.startswith("1 articles, 1 with a rule")


def test_the_tail_is_how_long_it_goes_on() -> None:
    line = json.dumps({"at": "2026-11-23T09:00:00", "id": "a", "text": "다온시에 눈이 왔다."})
    wait = ("--subscriptions", DAY / "subscriptions.yaml", "--json")
    short, _ = called("-", *RULES, *wait, "--tail", "1m", stdin=line)
    long, _ = called("-", *RULES, *wait, "--tail", "10m", stdin=line)
    assert "group_wait" in long
    assert len(long.splitlines()) > len(short.splitlines())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- {id: a}\n- {id: a}\n", "subscription a stands there twice"),
        ("- {rules: ['*']}\n", "subscription 1: id: Field required"),
        ("- {id: a, policy: {mode: sometimes}}\n", "mode"),
        ("- {id: a, colour: red}\n", "subscription a: colour: "),
        ("- {id: a, rules: [\n", "is not YAML"),
        ("id: a\n", "must be a list of subscriptions"),
    ],
)
def test_subscriptions_that_cannot_be_used(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "people.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=r"people\.yaml") as caught:
        called(DAY / "day.jsonl", *RULES, "--subscriptions", file)
    assert says in str(caught.value)


def test_a_day_that_is_not_there_and_a_line_that_cannot_be_used() -> None:
    with pytest.raises(WrongSetup, match=r"gone\.jsonl: No such file or directory; name a \.jsonl file"):
        called("gone.jsonl", *RULES)
    with pytest.raises(BadInput, match=r"^-:1: a line is an object with its time"):
        called("-", *RULES, stdin='{"id": "a"}')


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ({"subscribe": {"id": "a", "rules": ["daom"]}}, "day.jsonl:2: there is no rule daom in "),
        ({"subscribe": {"id": "a", "rules": ["tag:rejion"]}}, "has the tag rejion; did you mean region?"),
        ({"unsubscribe": "al"}, "unsubscribe: there is no subscription al by then; did you mean all?"),
        ({"lift": "sil_1"}, "lift: there is no silence sil_1 by then; a line above must begin it"),
    ],
)
def test_what_a_line_names_has_to_be_there(tmp_path: Path, line: dict[str, object], says: str) -> None:
    day = tmp_path / "day.jsonl"
    lines = [{"at": "2026-11-23T09:00:00", "id": "a", "text": "눈이 왔다."}, {"at": "2026-11-23T10:00:00", **line}]
    day.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    with pytest.raises(BadInput) as refused:
        called(day, *RULES)
    assert says in str(refused.value)


def test_a_glob_that_fits_nothing_is_noted_and_an_exact_name_of_a_file_refused(tmp_path: Path) -> None:
    people = tmp_path / "people.yaml"
    people.write_text("- {id: early, rules: ['zz-*']}\n", encoding="utf-8")
    _, err = called("-", *RULES, "--subscriptions", people, stdin="")
    assert err.startswith("note: subscription early: no rule in ")
    people.write_text("- {id: early, rules: [zz]}\n", encoding="utf-8")
    with pytest.raises(
        BadInput, match=r"people\.yaml: subscription early: there is no rule zz in .*; --rules names others"
    ):
        called("-", *RULES, "--subscriptions", people, stdin="")
