"""What of the embedded Kafka needs no broker. The rest is in tests/e2e/test_embedded_kafka.py."""

import base64
import socket

import pytest

from service.adapters.embedded_kafka import EmbeddedKafka, cluster_id, free_port


@pytest.mark.parametrize("first", range(256))
def test_a_cluster_id_is_sixteen_bytes_and_never_an_option(first):
    text = cluster_id(bytes([first]) * 16)
    assert len(base64.urlsafe_b64decode(text + "==")) == 16
    assert text[0].isalnum()


def test_a_free_port_can_be_taken():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_port()))


def test_nothing_happens_before_start(tmp_path):
    kafka = EmbeddedKafka(tmp_path / "never")
    assert not kafka.running
    kafka.stop()
    kafka.kill()
    assert not (tmp_path / "never").exists()
