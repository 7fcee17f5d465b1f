"""Tokens on the control topic `tokens`: one record each, without the token, of which only the hash is known."""

from service.adapters.control_revisions import Kind, RevisionsFollower, read_standing
from service.adapters.control_topic import OnFailure
from service.model import topics
from service.model.control_records import TokenRecord
from service.settings import KafkaSettings

TOKEN = Kind(TokenRecord, topics.TOKENS, "token", lambda record: min(record.expires_ms, record.revoked_ms or 2**63))


async def read_tokens(settings: KafkaSettings) -> tuple[TokenRecord, ...]:
    """All tokens there are, expired and revoked ones too, in the order of their ids.

    Raises:
        NewerSchema: one was written by a newer Bongsu.
        Unavailable, WrongSetup: Kafka does not answer or refuses us.
    """
    return (await read_standing(settings, TOKEN)).all()


class TokensFollower(RevisionsFollower[TokenRecord]):
    """Follows the topic `tokens`."""

    def __init__(self, settings: KafkaSettings, *, on_failure: OnFailure | None = None, once: bool = False) -> None:
        """As `RevisionsFollower`."""
        super().__init__(settings, TOKEN, on_failure=on_failure, once=once)
