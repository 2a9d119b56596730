"""The one way out, against servers that misbehave on a real socket."""

from __future__ import annotations

import contextlib
import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from socialstrike.exceptions import InvalidInput
from socialstrike.platforms import connections, transport
from socialstrike.platforms.addresses import Reach
from socialstrike.platforms.base import OutcomeUnknown, TemporarilyUnavailable
from socialstrike.platforms.credentials import Access

HOST = "https://api.example.org"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nDate: Fri, 24 Jan 2020 10:00:00 GMT\r\n\r\n{}"

Handler = Callable[[socket.socket, bytes], bool]


class Server:
    """Hands each request, headers and body, to ``handler``; True keeps the connection open."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.base_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.requests: list[bytes] = []
        self.connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as stream:
            while head := b"".join(iter(stream.readline, b"\r\n")):
                length = 0
                for line in head.splitlines():
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                request = head + b"\r\n" + stream.read(length)
                self.requests.append(request)
                if not self._handler(connection, request):
                    return

    def close(self) -> None:
        # shutdown wakes the accepting thread; close alone would leave it waiting.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self.connections:
            connection.close()


@pytest.fixture
def serve() -> Iterator[Callable[[Handler], Server]]:
    servers: list[Server] = []

    def start(handler: Handler) -> Server:
        servers.append(Server(handler))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def answering(content: bytes) -> Handler:
    def handler(connection: socket.socket, _request: bytes) -> bool:
        connection.sendall(content)
        return True

    return handler


def session_to(
    base_url: str | None, timeout: tuple[float, float] = (2.0, 2.0), account: str = "a"
) -> transport.Session:
    access = Access(account, {}, base_url)
    return transport.session(access, hosts=(HOST,), secrets=(), timeout=timeout)


def test_a_request_goes_to_the_base_url_with_its_path_and_our_name(
    serve: Callable[[Handler], Server],
) -> None:
    server = serve(answering(OK))

    with session_to(f"{server.base_url}/behind/") as session:
        answer = session.post(f"{HOST}/2/tweets?a=b", json={"text": "hello"})

    assert answer.json() == {}
    assert server.requests[0].startswith(b"POST /behind/2/tweets?a=b HTTP/1.1\r\n")
    assert f"User-Agent: {transport.USER_AGENT}\r\n".encode() in server.requests[0]
    assert server.requests[0].endswith(b'{"text": "hello"}')


def test_the_last_answer_is_kept_with_its_status_headers_and_body(
    serve: Callable[[Handler], Server],
) -> None:
    server = serve(answering(OK.replace(b"200 OK", b"503 Busy")))

    with session_to(server.base_url) as session:
        session.get(f"{HOST}/")

    assert session.exchange.sent
    assert session.exchange.answer is not None
    assert session.exchange.answer.status == 503
    assert session.exchange.answer.headers["date"] == "Fri, 24 Jan 2020 10:00:00 GMT"
    assert session.exchange.answer.body == b"{}"


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/",
        "http://api.example.org/",
        "https://api.example.org.evil.example/",
        "https://api.example.org:444/",
        "https://api.example.org@evil.example/",
    ],
)
def test_no_other_host_is_ever_reached(serve: Callable[[Handler], Server], url: str) -> None:
    server = serve(answering(OK))

    with (
        session_to(server.base_url) as session,
        pytest.raises(TemporarilyUnavailable, match="foreign host"),
    ):
        session.get(url)

    assert server.requests == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_no_redirect_is_followed(
    serve: Callable[[Handler], Server], status: int, method: str
) -> None:
    location = f"{HOST}/elsewhere".encode()
    head = f"HTTP/1.1 {status} Moved\r\nContent-Length: 0\r\nLocation: ".encode()
    server = serve(answering(head + location + b"\r\n\r\n"))

    with session_to(server.base_url) as session:
        answer = session.request(method, f"{HOST}/", data=b"x")

    assert answer.status_code == status
    assert len(server.requests) == 1


def test_nobody_listening_surely_sent_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    with (
        session_to(f"http://127.0.0.1:{port}") as session,
        pytest.raises(TemporarilyUnavailable, match="connection refused or no route"),
    ):
        session.post(f"{HOST}/", data=b"x")

    assert not session.exchange.sent


def test_a_failed_tls_handshake_surely_sent_nothing(serve: Callable[[Handler], Server]) -> None:
    server = serve(answering(OK))
    secure = server.base_url.replace("http://", "https://")

    # A plain server's first bytes are no handshake; it waits for a line, so the read ends it.
    with session_to(secure, (0.3, 0.3)) as session, pytest.raises(TemporarilyUnavailable):
        session.post(f"{HOST}/", data=b"x")

    assert not session.exchange.sent


def test_a_reset_after_sending_leaves_the_outcome_unknown(
    serve: Callable[[Handler], Server],
) -> None:
    server = serve(lambda _connection, _request: False)

    with (
        session_to(server.base_url) as session,
        pytest.raises(OutcomeUnknown, match="connection closed without an answer") as caught,
    ):
        session.post(f"{HOST}/", data=b"x")

    assert session.exchange.sent
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_bytes_that_trickle_in_do_not_outlast_the_bound(
    serve: Callable[[Handler], Server], start: bytes
) -> None:
    done = threading.Event()

    def trickle(connection: socket.socket, _request: bytes) -> bool:
        connection.sendall(start)
        while not done.wait(0.05):
            connection.sendall(b"1")
        return False

    server = serve(trickle)
    begin = time.monotonic()
    try:
        with session_to(server.base_url, (0.2, 0.4)) as session, pytest.raises(OutcomeUnknown):
            session.post(f"{HOST}/", data=b"x")
    finally:
        done.set()

    assert time.monotonic() - begin < 30


def test_silence_ends_at_the_read_timeout_although_the_library_gives_none(
    serve: Callable[[Handler], Server],
) -> None:
    done = threading.Event()

    def silent(_connection: socket.socket, _request: bytes) -> bool:
        done.wait(60)
        return False

    server = serve(silent)
    begin = time.monotonic()
    try:
        with (
            session_to(server.base_url, (0.5, 0.2)) as session,
            pytest.raises(OutcomeUnknown, match="no answer in time"),
        ):
            session.post(f"{HOST}/", data=b"x", timeout=None)
    finally:
        done.set()

    assert time.monotonic() - begin < 30


@pytest.mark.parametrize("compressed", [False, True])
def test_an_endless_answer_is_cut_off(
    serve: Callable[[Handler], Server], monkeypatch: pytest.MonkeyPatch, compressed: bool
) -> None:
    monkeypatch.setattr(connections, "MOST_BYTES", 100_000)
    body = gzip.compress(bytes(5_000_000)) if compressed else bytes(5_000_000)
    head = b"HTTP/1.1 200 OK\r\n" + (b"Content-Encoding: gzip\r\n" if compressed else b"")
    server = serve(answering(head + b"Content-Length: %d\r\n\r\n" % len(body) + body))

    with session_to(server.base_url) as session, pytest.raises(OutcomeUnknown, match="too large"):
        session.get(f"{HOST}/")


def test_a_compressed_answer_is_read_once_decoded(serve: Callable[[Handler], Server]) -> None:
    body = gzip.compress(b'{"a": "b"}')
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    server = serve(answering(head + body))

    with session_to(server.base_url) as session:
        assert session.get(f"{HOST}/").json() == {"a": "b"}


def test_an_answer_cut_short_is_no_answer(serve: Callable[[Handler], Server]) -> None:
    def cut(connection: socket.socket, _request: bytes) -> bool:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}")
        return False

    server = serve(cut)

    with session_to(server.base_url) as session, pytest.raises(OutcomeUnknown):
        session.get(f"{HOST}/")


def test_all_accounts_share_the_connections_of_the_process(
    serve: Callable[[Handler], Server],
) -> None:
    server = serve(answering(OK))

    for account in ("a", "b", "c"):
        with session_to(server.base_url, account=account) as session:
            session.get(f"{HOST}/")
            session.get(f"{HOST}/")

    assert len(server.requests) == 6
    assert len(server.connections) == 1


def test_what_a_broken_request_left_behind_never_leaves_with_the_next(
    serve: Callable[[Handler], Server],
) -> None:
    server = serve(answering(OK))
    _, _, port = server.base_url.rpartition(":")
    connections._wire.deadline, connections._wire.reach = time.monotonic() + 10, Reach.LOOPBACK
    connection = connections._Http("127.0.0.1", int(port), timeout=5)

    def breaking() -> Iterator[bytes]:
        yield b"secret"
        raise KeyError

    with contextlib.closing(connection):
        with pytest.raises(KeyError):
            connection.request("POST", "/first", body=breaking())
        connection.close()
        connection.request("POST", "/second", body=b"two", headers={"Content-Length": "3"})
        assert connection.getresponse().status == 200
    [request] = server.requests
    assert request.startswith(b"POST /second ")
    assert request.endswith(b"\r\n\r\ntwo")


def test_a_connection_idle_for_long_is_opened_anew_before_a_post(
    serve: Callable[[Handler], Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(answering(OK))
    with session_to(server.base_url) as session:
        session.get(f"{HOST}/")
        monkeypatch.setattr(connections, "MOST_IDLE", 0.0)
        session.post(f"{HOST}/", data=b"x")

    assert len(server.connections) == 2


def test_a_connection_the_server_closed_is_opened_anew_before_a_post(
    serve: Callable[[Handler], Server],
) -> None:
    def once(connection: socket.socket, _request: bytes) -> bool:
        connection.sendall(OK)
        return False

    server = serve(once)
    with session_to(server.base_url) as session:
        session.get(f"{HOST}/")
        # The closing arrives as end of file; wait for it, as a few microseconds of race remain.
        server.connections[0].close()
        time.sleep(0.05)
        assert session.post(f"{HOST}/", data=b"x").status_code == 200


def test_many_threads_use_the_pool_at_once_and_keep_their_answers_apart(
    serve: Callable[[Handler], Server],
) -> None:
    def echo(connection: socket.socket, request: bytes) -> bool:
        path = request.split(b" ")[1]
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(path) + path)
        return True

    server = serve(echo)

    def ask(number: int) -> bool:
        with session_to(server.base_url, (5.0, 5.0), account=f"a{number}") as session:
            text = session.get(f"{HOST}/{number}").text
            answer = session.exchange.answer
            return text == f"/{number}" and answer is not None and answer.body == text.encode()

    with ThreadPoolExecutor(32) as pool:
        assert all(pool.map(ask, range(200)))
    assert len(server.requests) == 200


def test_proxies_and_netrc_of_the_environment_are_not_used(
    serve: Callable[[Handler], Server], monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    netrc = f"{tmp_path}/netrc"
    with open(netrc, "w", encoding="utf-8") as file:  # noqa: PTH123  # the path is a plain string
        file.write("default login someone password something\n")
    monkeypatch.setenv("NETRC", netrc)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    server = serve(answering(OK))

    with session_to(server.base_url) as session:
        session.get(f"{HOST}/")

    assert b"Authorization" not in server.requests[0]


def test_cookies_are_not_kept(serve: Callable[[Handler], Server]) -> None:
    server = serve(answering(OK.replace(b"Date:", b"Set-Cookie: a=b\r\nDate:")))

    with session_to(server.base_url) as session:
        session.get(f"{HOST}/")
        session.get(f"{HOST}/")

    assert b"Cookie" not in server.requests[1]


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org",
        "https://example.org/api/",
        "https://example.org:8443",
        "http://127.0.0.1:8000",
        "http://localhost:8000/x",
        "http://[::1]:8000",
        "https://104.244.42.1",
    ],
)
def test_an_https_address_or_this_machine_is_accepted(url: str) -> None:
    assert transport.checked_base_url(url) == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org",
        "ftp://example.org",
        "file:///etc/passwd",
        "http://example.org",
        "http://localhost.example.org",
        "http://127.0.0.1.example.org",
        "http://10.0.0.1",
        "http://2130706433",
        "http://0.0.0.0",
        "https://0.0.0.0",
        "https://169.254.169.254",
        "https://[::ffff:169.254.169.254]",
        "https://[fe80::1]",
        "https://224.0.0.1",
        "https://me:secret@example.org",
        "https://me@example.org",
        "https://@example.org",
        "https://example.org?x=1",
        "https://example.org#x",
        "https://example.org:0",
        "https://example.org:99999",
        "https://example.org\\@evil.example",
        "https://example.org/\r\nX: y",
        "https://exa mple.org",
        "https://192.168.1.10",
        "https://[::1",
        "https://",
    ],
)
def test_an_address_credentials_must_not_go_to_is_refused_in_one_sentence(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        transport.checked_base_url(url)

    message = str(caught.value)
    assert message.startswith("the base URL")
    assert "\n" not in message
    assert "secret" not in message


def test_the_session_needs_no_library_to_give_a_timeout() -> None:
    assert issubclass(transport.Session, requests.Session)
    with session_to(None) as session:
        assert session.trust_env is False
        assert session.headers["User-Agent"] == transport.USER_AGENT
