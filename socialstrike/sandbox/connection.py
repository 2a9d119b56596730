"""Cutting a connection for real: the client sees it reset, without one byte of an answer."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from typing import ClassVar

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol


class CuttableProtocol(H11Protocol):
    """Uvicorn's HTTP protocol, which also lets an answer find the connection that it belongs to."""

    #: The client's address → its transport; unique while the connection lives.
    open: ClassVar[dict[object, asyncio.Transport]] = {}
    #: The addresses at which connections were taken: a request that came there is ours to cut.
    served: ClassVar[set[object]] = set()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # uvicorn narrows it the same way
        """Remember the connection."""
        super().connection_made(transport)
        self.open[self.client] = transport
        self.served.add(self.server)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self.open.pop(self.client, None)
        super().connection_lost(exc)


class Cut(Response):
    """Instead of an answer: the connection is reset."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Reset the connection and wait until the server has noticed, so that it answers nothing.

        A client that has gone already needs no cutting. Raises ConnectionAbortedError where the
        server is not the sandbox's own.
        """
        transport = CuttableProtocol.open.get(tuple(scope["client"] or ()))
        if transport is not None:
            _reset(transport)
        elif tuple(scope["server"] or ()) not in CuttableProtocol.served:
            raise ConnectionAbortedError("this server cannot cut a connection; use serve()")
        while (await receive())["type"] != "http.disconnect":
            pass


def _reset(transport: asyncio.Transport) -> None:
    # On, for no time: closing sends RST, not FIN.
    linger = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
    # The socket of a connection that is just being closed takes no options.
    with contextlib.suppress(OSError):
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()
