"""A service on this machine that alerts can be sent to."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "s3cr3tT0kenOfTheChannel"


class Inbox:
    """What was sent to it. It answers with ``status``, once ``answers`` is set; it is at first."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.status = 200
        self.answers = threading.Event()
        self.answers.set()
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if inbox.status == 200:
                    inbox.messages.append(json.loads(body))
                inbox.answers.wait(30)
                self.send_response(inbox.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """The test asks for what it wants to know."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.url = f"json://127.0.0.1:{self._server.server_port}/{TOKEN}"

    @property
    def titles(self) -> list[str]:
        """The titles of what came, without the product's name."""
        return [message["title"].removeprefix("socialstrike: ") for message in self.messages]

    def close(self) -> None:
        """Answer who still waits, and end."""
        self.answers.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
