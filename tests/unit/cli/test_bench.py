"""`bongsu bench`: what it refuses before it measures anything."""

import pytest

from service.bench import delivery
from service.model.errors import WrongSetup


def test_a_part_that_is_none_is_refused_before_kafka_is_started() -> None:
    with pytest.raises(WrongSetup, match="no part to_2; it has to_1, to_50"):
        delivery.run(quick=True, progress=print, only=("to_1", "to_2"))
