"""How long others wait while a page is made is measured, or it is an error: nobody waits for it without an end."""

import http.client
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from service.bench.scrape import _pinged


class Server(HTTPServer):
    asked, answers = 0, 10**9


class Healthz(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self):
        self.server.asked += 1
        if self.server.asked > self.server.answers:
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with Server(("127.0.0.1", 0), Healthz) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        yield server
        server.shutdown()
        serving.join()


def test_others_ask_meanwhile_and_the_longest_answer_is_told(server):
    with _pinged(server.server_port) as longest_ms:
        pass
    assert server.asked >= 2, "one connects, the others are measured"
    assert longest_ms() > 0


def test_who_answers_no_more_is_an_error(server):
    server.answers = 1
    with pytest.raises(http.client.RemoteDisconnected), _pinged(server.server_port):
        pass


def test_nobody_there_is_an_error():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        with pytest.raises(ConnectionRefusedError), _pinged(taken.getsockname()[1]):
            pass
