"""A policy on a command line: the common fields as options, all of them as `--policy`."""

import sys
from pathlib import Path
from typing import Any, get_args

import click

from service.cli.subscription_fields import Command
from service.cli.times import Span, span_s
from service.model.errors import BadInput
from service.model.policy import Mode, PolicyModel
from service.model.policy_check import checked_policy

_OF_MODE = ("digest", "frequency")
"""Parts of a policy that belong to the mode of their name, and go when it does."""


def policy_options(command: Command) -> Command:
    """What `said_policy` reads."""
    for option in reversed(
        (
            click.option(
                "--tag", "tags", multiple=True, metavar="GLOB", help="Rules with this tag are told too; repeatable."
            ),
            click.option(
                "--entity", "entities", multiple=True, metavar="GLOB",
                help="What is found of this entity is told too, by whichever rule; repeatable.",
            ),
            click.option(
                "--policy", metavar="FILE|JSON",
                help="How it is told (docs/policies.md): a YAML or JSON file, - for stdin, or {...} itself.",
            ),
            click.option("--mode", type=click.Choice(get_args(Mode)), help="Default: first."),
            click.option(
                "--digest-at", multiple=True, metavar="HH:MM", help="A digest at this local time; repeatable."
            ),
            click.option(
                "--frequency", metavar="N/SPAN", help="Only when there are N stories within a span, e.g. 5/1h."
            ),
            click.option(
                "--quiet", multiple=True, metavar="FROM-TO",
                help="Hours in which nothing is told, e.g. 22:00-07:00: a digest follows; repeatable.",
            ),
            click.option(
                "--urgent", multiple=True, metavar="GLOB", help="Rules (or tag:...) that pass them; repeatable."
            ),
            click.option("--timezone", metavar="NAME", help="Of these times. Default: Asia/Seoul."),
            click.option("--group-wait", type=Span(), help="How long a story waits for its copies, e.g. 60s."),
            click.option("--throttle", type=Span(), help="Between two messages at least; a digest follows. 0s: none."),
            click.option("--max-per-hour", type=click.IntRange(0), help="Messages; the rest is one digest. 0: no cap."),
        )
    ):  # fmt: skip
        command = option(command)
    return command


def says_policy(said: dict[str, Any]) -> bool:
    """Whether the values of `policy_options` say anything of a policy."""
    return said["policy"] is not None or bool(_from_options(said))


def said_policy(said: dict[str, Any], stands: PolicyModel | None = None) -> PolicyModel | None:
    """The policy out of the values of `policy_options`; None when it says nothing.

    `--policy` is the whole policy; the other options are set in it, or else in what `stands`.

    Raises:
        BadInput: it cannot be read, or contradicts itself; every fault, a line each.
    """
    given = _from_options(said)
    base = _from_file(said["policy"]) if said["policy"] is not None else stands.written() if stands else {}
    if not isinstance(base, dict):
        checked_policy(base)
    if "mode" in given:
        base = {name: value for name, value in base.items() if name not in _OF_MODE or name == given["mode"]}
    for name, value in given.items():
        old = base.get(name)
        base[name] = old | value if isinstance(old, dict) and isinstance(value, dict) else value
    policy = checked_policy(base)
    return policy if policy.written() else None


def listed_rules(rules: tuple[str, ...], said: dict[str, Any]) -> tuple[str, ...]:
    """--rule, --tag and --entity, as a subscription lists them."""
    return (
        *rules,
        *(f"tag:{tag}" for tag in said["tags"] if tag.strip()),
        *(f"entity:{entity}" for entity in said["entities"] if entity.strip()),
    )


def _from_options(said: dict[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = {
        "mode": said["mode"],
        "timezone": said["timezone"],
        "group_wait_s": said["group_wait"],
        "throttle_s": said["throttle"],
        "max_per_hour": said["max_per_hour"],
        "urgent": list(said["urgent"]) or None,
        "quiet": [_quiet(text) for text in said["quiet"]] or None,
    }
    if said["digest_at"]:
        given |= {"digest": {"times": list(said["digest_at"])}, "mode": said["mode"] or "digest"}
    if said["frequency"] is not None:
        given |= {"frequency": _frequency(said["frequency"]), "mode": said["mode"] or "frequency"}
    return {name: value for name, value in given.items() if value is not None}


def _quiet(text: str) -> dict[str, str]:
    since, dash, until = text.partition("-")
    if not dash:
        raise click.UsageError(f"--quiet {text}: from and to are needed, e.g. 22:00-07:00")
    return {"from": since.strip(), "to": until.strip()}


def _frequency(text: str) -> dict[str, Any]:
    number, _, span = text.partition("/")
    try:
        return {"stories": int(number), "window_s": span_s(span)}
    except ValueError:
        raise click.UsageError(f"--frequency {text}: a number and a span are needed, e.g. 5/1h") from None


def _from_file(text: str) -> Any:
    from service.adapters.rule_files import read_value  # with the rule language: only where it is asked for

    if text.lstrip().startswith("{"):
        return read_value(text, "--policy") or {}
    try:
        content = sys.stdin.read() if text == "-" else Path(text).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"--policy {text}: cannot be read as a UTF-8 file: {error}") from None
    return read_value(content, text) or {}
