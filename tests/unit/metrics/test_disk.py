from prometheus_client import CollectorRegistry

from service.metrics.disk import DiskMetrics, table_bytes


def test_bytes_of_each_table(tmp_path):
    tables = tmp_path / "faust" / "v1" / "tables"
    for name, size in (("stories-0.db", 10), ("stories-3.db", 5), ("groups-1.db", 7), ("foreign-0.db", 99)):
        (tables / name).mkdir(parents=True)
        (tables / name / "000001.sst").write_bytes(b"x" * size)
    (tables / "stories-backups").mkdir()
    assert table_bytes(tmp_path, ["stories", "groups"]) == {"stories": 15, "groups": 7}
    assert table_bytes(tmp_path / "nowhere", ["stories"]) == {"stories": 0}


def test_the_room_that_is_left(tmp_path):
    registry = CollectorRegistry()
    disk = DiskMetrics(registry)
    disk.look(tmp_path / "nowhere")
    assert registry.get_sample_value("bongsu_data_free_bytes") is None, "0 would say that it is full"
    disk.look(tmp_path)
    free = registry.get_sample_value("bongsu_data_free_bytes")
    size = registry.get_sample_value("bongsu_data_size_bytes")
    assert free is not None
    assert size is not None
    assert 0 < free <= size
