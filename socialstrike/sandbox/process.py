"""The sandbox in a process of its own, for rehearsals, tests and benchmarks."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

_START_TIMEOUT = 20.0
_STOP_TIMEOUT = 5.0
_CALL_TIMEOUT = 10.0


class SandboxError(RuntimeError):
    """The sandbox did not start, or did not do what was asked; the message says why."""


class SandboxProcess:
    """A running sandbox, from ``with`` to the block's end; it never outlives this process.

    ``latency_ms`` delays each answer of a platform; ``limit`` is how many posts X allows an
    account per quarter of an hour, 0 for no limit. Entering raises SandboxError when it does not
    start within 20 seconds.
    """

    def __init__(
        self, *, port: int = 0, strict: bool = False, latency_ms: float = 0, limit: int = 100
    ) -> None:
        self._options = [f"--port={port}", f"--latency-ms={latency_ms}", f"--limit={limit}"]
        self._options += ["--until-stdin-closes", *(["--strict"] if strict else [])]
        self._process: subprocess.Popen[bytes] | None = None
        # No proxy stands between this machine and itself.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self.base_url = ""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(  # noqa: S603 # our own interpreter and our own module
            [sys.executable, "-m", "socialstrike.sandbox", *self._options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # A Ctrl-C in the terminal is for the parent, which still needs the sandbox to drain.
            start_new_session=True,
        )
        try:
            self.base_url = self._first_line(self._process)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the sandbox; its posts are gone. A second call does nothing."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()

    def add_account(self, platform: str, name: str, **options: object) -> dict[str, Any]:
        """Register an account: platform, name, id, base_url and its ``credentials``.

        Options: ``limit`` (posts per quarter of an hour, None for none), ``auth="oauth2"`` for X.
        """
        wanted = {"platform": platform, "name": name, **options}
        account: dict[str, Any] = self._call("POST", "/sandbox/accounts", wanted)
        return account

    def set_limit(self, platform: str, name: str, limit: int | None) -> None:
        """Change how many posts an account may make per quarter of an hour; None for no limit."""
        path = f"/sandbox/accounts/{quote(platform)}/{quote(name, safe='')}"
        self._call("PATCH", path, {"limit": limit})

    def add_fault(self, fault: str, **options: object) -> int:
        """Ask for a fault and return its number; the options are those of docs/sandbox.md."""
        return int(self._call("POST", "/sandbox/faults", {"fault": fault, **options})["id"])

    def faults(self) -> list[dict[str, Any]]:
        """The faults asked for, each with how often it ``fired``."""
        faults: list[dict[str, Any]] = self._call("GET", "/sandbox/faults")
        return faults

    def clear_faults(self) -> None:
        """Take all faults back."""
        self._call("DELETE", "/sandbox/faults")

    def seed(self, seed: int) -> None:
        """Make faults with a probability repeatable."""
        self._call("PUT", "/sandbox/seed", {"seed": seed})

    def set_clock(self, offset: float) -> None:
        """Set the sandbox's clock ``offset`` seconds ahead of the machine's."""
        self._call("PUT", "/sandbox/clock", {"offset": offset})

    def set_token_life(self, seconds: float) -> None:
        """Let tokens of OAuth 2.0 that X gives from now on last so many seconds."""
        self._call("PUT", "/sandbox/tokens", {"seconds": seconds})

    def posts(self, **filters: str | int) -> list[dict[str, Any]]:
        """What was published, oldest first. Filters: ``account``, ``platform``, ``deleted=1``."""
        query = f"?{urlencode(filters)}" if filters else ""
        posts: list[dict[str, Any]] = self._call("GET", f"/sandbox/posts{query}")
        return posts

    def delete_post(self, number: str, *, restored: bool = False) -> None:
        """Let a post disappear as if someone had deleted it on the platform, or come back."""
        self._call("PATCH", f"/sandbox/posts/{quote(number)}", {"deleted": not restored})

    def requests(self) -> list[dict[str, Any]]:
        """The requests that platforms were sent, oldest first (the latest 20,000)."""
        served: list[dict[str, Any]] = self._call("GET", "/sandbox/requests")["requests"]
        return served

    def request_count(self) -> int:
        """How many requests platforms were sent in all."""
        return int(self._call("GET", "/sandbox/requests")["count"])

    def reset(self) -> None:
        """Forget accounts, posts, pictures, faults and requests."""
        self._call("DELETE", "/sandbox")

    def _call(self, method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(  # noqa: S310 # the URL that our own process printed
            self.base_url + path, data, headers, method=method
        )
        try:
            with self._opener.open(request, timeout=_CALL_TIMEOUT) as response:
                answer = response.read()
        except urllib.error.HTTPError as error:
            with error:
                reason = error.read(2000).decode("utf-8", "replace")
            raise SandboxError(f"the sandbox refused {method} {path}: {reason}") from None
        except OSError as error:
            raise SandboxError(f"the sandbox does not answer {method} {path}: {error}") from error
        return json.loads(answer) if answer else None

    @staticmethod
    def _first_line(process: subprocess.Popen[bytes]) -> str:
        assert process.stdout
        lines: queue.Queue[bytes] = queue.Queue()
        pipe = process.stdout
        threading.Thread(target=lambda: lines.put(pipe.readline()), daemon=True).start()
        try:
            line = lines.get(timeout=_START_TIMEOUT).decode().strip()
        except queue.Empty:
            line = ""
        if not line.startswith("http://"):
            raise SandboxError("the sandbox did not start; run: python -m socialstrike.sandbox")
        return line
