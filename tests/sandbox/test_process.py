from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from urllib.parse import urlsplit

import pytest
import requests

from socialstrike.sandbox.process import SandboxError, SandboxProcess

COMMAND = [sys.executable, "-m", "socialstrike.sandbox"]


def is_listening(base_url: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", urlsplit(base_url).port or 0)) == 0


def wait_until_gone(base_url: str) -> None:
    until = time.monotonic() + 30
    while is_listening(base_url):
        assert time.monotonic() < until, "the sandbox is still there"
        time.sleep(0.02)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_on_one_line_and_ends_at_once_when_told_to(how: signal.Signals) -> None:
    process = subprocess.Popen(COMMAND, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with process:
        assert process.stdout
        assert process.stderr
        line = process.stdout.readline().decode()
        assert line.startswith("http://127.0.0.1:")
        health = requests.get(f"{line.strip()}/sandbox/health", timeout=5)
        assert health.json()["status"] == "ok"
        process.send_signal(how)
        assert process.wait(30) == 0
        assert (process.stdout.read(), process.stderr.read()) == (b"", b"")


def test_it_ends_at_once_in_the_middle_of_a_slow_answer() -> None:
    with SandboxProcess() as sandbox:
        sandbox.add_fault("slow", seconds=60)
        with pytest.raises(requests.ReadTimeout):
            requests.post(
                f"{sandbox.base_url}/2/tweets",
                json={"text": "a"},
                headers={"authorization": "Bearer t"},
                timeout=0.2,
            )
        began = time.monotonic()
        sandbox.stop()
        assert time.monotonic() - began < 30
        wait_until_gone(sandbox.base_url)


def test_it_ends_when_its_standard_input_closes() -> None:
    process = subprocess.Popen(
        [*COMMAND, "--until-stdin-closes"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline()
        process.stdin.close()
        assert process.wait(60) == 0


def test_it_does_not_outlive_a_parent_that_was_killed() -> None:
    script = (
        "from socialstrike.sandbox.process import SandboxProcess\n"
        "import time\n"
        "with SandboxProcess() as sandbox:\n"
        "    print(sandbox.base_url, flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        base_url = parent.stdout.readline().decode().strip()
        assert is_listening(base_url)
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait(60)
        wait_until_gone(base_url)


def test_a_port_that_is_taken_is_said_in_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [*COMMAND, f"--port={port}"], capture_output=True, timeout=100, check=False
        )
        assert done.returncode == 2
        assert done.stderr.decode().startswith(f"port {port} cannot be used")
        assert done.stderr.count(b"\n") == 1
        with pytest.raises(SandboxError, match="did not start"), SandboxProcess(port=port):
            pass


def test_it_listens_on_this_machine_alone() -> None:
    with SandboxProcess() as sandbox:
        assert sandbox.base_url.startswith("http://127.0.0.1:")
        port = urlsplit(sandbox.base_url).port
        with socket.socket() as other:
            # Free on another address of the same machine: nobody listens on all of them.
            other.bind(("127.0.0.2", port or 0))


def test_strict_mode_lets_in_registered_accounts_alone() -> None:
    with SandboxProcess(strict=True) as sandbox, requests.Session() as session:
        account = sandbox.add_account("x", "connu", auth="oauth2")
        page = sandbox.add_account("facebook", "page")
        url, graph = f"{sandbox.base_url}/2/users/me", f"{sandbox.base_url}/v26.0"
        known = account["credentials"]["access_token"]
        token = page["credentials"]["access_token"]

        def status(url: str, token: str) -> int:
            headers = {"authorization": f"Bearer {token}"}
            return session.get(url, headers=headers, timeout=5).status_code

        assert status(url, known) == 200
        assert status(url, "unseen") == 401
        assert status(f"{graph}/me", token) == 200
        assert status(f"{graph}/me", "unseen") == 401
        assert status(f"{graph}/1234", "unseen") == 401
        assert status(f"{graph}/1234", token) == 400


def test_latency_delays_platforms_and_not_the_control_api() -> None:
    with SandboxProcess(latency_ms=200) as sandbox:
        took = []
        for _ in range(5):
            began = time.monotonic()
            sandbox.posts()
            took.append(time.monotonic() - began)
        assert min(took) < 0.2
        began = time.monotonic()
        bearer = {"authorization": "Bearer t"}
        requests.get(f"{sandbox.base_url}/2/users/me", headers=bearer, timeout=5)
        assert time.monotonic() - began >= 0.2


def test_stopping_twice_does_nothing_and_calls_afterwards_say_why() -> None:
    with SandboxProcess() as sandbox:
        sandbox.stop()
        sandbox.stop()
        with pytest.raises(SandboxError, match="does not answer"):
            sandbox.posts()
