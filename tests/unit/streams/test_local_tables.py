import os
import time

import pytest

from service.model.errors import WrongSetup
from service.streams.local_tables import KEPT_S, LocalTables


def test_two_processes_of_one_machine_get_directories_of_their_own_and_the_first_comes_back(tmp_path):
    first, second, third = (LocalTables(tmp_path, "cluster", "bongsu-worker") for _ in range(3))
    assert first.take() != second.take()
    path = first.path
    first.release()
    assert third.take() == path


def test_another_cluster_and_another_prefix_have_other_tables(tmp_path):
    paths = {LocalTables(tmp_path, *names).take() for names in (("a", "x"), ("b", "x"), ("a", "y"))}
    assert len(paths) == 3


def test_tables_that_were_left_alone_for_long_are_read_anew(tmp_path):
    tables = LocalTables(tmp_path, "cluster", "x")
    kept = tables.take() / "faust" / "table"
    kept.mkdir(parents=True)
    tables.release()
    tables.take()
    assert kept.exists()
    long_ago = time.time() - KEPT_S - 60
    os.utime(tables.path / "used", (long_ago, long_ago))
    tables.release()
    tables.take()
    assert not kept.exists()


def test_where_nothing_can_be_written_it_says_what_to_do(tmp_path):
    (tmp_path / "tables").write_text("a file")
    with pytest.raises(WrongSetup, match="BONGSU_DATA_DIR"):
        LocalTables(tmp_path, "cluster", "x").take()
