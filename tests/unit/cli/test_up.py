import socket

from service.cli.demo import _api_port


def test_the_api_takes_the_usual_port_where_it_is_free():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert _api_port(port) == "0"
    assert _api_port(port) == str(port)
