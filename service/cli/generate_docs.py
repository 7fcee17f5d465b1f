"""What is generated in docs/: settings, commands, metrics, JSON Schemas. `make docs` writes, a test compares.

Generated text stands between two comments, so that prose around it is written by hand.
"""

import json
import re
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import annotated_types
import click
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from service.api.metrics import ApiMetrics
from service.audit.books import LEDGERS
from service.audit.reader import COUNTED, READ
from service.cli import COMMANDS, cli
from service.cli.generate_asyncapi import asyncapi
from service.cli.generate_client import client_models
from service.cli.generate_openapi import openapi
from service.dispatcher.metrics import DispatcherMetrics
from service.history.metrics import HistoryMetrics
from service.matching.schema import FileModel
from service.metrics import AuditMetrics, RoleMetrics, WorkerMetrics, subscriptions_gauge
from service.metrics.bounded import OTHER
from service.model import control_records, records, topics
from service.model.policy import PolicyModel
from service.model.record import SCHEMA, Record
from service.model.webhook import webhook_schema
from service.secret_files import file_variable
from service.settings import SECTIONS, Section, is_secret, variable

ROOT = Path(__file__).parents[2]

RECORDS: dict[str, type[Record]] = {
    topics.MATCHES: records.MatchRecord,
    topics.ALERTS: records.AlertRecord,
    topics.DECISIONS: records.DecisionRecord,
    topics.DELIVERIES: records.DeliveryRecord,
    topics.ATTEMPTS: records.AttemptRecord,
    topics.ENDPOINTS: records.EndpointRecord,
    topics.RULES: control_records.RulesManifest,
    topics.SUBSCRIPTIONS: control_records.SubscriptionRecord,
    topics.SILENCES: control_records.SilenceRecord,
    topics.TOKENS: control_records.TokenRecord,
    topics.CHANGES: control_records.ChangeRecord,
    f"{topics.ALERTS}.flush": records.FlushRecord,
}
"""Topic -> model of its value; of `rules` the manifests (the items are what docs/rules.md describes)."""

ARTICLE_SCHEMA: dict[str, Any] = {
    "title": "Article",
    "description": "A value on the topic `articles`, and a line of .jsonl. One of text, html and title is required; "
    "unknown fields are kept. A null value on the topic takes the article down.",
    "type": "object",
    "properties": {
        "schema": {"type": "integer", "minimum": 1, "maximum": SCHEMA, "default": SCHEMA},
        "id": {
            "type": ["string", "integer", "null"],
            "minLength": 1,
            "maxLength": 512,
            "description": "the same id again is a new version; default: sha256 hex[:32] of source, newline, url; "
            "without url of source, newline, title, newline, text or html",
        },
        "url": {"type": ["string", "null"]},
        "title": {"type": ["string", "null"]},
        "text": {"type": ["string", "null"], "description": "plain text; over 900 kB it is cut"},
        "html": {"type": ["string", "null"], "description": "instead of text; over 900 kB it is cut"},
        "source": {"type": ["string", "null"], "description": "name of the press"},
        "author": {"type": ["string", "null"]},
        "section": {"type": ["string", "null"]},
        "lang": {"type": ["string", "null"]},
        "published_at": {"type": ["string", "null"], "description": "RFC 3339; without an offset it means Asia/Seoul"},
    },
    "anyOf": [
        {"required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}},
        {"required": ["html"], "properties": {"html": {"type": "string", "minLength": 1}}},
        {"required": ["title"], "properties": {"title": {"type": "string", "minLength": 1}}},
    ],
}


def schemas() -> dict[str, str]:
    """File name -> text of each JSON Schema of docs/schemas/."""
    found = {topic: model.model_json_schema(by_alias=True) for topic, model in RECORDS.items()}
    found[topics.ARTICLES] = ARTICLE_SCHEMA
    found["rule-file"] = rule_file_schema()
    found["policy"] = PolicyModel.model_json_schema()
    found["webhook"] = webhook_schema()
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return {
        f"{name}.json": json.dumps(dialect | schema, ensure_ascii=False, indent=2) + "\n"
        for name, schema in found.items()
    }


def rule_file_schema() -> dict[str, Any]:
    """Of the files in rules/, for editors: an alias may also be written as plain text."""
    schema = FileModel.model_json_schema()
    alias = {"$ref": "#/$defs/AliasModel"}
    aliases = schema["$defs"]["EntityModel"]["properties"]["aliases"]
    if aliases["items"] != alias:
        raise ValueError("the aliases of rule files changed: mend rule_file_schema")
    aliases["items"] = {"anyOf": [{"type": "string", "minLength": 1}, alias]}
    return schema


def settings_table() -> str:
    """Every variable, a table for each section."""
    return "\n\n".join(_section(section) for section in SECTIONS)


def _section(section: type[Section]) -> str:
    title = section.__name__.removesuffix("Settings")
    rows = "\n".join(row for name, field in section.model_fields.items() for row in _rows(section, name, field))
    return (
        f"### {title}\n\n{(section.__doc__ or '').strip()}\n\n"
        f"| Variable | Takes | Default | Meaning |\n|---|---|---|---|\n{rows}"
    )


def _rows(section: type[Section], name: str, field: FieldInfo) -> Iterator[str]:
    setting = variable(section, name)
    yield f"| `{setting}` | {_takes(field)} | {_default(field)} | {field.description} |"
    if is_secret(section, name):
        yield f"| `{file_variable(setting)}` | path | (none) | a file that holds it, in place of it |"


def _default(field: FieldInfo) -> str:
    value = field.get_default()
    if value is PydanticUndefined:
        return "(required)"
    if value is None:
        return "(none)"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        value = ",".join(f"{part:g}" if isinstance(part, float) else str(part) for part in value)
    elif isinstance(value, float):
        value = f"{value:.10g}"
    return f"`{value}`" if str(value) else "(empty)"


def _takes(field: FieldInfo) -> str:
    return ", ".join([_type(field.annotation), *_limits(field.metadata)])


def _type(annotation: Any) -> str:
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _type(args[0])
    if origin is typing.Literal:
        return " or ".join(f"`{choice}`" for choice in args)
    if origin is tuple:
        return f"{_type(args[0])}s, comma-separated"
    if origin in {types.UnionType, typing.Union}:
        return " or ".join(_type(part) for part in args if part is not type(None))
    names: dict[Any, str] = {
        int: "whole number", float: "number", bool: "`true` or `false`", str: "text", SecretStr: "secret", Path: "path",
    }  # fmt: skip
    return names[annotation]


def _limits(metadata: list[Any]) -> Iterator[str]:
    signs = {annotated_types.Ge: ("ge", "≥"), annotated_types.Gt: ("gt", ">"),
             annotated_types.Le: ("le", "≤"), annotated_types.Lt: ("lt", "<")}  # fmt: skip
    for limit in metadata:
        for kind, (attribute, sign) in signs.items():
            if isinstance(limit, kind):
                yield f"{sign} {getattr(limit, attribute)}"
        if pattern := getattr(limit, "pattern", None):
            yield f"`{pattern}`"


def metrics_of() -> dict[str, CollectorRegistry]:
    """Role -> what it exports, with the zeros that stand there before the first event; `every role` first."""
    found = {role: CollectorRegistry() for role in ("every role", "worker", "dispatcher", "api", "audit", "history")}
    RoleMetrics(found["every role"], "...")
    for role in ("worker", "dispatcher"):
        subscriptions_gauge(found[role])
    WorkerMetrics(found["worker"])
    DispatcherMetrics(found["dispatcher"])
    ApiMetrics(found["api"])
    AuditMetrics(found["audit"], LEDGERS, (*READ, *COUNTED))
    HistoryMetrics(found["history"])
    return found


def metrics_table(registry: CollectorRegistry) -> str:
    """Name, type, labels with the values they take, meaning."""
    rows = [_metric(family) for family in sorted(registry.collect(), key=lambda family: family.name)]
    return "| Series | Type | Labels | Meaning |\n|---|---|---|---|\n" + "\n".join(rows)


def _metric(family: Metric) -> str:
    suffix = {"counter": "_total", "info": "_info"}.get(family.type, "")
    # of what is gathered at each scrape only the names of labels are known before there is anything
    labels: dict[str, list[str]] = {name: [] for name in getattr(family, "_labelnames", ())}
    for sample in family.samples:
        for name, value in sample.labels.items():
            if name != "le" and value not in labels.setdefault(name, []):
                labels[name].append(value)
    told = "; ".join(_label(name, values) if family.type != "info" else f"`{name}`" for name, values in labels.items())
    return f"| `{family.name}{suffix}` | {family.type} | {told} | {family.documentation} |"


def _label(name: str, values: list[str]) -> str:
    if values in ([], [OTHER]):
        return f"`{name}`" + (" (capped, the rest as `other`)" if values else "")
    return f"{name}: {', '.join(f'`{value}`' for value in values)}"


def command_help(name: str) -> str:
    """What `bongsu NAME --help` says, and the same of its sub-commands, as code blocks.

    Raises:
        LookupError: there is no such command.
    """
    root = click.Context(cli, info_name="bongsu", **cli.context_settings)  # as main() would: children inherit it
    command = cli.get_command(root, name)
    if command is None:
        raise LookupError(name)
    return "\n\n".join(f"```text\n{text.rstrip()}\n```" for text in _help(command, root, name))


def _help(command: click.Command, parent: click.Context, name: str) -> Iterator[str]:
    command._help_option = None  # noqa: SLF001  click remembers the names that it had under its first parent
    context = click.Context(command, info_name=name, parent=parent, max_content_width=110, terminal_width=110)
    yield command.get_help(context)
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            assert found is not None
            yield from _help(found, context, child)


def insert(text: str, name: str, generated: str) -> str:
    """`text` with what stands between the comments of `name` replaced.

    Raises:
        ValueError: the comments are not there.
    """
    pattern = re.compile(rf"(<!-- generated: {name}[^>]*-->\n).*?(\n<!-- end: {name} -->)", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"no <!-- generated: {name} --> ... <!-- end: {name} --> to fill")
    return pattern.sub(lambda found: f"{found[1]}\n{generated}\n{found[2]}", text)


def documents(root: Path = ROOT) -> dict[Path, str]:
    """Path -> text of every file that is generated, wholly or in part."""
    settings = root / "docs" / "settings.md"
    found = {settings: insert(settings.read_text(encoding="utf-8"), "settings", settings_table())}
    commands = root / "docs" / "cli.md"
    text = commands.read_text(encoding="utf-8")
    for name in COMMANDS:
        text = insert(text, name, command_help(name))
    found[commands] = text
    path = root / "docs" / "metrics.md"
    text = path.read_text(encoding="utf-8")
    for role, registry in metrics_of().items():
        text = insert(text, f"metrics of {role}", metrics_table(registry))
    found[path] = text
    found[root / "docs" / "asyncapi.yaml"] = asyncapi()
    found[root / "docs" / "openapi.json"] = openapi()
    found[root / "clients" / "python" / "src" / "bongsu_client" / "models.py"] = client_models()
    return found | {root / "docs" / "schemas" / name: text for name, text in schemas().items()}


def main() -> None:
    """Write what differs, and say which."""
    for path, text in documents().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"written: {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
