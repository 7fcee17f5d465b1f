from service.streams.watchdog import Watchdog


def test_a_partition_that_stands_still_is_named_once_and_then_less_and_less_often():
    dog = Watchdog(stalled_s=6)
    named = [now for now in range(0, 60, 2) if dog.stalled(now, {"p": (5, 9)}, idle=True)]
    assert named == [6, 18, 42]


def test_progress_work_and_an_empty_partition_are_no_stall():
    dog = Watchdog(stalled_s=6)
    assert not any(dog.stalled(now, {"p": (now, 99)}, idle=True) for now in range(0, 40, 2))
    assert not any(dog.stalled(now, {"p": (5, 9)}, idle=False) for now in range(40, 80, 2))
    assert not any(dog.stalled(now, {"p": (9, 9)}, idle=True) for now in range(80, 120, 2))


def test_work_in_between_starts_the_time_anew():
    dog = Watchdog(stalled_s=6)
    for now in (0, 2, 4):
        assert not dog.stalled(now, {"p": (5, 9)}, idle=True)
    assert not dog.stalled(5, {"p": (5, 9)}, idle=False)
    assert not dog.stalled(10, {"p": (5, 9)}, idle=True)
    assert dog.stalled(11, {"p": (5, 9)}, idle=True) == ["p"]


def test_a_partition_that_went_away_is_forgotten():
    dog = Watchdog(stalled_s=6)
    dog.stalled(0, {"p": (5, 9)}, idle=True)
    dog.stalled(4, {}, idle=True)
    assert not dog.stalled(8, {"p": (5, 9)}, idle=True)
