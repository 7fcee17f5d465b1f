"""The `bongsu` command. Each sub-command is a module of its own, imported only when it is called."""

import importlib
import os
import signal
import sys
from typing import Any

import click

from service import __version__
from service.model.errors import BongsuError

COMMANDS: dict[str, tuple[str, str]] = {
    # name: (module:attribute, one line of help). In the order in which a newcomer meets them.
    "demo": ("service.cli.demo:demo", "The main job on an embedded real Kafka, shown live; ends with an account."),
    "up": ("service.cli.demo:up", "The same without the end: stays until Ctrl-C and takes articles."),
    "match": ("service.cli.match:match", "Match files against rules, without a broker; JSON Lines out."),
    "explain": ("service.cli.explain:explain", "Every occurrence of every surface, and why it counts or not."),
    "simulate": ("service.cli.simulate:simulate", "What would have been told of a day, on a virtual clock; no broker."),
    "rules": ("service.cli.rules:rules", "Check, test and apply rule files."),
    "subscribe": ("service.cli.subscribe:subscribe", "Send what rules find to a URL; prints the subscription."),
    "subscriptions": ("service.cli.subscribe:subscriptions", "List, change or remove subscriptions."),
    "silence": ("service.cli.silence:silence", "Not to be told of something for a while; preview, list, lift."),
    "test-delivery": ("service.cli.test_delivery:test_delivery", "Send one webhook of type test; prints its attempt."),
    "attempts": ("service.cli.attempts:attempts", "What each POST did: where it went, how long, what was answered."),
    "why": ("service.cli.why:why", "What became of an article for a subscription, and why."),
    "dead-letters": ("service.cli.dead_letters:dead_letters", "What could not be read: where it stood, and why."),
    "replay": ("service.cli.replay:replay", "Send webhooks again: same ids, same bytes."),
    "ingest": ("service.cli.ingest:ingest", "Publish files (.txt, .html, .jsonl) or JSON Lines from - as articles."),
    "listen": ("service.cli.listen:listen", "A receiver that verifies each webhook and prints it."),
    "verify": ("service.cli.verify:verify_", "Check a webhook that was saved; names the cause of a mismatch."),
    "worker": ("service.cli.roles:worker", "Role: match articles, address subscriptions, decide."),
    "dispatcher": ("service.cli.roles:dispatcher", "Role: sign and send webhooks."),
    "audit": (
        "service.cli.audit:audit",
        "Prove that the books balance; with --metrics-port, a role that keeps doing so.",
    ),
    "token": ("service.cli.token:token", "Who may use the API: create, list, revoke tokens."),
    "api": ("service.cli.roles:api", "Role: the subscriptions API."),
    "history": (
        "service.cli.history:history",
        "Role: the index of deliveries, attempts and decisions; rebuild, forget, status.",
    ),
    "kafka": ("service.cli.kafka:kafka", "A real Apache Kafka in the foreground, without Docker."),
    "topics": ("service.cli.topics:topics", "Create and show the topics; export and import the control topics."),
    "doctor": ("service.cli.doctor:doctor", "Is everything as it must be, and what to do if not? Exit code, --json."),
    "bench": ("service.cli.bench:bench", "Measure, as JSON."),
}


class Lazy(click.Group):
    """A group that imports a command's module only when it is used: `bongsu --help` answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Names in the order of COMMANDS."""
        return list(COMMANDS)

    def invoke(self, ctx: click.Context) -> Any:
        """As click's, but who closes our stdout (`bongsu ... | head`) ends us quietly, as SIGPIPE would."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still buffered goes nowhere
            raise click.exceptions.Exit(128 + signal.SIGPIPE) from None
        return result

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command, imported now."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Help without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.command(
    cls=Lazy,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Settings are environment variables (BONGSU_...): docs/settings.md. Start with `bongsu demo`.",
)
@click.version_option(__version__, prog_name="bongsu")
def cli() -> None:
    """Bongsu: hear of every story about your city within seconds, once."""


def main(argv: list[str] | None = None) -> None:
    """Entry point: errors raised on purpose become one sentence and an exit code, never a traceback."""
    try:
        result: Any = cli.main(args=argv, standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BongsuError as error:
        click.echo(f"bongsu: {error}", err=True)
        sys.exit(error.exit_code)
    sys.exit(result if isinstance(result, int) else 0)
