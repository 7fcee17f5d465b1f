"""`bongsu verify`: does this webhook verify, and if not, why not?"""

import time
from pathlib import Path

import click
import orjson

from service.delivery.verifying import TOLERANCE_S, verify
from service.model.errors import BadInput


def read_headers(raw: bytes) -> dict[str, str]:
    """Headers of a request, names in lower case: from `Name: value` lines, or from a JSON object.

    A request line before them is no header, and what follows an empty line is the body.

    Raises:
        BadInput: neither.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"the headers are not UTF-8: {error}") from None
    if text.lstrip().startswith("{"):
        return _from_json(text)
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        plain = line.lstrip("<> ")  # curl -v marks lines so
        if not plain.strip():
            break  # the body begins, when a whole request was saved
        name, colon, value = plain.partition(":")
        if not colon or " " in name.strip():
            if number == 1:
                continue  # POST /hook HTTP/1.1
            raise BadInput(f"line {number} of the headers is no 'Name: value': {line[:60]!r}")
        found[name.strip().lower()] = value.strip()
    return found


def _from_json(text: str) -> dict[str, str]:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadInput(f"the headers are not JSON: {error}") from None
    # some frameworks give a list of values for each name
    return {
        str(name).lower(): str(given[0] if isinstance(given, list) and given else given)
        for name, given in value.items()
    }


@click.command(name="verify")
@click.option(
    "--secret",
    "secrets",
    multiple=True,
    required=True,
    help="whsec_, whsk_ or whpk_; repeatable, one that fits is enough.",
)
@click.option(
    "--headers",
    "headers_file",
    required=True,
    type=click.File("rb"),
    help="'Name: value' lines, or a JSON object; - is standard input.",
)
@click.option(
    "--body",
    "body_file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The bytes of the body, as they arrived.",
)
@click.option(
    "--tolerance",
    "tolerance_s",
    type=click.FloatRange(0),
    default=TOLERANCE_S,
    show_default=True,
    help="Seconds that webhook-timestamp may be off.",
)
@click.option("--any-age", is_flag=True, help="Do not look at the age: for a webhook that was saved long ago.")
def verify_(
    secrets: tuple[str, ...], headers_file: click.utils.LazyFile, body_file: Path, tolerance_s: float, any_age: bool
) -> int:  # fmt: skip
    """Check a webhook that was saved, and name the cause when it does not verify.

    It tries what usually goes wrong: JSON that was parsed and written again, another encoding, white space, the secret
    of another subscription, a secret that was not decoded, a clock that is off. Exit code 0 when it verifies, else 1.
    """
    headers = read_headers(headers_file.read())
    verdict = verify(
        secrets, headers, body_file.read_bytes(), time.time(), tolerance_s=float("inf") if any_age else tolerance_s
    )
    if verdict.ok:
        click.echo("verified")
        return 0
    click.echo(f"{verdict.cause}: {verdict.detail}")
    return 1
