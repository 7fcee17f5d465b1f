"""Subscriptions out of a YAML file, for what runs without a broker."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import ValidationError

from service.model.errors import BadInput

if TYPE_CHECKING:
    from service.model.control_records import SubscriptionRecord


def load_subscriptions(path: Path | None) -> "list[SubscriptionRecord]":
    """The list in the file, or under its key `subscriptions`; without a file one subscription of all rules.

    Raises:
        BadInput: which subscription, what is wrong with it and what it must be.
    """
    from service.simulation.day import SubscriptionLine

    if path is None:
        return [SubscriptionLine(id="all").record(0)]
    given = _read(path)
    out: dict[str, SubscriptionRecord] = {}
    for number, item in enumerate(given, 1):
        name = item.get("id", number) if isinstance(item, dict) else number
        try:
            record = SubscriptionLine.model_validate(item).record(0)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"])) or "it"
            raise BadInput(f"{path}: subscription {name}: {place}: {first['msg']}") from None
        except BadInput as error:
            raise BadInput(f"{path}: subscription {name}: {error}") from None
        if record.id in out:
            raise BadInput(f"{path}: subscription {name} stands there twice; give one of them another id")
        out[record.id] = record
    return list(out.values())


def _read(path: Path) -> list[Any]:
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}; name a YAML file of subscriptions") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    if isinstance(value, dict):
        value = value.get("subscriptions")
    if not isinstance(value, list):
        raise BadInput(f"{path}: must be a list of subscriptions, each with `id` and what else it has")
    return value
