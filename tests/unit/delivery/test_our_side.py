"""Whose fault it is that nothing was sent."""

import pytest

from service.delivery.attempts import OUR_SIDE, Failure
from service.delivery.our_side import LASTING_S, MEANS, QUIET_S, OurSide


@pytest.mark.parametrize("failure", [Failure.DNS, Failure.RESOLVER])
def test_only_a_second_name_without_an_address_is_our_fault(failure: Failure) -> None:
    side = OurSide()
    assert not side.is_to_blame("a.example", failure, 0.0)
    assert not side.is_to_blame("a.example", failure, 0.0)
    assert side.is_to_blame("b.example", failure, 0.0)
    assert side.is_to_blame("a.example", failure, 0.0)
    assert not side.is_to_blame("a.example", Failure.TIMEOUT, 0.0)
    side.resolved()
    assert not side.is_to_blame("a.example", failure, 0.0)


@pytest.mark.parametrize("failure", [Failure.NETWORK, Failure.RESOURCES])
def test_what_this_machine_lacks_is_our_fault_at_once(failure: Failure) -> None:
    assert OurSide().is_to_blame("a.example", failure, 0.0)


@pytest.mark.parametrize("failure", sorted(set(Failure) - OUR_SIDE - {Failure.DNS}))
def test_what_the_other_side_does_is_never_our_fault(failure: Failure) -> None:
    side = OurSide()
    assert not any(side.is_to_blame(host, failure, 0.0) for host in ("a.example", "b.example", "c.example"))


def test_a_fault_that_lasts_is_told_until_something_works() -> None:
    side = OurSide()
    for second in range(int(LASTING_S) + 3):
        side.is_to_blame("a.example", Failure.NETWORK, float(second), "Network is unreachable")
    now = LASTING_S + 2
    [said] = side.lasting(now)
    assert MEANS[Failure.NETWORK] in said
    assert "Network is unreachable" in said
    assert side.lasting(now + QUIET_S) == []  # nobody tried: nobody knows
    side.worked(named=False)
    assert side.lasting(now) == []
    side.is_to_blame("a.example", Failure.NETWORK, now)
    assert side.lasting(now) == []  # a new one is young


def test_a_fault_after_a_long_silence_is_young() -> None:
    side = OurSide()
    side.is_to_blame("a.example", Failure.RESOURCES, 0.0)
    side.is_to_blame("a.example", Failure.RESOURCES, 2 * QUIET_S)
    assert side.lasting(2 * QUIET_S) == []


def test_every_fault_of_ours_has_a_meaning() -> None:
    assert set(MEANS) == OUR_SIDE
