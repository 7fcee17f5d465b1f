from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from service.adapters.partitions import partition_of


@given(st.binary(min_size=1, max_size=40), st.integers(1, 50))
def test_a_key_is_where_the_producer_puts_it(key, count):
    assert partition_of(key, count) == DefaultPartitioner()(key, list(range(count)), list(range(count)))
