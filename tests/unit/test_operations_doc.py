"""docs/operations.md: its arithmetic is right, its figures are those that were measured, its tests and commands exist."""

import re
from pathlib import Path

import click
import pytest

from service.cli import Lazy, cli
from service.cli.doctor_machine import (
    CERTIFICATE_ERROR_S,
    CERTIFICATE_WARNING_S,
    FILES,
    FREE_ERROR,
    FREE_WARNING,
    GB,
    LEAST_ERROR,
    LEAST_WARNING,
    MB,
)
from service.settings import variables

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
NUMBER = r"\d[\d,]*(?:\.\d+)?"
SUMS = re.findall(rf"({NUMBER}(?: [×/+] {NUMBER})+) = ({NUMBER})( GB| million)?", TEXT)
SCALE = {"": 1, " GB": 1e3, " million": 1e6}
"""What is added up for GB is in MB."""


def value_of(written: str) -> float:
    total = 0.0
    for term in written.replace(",", "").split(" + "):
        product, *rest = re.split(r" ([×/]) ", term)
        value = float(product)
        for operator, factor in zip(rest[::2], rest[1::2], strict=True):
            value = value * float(factor) if operator == "×" else value / float(factor)
        total += value
    return total


@pytest.mark.parametrize(("written", "result", "unit"), SUMS)
def test_the_arithmetic(written: str, result: str, unit: str) -> None:
    last_digit = 10.0 ** -len(result.partition(".")[2])
    assert abs(value_of(written) / SCALE[unit] - float(result.replace(",", ""))) <= last_digit, written


def test_there_is_arithmetic_for_each_size() -> None:
    assert len(SUMS) >= 19


def test_the_figures_are_those_that_were_measured() -> None:
    measured = "".join((ROOT / "docs" / name).read_text() for name in ("benchmarks.md", "stories.md", "deployment.md"))
    for figure in (
        "4,701",
        "1,871",
        "2,551",
        "2,857",
        "2,020",
        "0.153",
        "0.225",
        "901",
        "3.6",
        "96 / 128 / 432",
        "1,153",
    ):
        assert figure in measured, figure
    for line in re.findall(r"^\| (?:article|alert|delivery)[^|]*\| [^|]* \| ([\d,]+)/s \|$", TEXT, re.MULTILINE):
        assert line in measured


def test_what_it_names_is_there() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)`", TEXT)
    assert named
    named += [f"tests/faults/{name}" for name in re.findall(r"`(test_\w+\.py)`", TEXT)]
    assert [name for name in named if not (ROOT / name).exists()] == []
    settings = set(re.findall(r"BONGSU_[A-Z_]+[A-Z]", TEXT)) - {"BONGSU_KAFKA_SASL"}
    assert settings - set(variables()) == set()


def test_its_commands_are_there() -> None:
    assert isinstance(cli, Lazy)
    for line in re.findall(r"`?(?:^|`|=?\S* )bongsu ([a-z][a-z -]*)", TEXT, re.MULTILINE):
        command: click.Command | None = cli
        for word in line.split():
            if not isinstance(command, click.Group) or word.startswith("-"):
                break
            command = command.get_command(click.Context(command), word)
            assert command is not None, line


def test_the_limits_of_the_doctor() -> None:
    assert (FREE_WARNING, LEAST_WARNING, FREE_ERROR, LEAST_ERROR) == (0.10, 1 * GB, 0.03, 200 * MB)
    assert "under 10 % or 1 GB | under 3 % or 200 MB" in TEXT
    assert (FILES, CERTIFICATE_WARNING_S, CERTIFICATE_ERROR_S) == (4096, 14 * 86_400, 86_400)
    assert "under 4,096 files; 14 days | PostgreSQL's is missing; 1 day" in TEXT
