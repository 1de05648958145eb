"""A service of this machine that takes messages, as ntfy and others do."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest


class Sink(HTTPServer):
    """Takes what is posted, as ntfy and others do. hangs: it never answers."""

    def __init__(self) -> None:
        self.posted: list[bytes] = []
        self.hangs = False
        self.let_go = threading.Event()
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                sink.posted.append(self.path.encode() + b" " + self.rfile.read(int(self.headers["Content-Length"])))
                if sink.hangs:
                    sink.let_go.wait(20)
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            do_PUT = do_POST

            def log_message(self, format: str, *args: Any) -> None: ...

        super().__init__(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.serve_forever, daemon=True)
        self.thread.start()

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.server_port}"


@pytest.fixture
def sink() -> Iterator[Sink]:
    pytest.importorskip("apprise")
    made = Sink()
    yield made
    made.let_go.set()
    made.shutdown()
    made.server_close()
