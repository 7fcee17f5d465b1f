"""From bytes on a topic to a delivery that may be sent, or the reason why it never can be."""

from dataclasses import dataclass

from service.delivery.signing import usable_id
from service.dispatcher.progress import Conflict, Progress
from service.model.errors import BadInput
from service.model.ids import sha256_hex
from service.model.records import DeliveryRecord


@dataclass(frozen=True, slots=True)
class Poison:
    """Will never be usable: to `dead-letters`. `why` is the metric's word."""

    why: str
    reason: str


def read_delivery(raw: bytes | None, topic: str, progress: Progress) -> DeliveryRecord | Poison:
    """Decode and check.

    Raises:
        NewerSchema: not poison; the role has to be upgraded.
    """
    if raw is None:
        return Poison("undecodable", "an empty value is no delivery")
    try:
        delivery = DeliveryRecord.decode(raw, topic)
        body = delivery.body.encode()
    except (BadInput, UnicodeEncodeError) as error:
        return Poison("undecodable", str(error))
    if sha256_hex(body) != delivery.body_sha256:
        return Poison("hash", f"{delivery.id}: the body is not the one whose hash stands in the record")
    if not usable_id(delivery.id):
        return Poison("id", f"{delivery.id!r} cannot be a webhook-id: printable ASCII without dots and spaces")
    known = progress.of(delivery)
    if isinstance(known, Conflict):
        return Poison("conflict", f"{delivery.id} was sent with the body {known.sent_sha256}; this is another one")
    return delivery
