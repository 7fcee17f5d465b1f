"""Each alert has a runbook, and what stands there can be done: commands, options, metrics, PromQL, settings, links.

At three in the morning nobody finds out that an option was renamed.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from service.cli import cli
from tests.deploy.test_metric_uses import existing
from tests.deploy.test_prometheus import HOW, RULES, alerts, load
from tests.deploy.tools import ROOT, run, said, tool

FOLDER = ROOT / "deploy" / "runbooks"
BOOKS = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")
PAGES = [*BOOKS, FOLDER / "README.md"]
SECTIONS = ["What it means", "What the press office notices", "First look", "Causes, the likely first", "What to do",
            "It is over when"]  # fmt: skip
OTHERS = {"kafka-consumer-groups.sh", "kafka-console-consumer.sh", "kafka-get-offsets.sh", "curl", "amtool", "openssl",
          "df", "du", "echo"}  # fmt: skip
"""What else is called; it is not ours, and comes with Kafka, Alertmanager or the system."""
OF_OTHERS = {"BONGSU_KAFKA_BOOTSTRAP_SERVERS", "BONGSU_DATA_DIR"}

each_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """Lines of fenced code of a language."""
    found = re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    return [line for block in found for line in block.splitlines() if line.strip()]


def spans(text: str) -> list[str]:
    """Code between words."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))


def commands(text: str) -> Iterator[list[str]]:
    """Every `bongsu ...`, as words; `...` ends what is only begun."""
    for line in [*blocks(text, "sh"), *(span for span in spans(text) if span.startswith("bongsu "))]:
        for part in re.split(r"[|;&<>]", line):
            words = shlex.split(part)
            if words[:1] == ["bongsu"]:
                yield words[1:]


def promql(text: str) -> list[str]:
    """Every expression, and every metric that is named."""
    named = [
        span
        for span in spans(text)
        if re.match(r"(bongsu[_:]\w|[a-z_]+(\s+by\s+\([\w, ]+\)\s*)?\([^)]*bongsu[_:])", span)
    ]
    return [*blocks(text, "promql"), *named]


def understood(words: list[str]) -> None:
    """Parsed as the command itself would, to the last option, and not run.

    Raises:
        click.UsageError: there is no such command or option, or something is missing.
    """
    command: click.Command = cli
    context = click.Context(cli, info_name="bongsu")
    while isinstance(command, click.Group) and words:
        found = command.get_command(context, words[0])
        if found is None:
            raise click.UsageError(f"no such command: {words}")
        command, words = found, words[1:]
        context = click.Context(command, parent=context, info_name=command.name)
    if words:
        command.make_context(command.name, words)


def test_there_is_one_for_each_alert_and_no_other() -> None:
    named = {alert["annotations"]["runbook_url"] for alert in alerts()}
    assert named == {str(path.relative_to(ROOT)) for path in BOOKS}
    assert all(Path(alert["annotations"]["runbook_url"]).stem == alert["alert"] for alert in alerts())
    assert {f"]({path.name})" for path in BOOKS} <= set(re.findall(r"\]\(\w+\.md\)", text_of(FOLDER / "README.md")))


@pytest.mark.parametrize("path", BOOKS, ids=lambda path: path.stem)
def test_it_says_all_that_somebody_needs(path: Path) -> None:
    parts = re.split(r"^## (.+)\n", text_of(path), flags=re.MULTILINE)
    assert parts[0].startswith(f"# {path.stem}\n")
    assert parts[1::2] == SECTIONS
    said = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert all(text.strip() for text in said.values())
    assert blocks(said["First look"], "promql"), "a query to look with"
    assert blocks(said["First look"], "sh") or "log" in said["First look"], "a command to look with"
    (severity,) = {alert["labels"]["severity"] for alert in alerts() if alert["alert"] == path.stem} & set(
        re.findall(r"^Severity (\w+)", text_of(path), flags=re.MULTILINE)
    )
    assert severity


@each_page
def test_its_commands_are_understood(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for words in commands(text_of(path)):
        understood([word for word in words if word != "..."])
    for line in blocks(text_of(path), "sh"):
        firsts = {shlex.split(part)[0] for part in re.split(r"\s\|\s", line)}
        assert firsts <= OTHERS | {"bongsu"}, line


@pytest.mark.parametrize(
    "line", ["bongsu subscription list", "bongsu replay --since-failed 1d", "bongsu test-delivery --wait 5",
             "bongsu rules check rules another"],
)  # fmt: skip
def test_a_command_that_is_none_is_found(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    (words,) = commands(f"```sh\n{line}\n```\n")
    with pytest.raises(click.UsageError):
        understood(words)


def known_series() -> set[str]:
    recorded = {rule["record"] for path in RULES for group in load(path)["groups"] for rule in group["rules"]
                if "record" in rule}  # fmt: skip
    series: set[str] = set().union(*existing().values())
    return series | recorded


@each_page
def test_its_metrics_exist(path: Path) -> None:
    named = {name for text in promql(text_of(path)) for name in re.findall(r"(?<![\w:.])bongsu[_:][\w:]+", text)}
    assert named <= known_series(), sorted(named - known_series())
    elsewhere = set(re.findall(r"(?<![\w:./-])bongsu_\w+", text_of(path)))
    assert elsewhere <= known_series(), sorted(elsewhere - known_series())


@pytest.mark.deploy
def test_the_promql_is_promql(tmp_path: Path) -> None:
    """Each expression as a rule of its own, for promtool to read."""
    expressions = sorted({text for path in PAGES for text in promql(text_of(path))})
    assert len(expressions) > 80
    file = tmp_path / "runbooks.yaml"

    def read(asked: list[str]) -> Any:
        rules = [{"record": f"asked:{number}", "expr": text} for number, text in enumerate(asked)]
        file.write_text(yaml.safe_dump({"groups": [{"name": "asked", "rules": rules}]}), encoding="utf-8")
        return run([tool("promtool", HOW), "check", "rules", file])

    done = read(expressions)
    assert done.returncode == 0, said(done)
    assert f"{len(expressions)} rules found" in done.stdout
    assert read([*expressions, "sum by topic (bongsu_lag_records)"]).returncode != 0


@each_page
def test_its_settings_and_pages_exist(path: Path) -> None:
    text = text_of(path)
    settings = text_of(ROOT / "docs" / "settings.md")
    for name in set(re.findall(r"\bBONGSU_\w+", text)) - OF_OTHERS:
        assert f"`{name}`" in settings, name
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert (path.parent / link).exists(), link
    for page in re.findall(r"(?<![\w/])(?:docs|tests|deploy)/[\w./-]*\w", text):
        assert (ROOT / page).exists(), page
