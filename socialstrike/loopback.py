"""A listener on this machine for the one answer that a browser brings back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from socialstrike.exceptions import InvalidInput
from socialstrike.i18n import stored, tr, translated

PATH = "/callback"

#: Longer addresses are no answers.
_LONGEST = 8_000
_DONE = stored("That is all: you can close this window and go back to the terminal.")
_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Connection": "close",
}


class Listener:
    """Waits on 127.0.0.1 for one good answer; use as a context manager.

    ``fits`` says whether the parameters of a call are the answer waited for. All else is refused.
    """

    def __init__(self, port: int, fits: Callable[[Mapping[str, str]], bool]) -> None:
        """``port`` 0 takes a free one. Raises InvalidInput where the port cannot be had."""
        self._fits = fits
        self._answer: dict[str, str] | None = None
        self._came = threading.Event()
        self._lock = threading.Lock()
        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        except OSError as error:
            raise InvalidInput(
                tr(
                    "port {port} of this machine cannot be listened on ({strerror}); choose"
                    " another with --port, or paste the answer with --no-browser",
                    port=port,
                    strerror=error.strerror,
                )
            ) from None
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        #: How many calls were refused: answers to another question, or no answers at all.
        self.refused = 0

    def wait(self, seconds: float) -> Mapping[str, str] | None:
        """The answer's parameters; None where it did not come within ``seconds``."""
        return self._answer if self._came.wait(seconds) else None

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _take(self, path: str, host: str) -> bool:
        """Whether this call is the one waited for."""
        parts = urlsplit(path)
        # A page elsewhere can reach this machine under a name of its own.
        mine = host in {f"127.0.0.1:{self.port}", f"localhost:{self.port}"}
        pairs = parse_qsl(parts.query, keep_blank_values=True) if len(path) <= _LONGEST else []
        given = dict(pairs)
        once = len(given) == len(pairs)
        with self._lock:
            good = mine and once and parts.path == PATH and self._fits(given)
            if not good or self._answer is not None:
                self.refused += 1
                return False
            self._answer = given
            return True

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        listener = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 5  # whoever connects and says nothing is not waited for

            def do_GET(self) -> None:
                good = listener._take(self.path, self.headers.get("Host", ""))
                wrong = tr("This is not the answer that was waited for.")
                words = translated(_DONE) if good else wrong
                body = f"<!DOCTYPE html><title>socialstrike</title><p>{words}</p>".encode()
                self.send_response(200 if good else 400)
                for name, value in {**_HEADERS, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
                if good:
                    listener._came.set()

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing: an address that is called holds a code."""

        return Handler
