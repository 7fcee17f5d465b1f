import socket

from service.cli.demo import _api_port


def test_the_api_takes_the_usual_port_where_it_is_free(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("BONGSU_API_PORT", str(port))
        assert _api_port() == "0"
    assert _api_port() == str(port)
