"""`bongsu match`, `explain`, `rules check` and `rules test` as a user calls them."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from service.cli import cli
from service.model.errors import InvalidRules

RULES = """\
entities:
  - {id: incheon, name: 인천시, kind: government, titles: [시장]}
  - {id: ulsan, name: 울산, kind: place}
rules:
  - id: meets
    when: '@incheon AND @ulsan AND NOT "관광 상품"'
    tests:
      - {text: 인천시장이 울산을 찾았다., fires: true}
      - {text: 인천시립대와 울산대., fires: false}
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "r.yaml").write_text(RULES, encoding="utf-8")
    return tmp_path / "rules"


def run(*args: str, stdin: bytes = b"") -> tuple[int, str]:
    result = CliRunner().invoke(cli, list(args), input=stdin)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout


def answers(*args: str, stdin: bytes = b"") -> list[dict[str, Any]]:
    code, out = run("match", *args, stdin=stdin)
    assert code == 0
    return [json.loads(line) for line in out.splitlines()]


def lines(*articles: dict[str, Any] | bytes) -> bytes:
    return b"\n".join(
        one if isinstance(one, bytes) else json.dumps(one, ensure_ascii=False).encode() for one in articles
    )


def test_the_answer(rules: Path) -> None:
    (answer,) = answers(
        "--rules",
        str(rules),
        "-",
        stdin=lines({"id": "a", "title": "만남", "text": "인천시장은 울산과 울산대를 찾았다."}),
    )
    mayor = {"entity": "incheon", "surface": "인천시", "text": "인천시장은", "field": "text", "zone": "lead", "start": 0, "end": 3,
             "confidence": 1.0, "via": "title"}  # fmt: skip
    ulsan = {
        "entity": "ulsan",
        "surface": "울산",
        "text": "울산과",
        "field": "text",
        "zone": "lead",
        "start": 6,
        "end": 8,
        "confidence": 1.0,
    }
    university = {**ulsan, "text": "울산대를", "start": 10, "end": 12, "reason": "compound"}
    assert answer == {
        "article": {"id": "a", "title": "만남"},
        "matches": [{"rule": "meets", "mentions": [mayor, ulsan]}],
        "mentions": [mayor, ulsan],
        "suppressed": [university],
    }


def test_bad_articles_are_lines_and_their_neighbours_pass(rules: Path) -> None:
    given = lines(
        {"id": "a", "text": "울산"},
        b"",
        b"{oops",
        {"id": "b"},
        {"id": "c", "text": 3},
        {"id": "d", "text": "울산", "schema": 9},
        {"id": "e", "text": "울산"},
    )
    found = answers("--rules", str(rules), "-", stdin=given)
    assert [(one["article"]["id"], one.get("line")) for one in found] == [
        ("a", None),
        (None, 3),
        ("b", 4),
        ("c", 5),
        (None, 6),
        ("e", None),
    ]
    assert all(("error" in one) is (one["article"]["id"] not in ("a", "e")) for one in found)


def test_files_in_order(rules: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("울산의 봄\n인천시의 봄.", encoding="utf-8")
    (tmp_path / "b.html").write_text("<title>울산</title><p>인천시</p>", encoding="utf-8")
    (tmp_path / "c.jsonl").write_bytes(
        b"\xef\xbb\xbf" + lines({"id": "c1", "text": "울산"}, {"id": "c2", "text": "인천시"})
    )
    (tmp_path / "d.pdf").write_bytes(b"%PDF")
    found = answers("--rules", str(rules), *(str(tmp_path / name) for name in ("a.txt", "b.html", "c.jsonl", "d.pdf")))
    assert [[mention["field"] for mention in one.get("mentions", [])] for one in found] == [
        ["title", "text"],
        ["html", "html"],
        ["text"],
        ["text"],
        [],
    ]
    assert "error" in found[-1]


def test_workers_give_the_same_in_the_same_order(rules: Path, tmp_path: Path) -> None:
    file = tmp_path / "many.jsonl"
    file.write_bytes(lines(*({"id": str(number), "text": f"울산 {number}번 인천시"} for number in range(150))))
    command = [sys.executable, "-m", "service", "match", "--rules", str(rules), str(file)]
    one = subprocess.run(command, capture_output=True, check=True, timeout=120)
    two = subprocess.run([*command, "--workers", "2"], capture_output=True, check=True, timeout=120)
    assert one.stdout == two.stdout
    assert len(one.stdout.splitlines()) == 150


def test_rules_that_do_not_load_are_told_with_their_place(rules: Path) -> None:
    (rules / "bad.yaml").write_text("rules:\n  - {id: x, when: '@nobody'}\n", encoding="utf-8")
    with pytest.raises(InvalidRules, match=r"bad\.yaml:2:20: there is no entity nobody") as error:
        run("match", "--rules", str(rules), "-")
    assert error.value.exit_code == 2
    done = subprocess.run(
        [sys.executable, "-m", "service", "match", "--rules", str(rules), "-"],
        input=b"",
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert b"bad.yaml:2:20" in done.stderr
    assert b"Traceback" not in done.stderr


def test_explain(rules: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("제목\n울산대와 인천시장이 만났다.", encoding="utf-8")
    code, out = run("explain", "--rules", str(rules), "--entity", "ulsan", str(tmp_path / "a.txt"))
    assert code == 0
    assert "does not count: compound" in out
    assert "울산+대와: another word" in out
    assert "인천시장" in out
    assert "@incheon" not in out
    code, out = run("explain", "--json", "--rules", str(rules), str(tmp_path / "a.txt"))
    assert [one["entity"] for one in json.loads(out)["occurrences"]] == ["ulsan", "incheon"]
    assert run("explain", "--rules", str(rules), "--entity", "ulsann", str(tmp_path / "a.txt"))[0] == 2


def test_rules_check_and_test(rules: Path) -> None:
    code, out = run("rules", "check", str(rules))
    assert code == 0
    assert "2 entities, 1 rules" in out
    code, out = run("rules", "test", str(rules))
    assert (code, out) == (0, "meets  ok (2)\n2 tests, 0 failed; 0 rules have none\n")
    (rules / "r.yaml").write_text(RULES.replace("fires: false", "fires: true"), encoding="utf-8")
    code, out = run("rules", "test", str(rules))
    assert code == 1
    assert "does not fire, but must: '인천시립대와 울산대.'" in out
    assert re.search(r"@incheon +does not count: 인천시립대와 \(text 0-3, body, compound\)", out), out
