"""The listener takes one good answer on 127.0.0.1 alone, and nothing else."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator

import pytest

from socialstrike.exceptions import InvalidInput
from socialstrike.loopback import Listener


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener(0, lambda given: given.get("state") == "right") as made:
        yield made


def call(listener: Listener, path: str, *, host: str | None = None, method: str = "GET") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", listener.port, timeout=5)
    try:
        connection.request(method, path, headers={"Host": host} if host else {})
        return connection.getresponse().status
    finally:
        connection.close()


def test_the_one_good_answer_is_taken(listener: Listener) -> None:
    assert call(listener, "/callback?code=abc&state=right") == 200

    assert listener.wait(60) == {"code": "abc", "state": "right"}


def test_a_second_answer_is_refused(listener: Listener) -> None:
    call(listener, "/callback?code=first&state=right")

    assert call(listener, "/callback?code=second&state=right") == 400
    assert (listener.wait(60) or {})["code"] == "first"


@pytest.mark.parametrize(
    ("path", "host", "method", "status"),
    [
        ("/callback?code=abc&state=wrong", None, "GET", 400),
        ("/callback?code=abc&state=right&state=wrong", None, "GET", 400),
        ("/other?code=abc&state=right", None, "GET", 400),
        ("/callback?code=abc&state=right", "evil.example:80", "GET", 400),
        ("/callback?code=abc&state=right", None, "POST", 501),
        (f"/callback?state=right&code={'a' * 9000}", None, "GET", 400),
    ],
)
def test_all_else_is_refused_and_the_wait_goes_on(
    listener: Listener, path: str, host: str | None, method: str, status: int
) -> None:
    assert call(listener, path, host=host, method=method) == status

    assert listener.wait(0.05) is None
    assert call(listener, "/callback?code=abc&state=right") == 200


def test_it_listens_on_this_machine_alone(listener: Listener) -> None:
    assert listener._server.server_address[0] == "127.0.0.1"


def test_whoever_connects_and_says_nothing_holds_nobody_up(listener: Listener) -> None:
    with socket.create_connection(("127.0.0.1", listener.port), timeout=5):
        assert call(listener, "/callback?code=abc&state=right") == 200


def test_nothing_is_printed_of_an_answer(
    listener: Listener, capfd: pytest.CaptureFixture[str]
) -> None:
    call(listener, "/callback?code=secret-code&state=right")

    assert "secret-code" not in "".join(capfd.readouterr())


def test_a_port_that_is_taken_is_said_with_the_way_out(listener: Listener) -> None:
    with pytest.raises(InvalidInput, match=r"--port.*--no-browser"):
        Listener(listener.port, lambda given: True)
