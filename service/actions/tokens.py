"""Tokens of the API: made in a shell, shown once, known by their hash."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import get_args

from service.actions.actor import Actor
from service.actions.changes import Change, noted
from service.actions.control import Control
from service.model.control_records import Scope, TokenRecord
from service.model.errors import BadInput, NotFound

PREFIX = "bongsu_"
SCOPES: tuple[Scope, ...] = get_args(Scope)
_NOBODY = "0" * 64


@dataclass(frozen=True, slots=True)
class MadeToken:
    """A new token: `text` is what its owner keeps, and stands nowhere else."""

    record: TokenRecord
    text: str = field(repr=False)


async def create(control: Control, actor: Actor, name: str, scopes: Iterable[str], *, expires_ms: int) -> MadeToken:
    """A token of the actor's tenant, good until `expires_ms`.

    Raises:
        BadInput: a scope does not exist, none is named, or it would have expired already.
        Unavailable, WrongSetup: Kafka does not answer or refuses us.
    """
    given = set(scopes)
    wanted = tuple(scope for scope in SCOPES if scope in given)
    if unknown := sorted(given - set(SCOPES)):
        raise BadInput(f"there is no scope {unknown[0]}; there are {', '.join(SCOPES)}")
    if not wanted:
        raise BadInput(f"a token needs a scope; there are {', '.join(SCOPES)}")
    if not name.strip():
        raise BadInput("a token needs a name, so that people know whose it is")
    now_ms = control.now_ms()
    if expires_ms <= now_ms:
        raise BadInput("it would have expired already")
    token_id = secrets.token_hex(8)
    text = f"{PREFIX}{token_id}_{secrets.token_urlsafe(32)}"
    record = TokenRecord(
        id=token_id, tenant=actor.tenant, name=name.strip(), scopes=wanted, sha256=_sha256(text), created_ms=now_ms,
        expires_ms=expires_ms, updated_ms=now_ms,
    )  # fmt: skip
    async with noted(control, actor, Change("token.created", token_id, 1, wanted)):
        record = await control.tokens.write(record)
    return MadeToken(record, text)


async def list_(control: Control, actor: Actor) -> tuple[TokenRecord, ...]:
    """Those of the actor's tenant, expired and revoked ones too, for a month."""
    return await control.tokens.all_of(actor.tenant)


async def of_every_tenant(control: Control) -> tuple[TokenRecord, ...]:
    """Those of all tenants: for whoever runs Bongsu. No route of the API leads here. Raises as `list_`."""
    await control.tokens.fresh()
    return tuple(sorted(control.tokens.all(), key=lambda record: (record.tenant, record.id)))


async def revoke(control: Control, actor: Actor, token_id: str) -> TokenRecord:
    """End a token now; one that was revoked already stays as it is.

    Raises:
        NotFound: there is none of this id.
        ChangedMeanwhile: somebody else changed it at the same time.
        Unavailable, WrongSetup: Kafka does not answer or refuses us.
    """
    record = await control.tokens.of(actor.tenant, token_id)
    if record is None:
        raise NotFound(f"there is no token {token_id}; `bongsu token list --all-tenants` shows all.")
    if record.revoked_ms is not None:
        return record
    now_ms = control.now_ms()
    changed = record.model_copy(update={"revision": record.revision + 1, "revoked_ms": now_ms, "updated_ms": now_ms})
    async with noted(control, actor, Change("token.revoked", token_id, changed.revision)):
        return await control.tokens.write(changed)


def state_of(record: TokenRecord, now_ms: int) -> str:
    """`revoked`, `expired` or `active`."""
    if record.revoked_ms is not None:
        return "revoked"
    return "expired" if record.expires_ms <= now_ms else "active"


def verified(control: Control, text: str) -> TokenRecord | None:
    """Whose token this is, as far as was read; None: nobody's, or it is revoked or expired.

    Takes as long for an id that is not there as for a wrong token.
    """
    token_id, _, _ = text.removeprefix(PREFIX).partition("_")
    record = control.tokens.get(token_id) if text.startswith(PREFIX) else None
    equal = hmac.compare_digest(_sha256(text), record.sha256 if record else _NOBODY)
    if record is None or not equal or state_of(record, control.now_ms()) != "active":
        return None
    return record


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
