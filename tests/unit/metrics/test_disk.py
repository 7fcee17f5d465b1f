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
    assert registry.get_sample_value("bongsu_data_free_bytes") == 0
    disk.look(tmp_path)
    size = registry.get_sample_value("bongsu_data_size_bytes")
    assert 0 < registry.get_sample_value("bongsu_data_free_bytes") <= size
