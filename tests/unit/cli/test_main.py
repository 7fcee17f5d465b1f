"""The `bongsu` command itself: exit codes, one sentence for what is wrong, and quiet pipes."""

import importlib
import subprocess
import sys

import click
import pytest

from service import cli
from service.cli import COMMANDS, main
from service.model.errors import BadInput, BongsuError, InvalidRules, NewerSchema, Problem, Unavailable, WrongSetup
from tests.commands import bongsu_process


@pytest.fixture
def command(monkeypatch):
    """A command `try-it` that does what the test says; returns what `main` made of it."""

    def call(does):
        @click.command()
        def try_it():
            return does()

        monkeypatch.setattr(cli, "try_it", try_it, raising=False)
        monkeypatch.setitem(COMMANDS, "try-it", ("service.cli:try_it", "test"))
        with pytest.raises(SystemExit) as ended:
            main(["try-it"])
        return ended.value.code

    return call


def raising(error):
    def does():
        raise error

    return does


@pytest.mark.parametrize("result", [0, 1, None, "text"])
def test_what_a_command_returns_is_the_exit_code(command, result):
    assert command(lambda: result) == (result if isinstance(result, int) else 0)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BongsuError("it broke"), 1),
        (Unavailable("Kafka does not answer"), 1),
        (BadInput("this is no article"), 2),
        (WrongSetup("BONGSU_X is wrong"), 2),
        (InvalidRules([Problem("r.yaml", 3, 5, "unknown entity; write it")]), 2),
        (NewerSchema("alerts", 9, 1), 3),
    ],
)
def test_an_error_on_purpose_is_one_sentence(command, capsys, error, code):
    assert command(raising(error)) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"bongsu: {error}\n"


def test_ctrl_c_is_130(command):
    assert command(raising(KeyboardInterrupt())) == 130


def test_a_fault_of_ours_keeps_its_traceback(monkeypatch):
    monkeypatch.setattr(cli, "try_it", click.Command("try-it", callback=raising(ZeroDivisionError())), raising=False)
    monkeypatch.setitem(COMMANDS, "try-it", ("service.cli:try_it", "test"))
    with pytest.raises(ZeroDivisionError):
        main(["try-it"])


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["no-such-command"], "No such command 'no-such-command'"),
        (["worker", "--metrics-port", "70000"], "70000 is not in the range"),
        (["audit", "--json", "--metrics-port", "0"], "--json and --wait belong to the audit that ends"),
        (["audit", "--wait", "-1"], "-1.0 is not in the range"),
    ],
)
def test_wrong_usage_is_2(args, said):
    done = bongsu_process(*args)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_help_and_version_import_no_command():
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "service", "--help"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert all(name in done.stdout for name in COMMANDS)
    for heavy in ("faust", "aiokafka", "pydantic", "aiohttp", "rich"):
        assert f" {heavy}\n" not in done.stderr
    assert bongsu_process("--version").stdout.startswith("bongsu, version ")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_can_be_imported_and_has_help(name):
    module, _, attribute = COMMANDS[name][0].partition(":")
    assert isinstance(getattr(importlib.import_module(module), attribute), click.Command)


def test_who_closes_our_output_ends_us_quietly():
    with subprocess.Popen(
        [sys.executable, "-m", "service", "bench", "--list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.wait(30) == 141
        assert process.stderr.read() == b""
