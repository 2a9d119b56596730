"""A connection that is gone before the sandbox cuts it is no fault of the sandbox's."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from socialstrike.sandbox.connection import Cut

PATIENCE = 15.0
#: Seconds, half before the fault and half after it.
LATENCY = 0.6


@pytest.fixture
def server() -> Iterator[subprocess.Popen[str]]:
    """A sandbox whose every answer takes a moment, and whose standard error can be read."""
    command = [sys.executable, "-m", "socialstrike.sandbox", "--port=0"]
    with subprocess.Popen(
        [*command, f"--latency-ms={LATENCY * 1000}", "--until-stdin-closes"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


def call(method: str, url: str, body: object = None) -> object:
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(url, data, headers, method=method)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5) as r:
        return json.load(r)


@pytest.mark.parametrize("fault", ["drop_before", "drop_after"])
@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_a_client_that_left_before_the_cut_leaves_no_traceback(
    server: subprocess.Popen[str], fault: str, reset: bool
) -> None:
    assert server.stdin
    assert server.stdout
    base = server.stdout.readline().strip()
    options = {"platform": "x", "name": "a", "auth": "oauth2"}
    made = call("POST", f"{base}/sandbox/accounts", options)
    assert isinstance(made, dict)
    call("POST", f"{base}/sandbox/faults", {"fault": fault})
    body = b'{"text": "hello"}'
    head = (
        f"POST /2/tweets HTTP/1.1\r\nHost: api.x.com\r\nContent-Length: {len(body)}\r\n"
        f"Authorization: Bearer {made['credentials']['access_token']}\r\n"
        "Content-Type: application/json\r\n\r\n"
    )

    with socket.create_connection(("127.0.0.1", urlsplit(base).port or 0), timeout=5) as client:
        if reset:
            linger = struct.pack("ii", 1, 0)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        client.sendall(head.encode() + body)
        # The fault is chosen, and half the latency is still to come: the client leaves now.
        end = time.monotonic() + PATIENCE
        while not call("GET", f"{base}/sandbox/faults")[0]["fired"]:  # type: ignore[index]
            assert time.monotonic() < end
            time.sleep(0.01)
    time.sleep(LATENCY)

    server.stdin.close()
    assert server.wait(PATIENCE) == 0
    assert server.stderr
    assert server.stderr.read() == ""


def test_another_server_than_the_sandboxs_own_still_says_that_it_cannot_cut() -> None:
    async def nothing(*_: object) -> dict[str, str]:
        return {"type": "http.disconnect"}

    scope = {"type": "http", "client": ("testclient", 50000), "server": ("testserver", 80)}
    with pytest.raises(ConnectionAbortedError, match="use serve"):
        asyncio.run(Cut()(scope, nothing, nothing))  # type: ignore[arg-type]
