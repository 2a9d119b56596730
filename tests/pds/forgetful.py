"""A way to a server that carries every request there, and loses the answers it is told to lose."""

from __future__ import annotations

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import urlsplit

_HOP = {"connection", "content-length", "transfer-encoding", "host"}


class Forgetful:
    """Use as a context manager. The answers to ``losing``, a method's name, do not arrive."""

    def __init__(self, server: str) -> None:
        self.losing = ""
        self.lost = 0
        between = self
        target = urlsplit(server).netloc

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._carry()

            def do_POST(self) -> None:
                self._carry()

            def log_message(self, *_: object) -> None:
                """Nothing: the test says what it needs."""

            def _carry(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                headers = {n: v for n, v in self.headers.items() if n.lower() not in _HOP}
                onward = http.client.HTTPConnection(target, timeout=20)
                onward.request(self.command, self.path, body or None, headers)
                answer = onward.getresponse()
                content = answer.read()
                onward.close()
                self.close_connection = True
                if between.losing and self.path.endswith(between.losing):
                    between.lost += 1
                    return
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in _HOP:
                        self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.send_header("connection", "close")
                self.end_headers()
                self.wfile.write(content)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> Forgetful:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)
