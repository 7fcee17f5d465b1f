"""What a person may say of a subscription, when it is made and when it is changed: the options, checked in one way."""

from collections.abc import Callable, Mapping
from typing import Any, get_args

import click

from service.delivery.headers import read_headers, shown_headers
from service.delivery.sealing import is_sealed, is_sealed_url, key_id_of
from service.delivery.signing import PRIVATE, SYMMETRIC
from service.delivery.urls import MASK, SECRET_URLS, shown_url
from service.model.control_records import SubscriptionRecord
from service.model.errors import InvalidSubscription
from service.model.record import Format, Lang

Command = Callable[..., Any]


class Cap(click.ParamType):
    """A cap of a subscription's own; 0 takes it away."""

    def __init__(self, name: str, number: type[int] | type[float]) -> None:
        self.name = name
        self._number = number

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """A number that is not negative, or a usage error."""
        try:
            number = self._number(value)
        except ValueError:
            number = -1
        if not 0 <= number < float("inf"):
            self.fail(f"{value!r} is no {self.name} above 0; 0 means none of its own", param, ctx)
        return number


def field_options(command: Command) -> Command:
    """All but the URL and what it signs with. None, or nothing at all, where it was not said."""
    for option in reversed(
        (
            click.option(
                "--rule", "rules", multiple=True, metavar="GLOB",
                help="Rules that are told, e.g. 'seoul-*'; repeatable. Default of a new one: all.",
            ),
            click.option(
                "--format", "format_", type=click.Choice(get_args(Format)),
                help="What the body looks like. Default of a new one: bongsu.",
            ),
            click.option(
                "--lang", type=click.Choice(get_args(Lang)), help="Of the summary sentence. Default of a new one: ko."
            ),
            click.option(
                "--header", "headers", multiple=True, metavar="'NAME: VALUE'",
                help="Sent with every webhook; repeatable.",
            ),
            click.option(
                "--max-per-s", type=Cap("rate", float), metavar="N",
                help="POSTs a second at most, where that is less than the settings allow; 0: as the settings say.",
            ),
            click.option(
                "--max-in-flight", type=Cap("number", int), metavar="N",
                help="POSTs under way at once at most, where that is less than the settings allow; 0: as they say.",
            ),
            click.option("--name", help="For people."),
        )
    ):  # fmt: skip
        command = option(command)
    return command


def checked_fields(
    rules: tuple[str, ...], format_: Format | None, lang: Lang | None, max_per_s: float | None,
    max_in_flight: float | None, name: str | None,
) -> dict[str, Any]:  # fmt: skip
    """What was said, as fields of a record.

    Raises:
        InvalidSubscription: something of it cannot work.
    """
    if any(not glob.strip() for glob in rules):
        raise InvalidSubscription(
            "--rule '': a glob over rule ids is needed, e.g. 'seoul-*'; leave --rule out for all."
        )
    fields: dict[str, Any] = {"rules": rules} if rules else {}
    said = {"format": format_, "lang": lang, "name": name}
    fields |= {field: value for field, value in said.items() if value is not None}
    caps = {"max_per_s": max_per_s, "max_in_flight": max_in_flight}
    return fields | {field: cap or None for field, cap in caps.items() if cap is not None}


def tell_of_url(told: str | None) -> None:
    """What `checked_url` said."""
    if told:
        click.echo(f"note: with the settings of this shell the dispatcher would refuse it: {told}", err=True)


def new_headers(texts: tuple[str, ...]) -> dict[str, str]:
    """`Name: value` texts as headers that may be sent.

    Raises:
        InvalidSubscription: one may not.
    """
    try:
        return read_headers(texts)
    except InvalidSubscription as error:
        raise InvalidSubscription(f"--header: {error}") from None


def changed_headers(
    record: SubscriptionRecord, new: Mapping[str, str], without: tuple[str, ...]
) -> dict[str, str | None]:
    """What becomes of headers: `new` ones set, those named in `without` gone (None).

    Raises:
        InvalidSubscription: one that is to go is not there.
    """
    there = {name.lower() for name in record.headers}
    if missing := [name for name in without if name.lower() not in there]:
        raise InvalidSubscription(f"--without-header {missing[0]}: it has no such header.")
    return dict.fromkeys(without) | dict(new)


def masked(record: SubscriptionRecord) -> dict[str, Any]:
    """A subscription as anybody may see it."""
    shown = record.model_dump(mode="python", by_alias=True)
    shown["url"] = shown_url(record.url, secret=record.format in SECRET_URLS or is_sealed_url(record.url))
    shown["secrets"] = [_masked(secret) for secret in record.secrets]
    shown["retiring"] = [{"secret": _masked(old.secret), "until_ms": old.until_ms} for old in record.retiring]
    shown["headers"] = shown_headers(record.headers)
    shown["policy"] = record.policy.written() if record.policy else {}
    return shown


def _masked(secret: str) -> str:
    if is_sealed(secret):
        return f"sealed with {key_id_of(secret)}"
    return next((prefix for prefix in (SYMMETRIC, PRIVATE) if secret.startswith(prefix)), "") + MASK
