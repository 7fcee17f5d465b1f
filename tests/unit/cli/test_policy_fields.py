import json
import re

import click
import pytest
from click.testing import CliRunner

from service.cli import cli
from service.cli.policy_fields import listed_rules, policy_options, said_policy, says_policy
from service.model.errors import BadInput
from service.model.policy import PolicyModel
from service.settings import Settings

STANDS = PolicyModel.model_validate(
    {"mode": "digest", "digest": {"times": ["18:00"], "top": 3}, "urgent": ["tag:disaster"]}
)


@pytest.fixture(autouse=True)
def _logs_stay_as_they_are(monkeypatch):
    """Commands set up the logs of their process, and this is not theirs."""
    for module in ("subscribe", "silence", "silence_preview"):
        monkeypatch.setattr(f"service.cli.{module}.settings_of", lambda _: Settings())


@click.command()
@policy_options
def echo(**said):
    """What the options make of a policy that stands."""
    policy = said_policy(said, STANDS) if says_policy(said) else "as it was"
    click.echo(json.dumps([policy.written() if isinstance(policy, PolicyModel) else policy, listed_rules((), said)]))


def made(*arguments, stdin=None):
    done = CliRunner().invoke(echo, arguments, input=stdin, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_one_field_of_what_stands_is_changed():
    assert made() == ["as it was", []]
    digest = {"mode": "digest", "urgent": ["tag:disaster"]}
    assert made("--digest-at", "09:00", "--digest-at", "21:00")[0] == digest | {
        "digest": {"times": ["09:00", "21:00"], "top": 3}
    }
    assert made("--mode", "digest", "--timezone", "Asia/Tokyo")[0] == digest | {
        "digest": {"times": ["18:00"], "top": 3}, "timezone": "Asia/Tokyo"
    }  # fmt: skip
    assert made("--urgent", "hill")[0]["urgent"] == ["hill"]


def test_another_mode_takes_the_parts_of_the_old_one_with_it():
    assert made("--mode", "each", "--max-per-hour", "0")[0] == {
        "mode": "each", "urgent": ["tag:disaster"], "max_per_hour": 0,
    }  # fmt: skip
    assert made("--frequency", "3/10m")[0] == {
        "mode": "frequency", "urgent": ["tag:disaster"], "frequency": {"stories": 3, "window_s": 600.0},
    }  # fmt: skip


def test_a_file_is_the_whole_policy(tmp_path):
    (tmp_path / "p.yaml").write_text("mode: digest\ndigest: {times: [18:30, 9:00]}\n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"digest.times.1: '9:00' is no time of day"):
        made("--policy", str(tmp_path / "p.yaml"))
    assert made("--policy", "-", stdin="quiet: [{from: 22:00, to: 07:00, days: [토, 일]}]")[0] == {
        "quiet": [{"from": "22:00", "to": "07:00", "days": ["sat", "sun"]}]
    }
    assert made("--policy", '{"mode": "each"}', "--throttle", "1m")[0] == {"mode": "each", "throttle_s": 60.0}
    assert made("--policy", "{}")[0] is None, "nothing of its own"


def test_tags_and_entities_are_listed_as_rules():
    assert made("--tag", "sea", "--entity", "harbour", "--tag", "d*")[1] == ["tag:sea", "tag:d*", "entity:harbour"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--mode", "frequency"), "frequency needs numbers"),
        (("--frequency", "many"), "a number and a span are needed"),
        (("--frequency", "x/1h"), "a number and a span are needed"),
        (("--digest-at", "25:00"), "digest.times.0: '25:00' is no time of day"),
        (("--digest-at", "02:30", "--timezone", "Europe/Berlin"), "does not exist in Europe/Berlin on 20"),
        (("--mode", "each", "--digest-at", "09:00"), "digest: says when a digest comes, but the mode is each"),
        (("--quiet", "22:00"), "from and to are needed"),
        (("--policy", "{mode: each, mode: first}"), "mode: stands here twice"),
        (("--policy", "{mode: ["), "not YAML"),
        (("--policy", "nowhere.yaml"), "cannot be read"),
        (("--policy", "-"), "policy: must be fields of its own"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anybody_is_asked(arguments, says):
    done = CliRunner().invoke(cli, ["subscribe", "--url", "https://alerts.example.org/in", *arguments], input="[each]")
    assert says in str(done.exception) + done.output
    assert getattr(done.exception, "exit_code", done.exit_code) == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--for", "2h", "--comment", "x"), "say what is hidden"),
        (("--rule", " ", "--for", "2h", "--comment", "x"), "say what is hidden"),
        (("--rule", "*", "--comment", "x"), "a silence must end"),
        (("--rule", "*", "--for", "2h", "--until", "3h", "--comment", "x"), "one of them"),
        (("--rule", "*", "--until", "2020-01-01T00:00", "--comment", "x"), "before it begins"),
        (("--rule", "*", "--for", "0s", "--comment", "x"), "before it begins"),
        (("--rule", "*", "--for", "2h", "--comment", " "), "say why"),
        (("--rule", "*", "--for", "400d", "--comment", "x"), "longer than a year"),
        (("--rule", "*", "--for", "soon", "--comment", "x"), "is not a span"),
        (("--rule", "*", "--until", "soon", "--comment", "x"), "neither a span such as 2h nor a time"),
        (("--rule", "*", "--for", "2h"), "Missing option '--comment'"),
    ],
)
def test_a_silence_that_cannot_be_meant_is_refused(arguments, says):
    done = CliRunner().invoke(cli, ["silence", "add", *arguments])
    assert says in re.sub(r"\s+", " ", str(done.exception) + done.output)
    assert done.exit_code == 2


def test_a_preview_is_of_options_or_of_a_silence():
    for arguments in ((), ("sil_1", "--rule", "*")):
        done = CliRunner().invoke(cli, ["silence", "preview", *arguments])
        assert (done.exit_code, "say what is hidden" in done.output) == (2, True)
