"""The one way out over TLS: who is not who they claim to be is sent nothing."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from requests import adapters

from socialstrike.platforms import connections, transport
from socialstrike.platforms.base import OutcomeUnknown, TemporarilyUnavailable
from socialstrike.platforms.credentials import Access

HOST = "https://api.example.org"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Server:
    """Answers every request over TLS with ``answer``; empty, it just closes."""

    def __init__(self, certificate: Path, answer: bytes) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._context.sni_callback = lambda _socket, name, _context: self.names.append(name)
        self.names: list[str | None] = []
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.base_url = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        self.requests: list[bytes] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                plain, _ = self._listener.accept()
                plain.settimeout(5)
                with plain, contextlib.suppress(OSError):
                    self._serve(plain)

    def _serve(self, plain: socket.socket) -> None:
        with self._context.wrap_socket(plain, server_side=True) as secure:
            while request := _read(secure):
                self.requests.append(request)
                if not self._answer:
                    return
                secure.sendall(self._answer)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(60)


def _read(secure: ssl.SSLSocket) -> bytes:
    """One whole request; head and body may come in pieces."""
    request = b""
    while piece := secure.recv(65_536):
        request += piece
        head, end, body = request.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        if end and len(body) >= int(length[1] if length else 0):
            break
    return request


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate and key for 127.0.0.1 and near.example that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName(
        [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("near.example")]
    )
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        signed.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


@pytest.fixture
def server(certificate: Path, request: pytest.FixtureRequest) -> Iterator[Server]:
    made = Server(certificate, getattr(request, "param", OK))
    yield made
    # The pool keeps the connection open, and the server reads from it until it is closed.
    for shared in connections._shared.values():
        shared.close()
    made.close()


def _session(base_url: str) -> transport.Session:
    return transport.session(
        Access("a", {}, base_url), hosts=(HOST,), secrets=(), timeout=(2.0, 2.0)
    )


def test_a_certificate_nobody_vouches_for_stops_the_request_before_it_leaves(
    server: Server,
) -> None:
    with (
        _session(server.base_url) as session,
        pytest.raises(TemporarilyUnavailable, match="no secure connection"),
    ):
        session.post(f"{HOST}/", data=b"x", verify=False)

    assert not session.exchange.sent
    assert server.requests == []


def test_a_trusted_server_is_asked_twice_over_one_connection(
    server: Server, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapters, "DEFAULT_CA_BUNDLE_PATH", str(certificate))

    with _session(server.base_url) as session:
        assert session.post(f"{HOST}/a", data=b"x").json() == {}
        assert session.get(f"{HOST}/b").json() == {}

    assert session.exchange.sent
    assert [request.split()[0] for request in server.requests] == [b"POST", b"GET"]
    assert len(server.names) == 1


@pytest.mark.parametrize("server", [b""], indirect=True)
def test_a_break_after_the_request_left_is_unknown_over_tls_as_well(
    server: Server, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapters, "DEFAULT_CA_BUNDLE_PATH", str(certificate))

    with _session(server.base_url) as session, pytest.raises(OutcomeUnknown):
        session.post(f"{HOST}/", data=b"x")

    assert len(b"".join(server.requests)) > 0


def test_a_checked_address_is_connected_to_and_the_name_stays_for_tls_and_host(
    server: Server, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapters, "DEFAULT_CA_BUNDLE_PATH", str(certificate))
    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *rest, **options: real(
            "127.0.0.1" if host == "near.example" else host, *rest, **options
        ),
    )
    base_url = server.base_url.replace("127.0.0.1", "near.example")
    allowed = Access("a", {}, base_url, allow_local=True)
    options = {"hosts": (HOST,), "secrets": (), "timeout": (2.0, 2.0)}

    with transport.session(allowed, **options) as session:  # type: ignore[arg-type]
        assert session.post(f"{HOST}/a", data=b"x").status_code == 200
    assert server.names == ["near.example"]
    assert f"Host: near.example:{base_url.rpartition(':')[2]}\r\n".encode() in server.requests[0]

    # The open connection of the account that may go there is none for one that may not.
    seen = len(server.requests)
    with _session(base_url) as session, pytest.raises(TemporarilyUnavailable):
        session.post(f"{HOST}/a", data=b"x")
    assert len(server.requests) == seen
