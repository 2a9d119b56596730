"""The sandbox as a server: one port on 127.0.0.1 for all platforms, at the root."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable
from types import FrameType

import uvicorn
from starlette.applications import Starlette

from socialstrike.sandbox import bluesky, control, facebook, mastodon, pages, x
from socialstrike.sandbox.connection import CuttableProtocol
from socialstrike.sandbox.state import DEFAULT_LIMIT, Sandbox


def application(sandbox: Sandbox) -> Starlette:
    """The ASGI application over one sandbox."""
    return Starlette(
        routes=[
            *x.routes(sandbox),
            *facebook.routes(sandbox),
            *mastodon.routes(sandbox),
            *bluesky.routes(sandbox),
            *control.routes(sandbox),
            *pages.routes(sandbox),
        ]
    )


def serve(
    ready: Callable[[str], None],
    *,
    port: int = 0,
    strict: bool = False,
    latency_ms: float = 0,
    limit: int | None = DEFAULT_LIMIT,
    until_stdin_closes: bool = False,
) -> None:
    """Serve until SIGTERM or SIGINT; call ``ready`` with the base URL once it answers.

    ``port`` 0 takes a free one; ``latency_ms`` delays each answer of a platform; ``limit`` is how
    many posts X allows an account per quarter of an hour, None for no limit. Raises OSError when
    the port is taken.
    """
    sandbox = Sandbox(strict=strict, latency_ms=latency_ms, limit=limit)
    with _listen(port) as listener:
        sandbox.base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(
            application(sandbox),
            http=CuttableProtocol,
            loop="asyncio",
            ws="none",
            lifespan="off",
            access_log=False,
            log_level="error",
            server_header=False,
            # Longer than any pool keeps an idle connection: what is cut here is cut on purpose.
            timeout_keep_alive=300,
        )
        server = _Server(config, lambda: ready(sandbox.base_url))
        if until_stdin_closes:
            threading.Thread(target=_watch_stdin, args=(server,), daemon=True).start()
        server.run(sockets=[listener])


def _listen(port: int) -> socket.socket:
    # The protocol is named because asyncio turns Nagle's delay off only where it reads "TCP" here;
    # left to the system, every answer on a kept connection would be 40 ms late.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(2048)
    except BaseException:
        listener.close()
        raise
    return listener


class _Server(uvicorn.Server):
    """Says when it is ready, and ends at once: nothing here is worth waiting for."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # Not kept, so that uvicorn does not raise it again: being asked to end is no error.
        del sig, frame
        self.end()

    def end(self) -> None:
        # A slow answer that is given up now is no error either.
        logging.getLogger("uvicorn.error").disabled = True
        self.should_exit = self.force_exit = True


def _watch_stdin(server: _Server) -> None:
    # Not sys.stdin: a thread inside its buffer would hold its lock while the interpreter ends.
    while os.read(0, 4096):
        pass
    server.end()
