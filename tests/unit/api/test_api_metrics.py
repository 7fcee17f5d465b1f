from service.api.metrics import valid_until
from service.model.control_records import TokenRecord


def token(name, expires_ms, revoked_ms=None):
    return TokenRecord(
        id=name, name=name, scopes=("rules:read",), sha256="0" * 64, created_ms=1, updated_ms=1,
        expires_ms=expires_ms, revoked_ms=revoked_ms,
    )  # fmt: skip


def test_of_valid_tokens_the_soonest_to_end_is_first():
    tokens = [token("late", 9_000), token("over", 1_000), token("soon", 4_000), token("revoked", 5_000, 1_500)]
    assert valid_until(tokens, 2_000) == [(("soon",), 4.0), (("late",), 9.0)]
