from hypothesis import given
from hypothesis import strategies as st

from service.alerting.story_postings import Postings

STEPS = st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.integers(0, 5)), max_size=60)


@given(STEPS, st.integers(1, 4))
def test_they_are_lists_in_the_order_of_adding(steps, count):
    made: Postings[int, str] = Postings()
    slow: dict[int, list[str]] = {}
    for adds, key, number in steps:
        value = f"v{number}"
        there = slow.setdefault(key, [])
        if adds and value not in there:
            there.append(value)
            made.add(key, value)
        elif not adds:
            if value in there:
                there.remove(value)
            made.remove(key, value)
    for key in range(4):
        assert list(made.latest(key, count)) == slow.get(key, [])[::-1][:count]
    assert len(made) == sum(bool(there) for there in slow.values())
