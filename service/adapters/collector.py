"""Python's cycle collector, held while many objects are made that stay.

It looks at everything that lives each time that enough was made: 100,000 rules cost it 14 of 18 s, for nothing.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_held() -> Iterator[None]:
    """No collection within. May be nested, and used by two threads at once: the worst is that it runs too early."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
