"""The second opinion by kiwipiepy (extra `morphology`)."""

from collections.abc import Callable

from service.matching.sense import Veto


def make_veto(*, warn: Callable[[str], None]) -> Veto | None:
    """None for now."""
    del warn
    return None
