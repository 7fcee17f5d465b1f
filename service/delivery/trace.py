"""What an attempt saw, as fields of its record: where it went, how long each part took, what came back."""

from typing import Any

from service.delivery.attempts import Answer
from service.model.records import AttemptPhases


def trace(answer: Answer | None, body_bytes: int) -> dict[str, Any]:
    """Fields of `AttemptRecord`; none when nothing was tried. `body_bytes`: of the request."""
    if answer is None:
        return {}
    phases = answer.phases
    return {
        "address": answer.address,
        "phases": AttemptPhases(
            dns_ms=phases.dns_ms,
            connect_ms=phases.connect_ms,
            tls_ms=phases.tls_ms,
            first_byte_ms=phases.first_byte_ms,
        ),
        "request_bytes": body_bytes if answer.sent else None,
        "response_bytes": answer.body_bytes if answer.status is not None else None,
        "excerpt": answer.excerpt or None,
    }
