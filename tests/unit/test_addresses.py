"""Where credentials may go: as typed, as resolved, and as connected."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socialstrike.exceptions import InvalidInput
from socialstrike.platforms import addresses, transport
from socialstrike.platforms.addresses import Kind, Reach
from socialstrike.platforms.base import CredentialsRefused, TemporarilyUnavailable
from socialstrike.platforms.credentials import Access

HOST = "https://api.x.com"

KINDS = {
    "8.8.8.8": Kind.PUBLIC,
    "104.244.42.1": Kind.PUBLIC,
    "2606:4700::1": Kind.PUBLIC,
    "64:ff9b::808:808": Kind.PUBLIC,
    "::ffff:8.8.8.8": Kind.PUBLIC,
    "127.0.0.1": Kind.LOOPBACK,
    "127.255.255.254": Kind.LOOPBACK,
    "::1": Kind.LOOPBACK,
    "::ffff:127.0.0.1": Kind.LOOPBACK,
    "10.0.0.1": Kind.PRIVATE,
    "172.16.0.1": Kind.PRIVATE,
    "172.31.255.255": Kind.PRIVATE,
    "192.168.1.1": Kind.PRIVATE,
    "192.0.0.8": Kind.PRIVATE,
    "100.64.0.1": Kind.PRIVATE,
    "100.127.255.255": Kind.PRIVATE,
    "198.18.0.1": Kind.PRIVATE,
    "fc00::1": Kind.PRIVATE,
    "fd12:3456::1": Kind.PRIVATE,
    "::ffff:192.168.1.1": Kind.PRIVATE,
    "0.0.0.0": Kind.NEVER,
    "0.1.2.3": Kind.NEVER,
    "169.254.169.254": Kind.NEVER,
    "::ffff:169.254.169.254": Kind.NEVER,
    "100.100.100.200": Kind.NEVER,
    "168.63.129.16": Kind.NEVER,
    "fd00:ec2::254": Kind.NEVER,
    "192.0.2.1": Kind.NEVER,
    "198.51.100.1": Kind.NEVER,
    "203.0.113.1": Kind.NEVER,
    "192.88.99.1": Kind.NEVER,
    "224.0.0.1": Kind.NEVER,
    "239.255.255.250": Kind.NEVER,
    "240.0.0.1": Kind.NEVER,
    "255.255.255.255": Kind.NEVER,
    "::": Kind.NEVER,
    "::7f00:1": Kind.NEVER,
    "::ffff:0:127.0.0.1": Kind.NEVER,
    "64:ff9b::7f00:1": Kind.NEVER,
    "64:ff9b::a9fe:a9fe": Kind.NEVER,
    "64:ff9b::c0a8:101": Kind.NEVER,
    "64:ff9b:1::1": Kind.NEVER,
    "2001::7f00:1": Kind.NEVER,
    "2001:db8::1": Kind.NEVER,
    "3fff::1": Kind.NEVER,
    "2002:7f00:1::": Kind.NEVER,
    "2002:808:808::": Kind.NEVER,
    "100::1": Kind.NEVER,
    "fe80::1": Kind.NEVER,
    "fe80::1%eth0": Kind.NEVER,
    "2606:4700::1%1": Kind.NEVER,
    "fec0::1": Kind.NEVER,
    "ff02::1": Kind.NEVER,
}


@pytest.mark.parametrize(("address", "kind"), KINDS.items())
def test_every_sort_of_ip_address_is_known(address: str, kind: Kind) -> None:
    assert addresses.kind_of(address) is kind


@pytest.mark.parametrize("text", ["", "127.0.0.1 ", "localhost", "0x7f.1", "[::1]", "1"])
def test_what_is_no_ip_address_is_nobodys(text: str) -> None:
    assert addresses.kind_of(text) is Kind.NEVER


@pytest.mark.parametrize(("address", "kind"), KINDS.items())
def test_a_base_url_with_an_ip_address_follows_its_kind(address: str, kind: Kind) -> None:
    url = f"https://[{address}]" if ":" in address else f"https://{address}"

    def taken(allow_local: bool) -> bool:
        try:
            addresses.checked_base_url(url, allow_local=allow_local)
        except InvalidInput:
            return False
        return True

    assert taken(allow_local=True) is (kind is not Kind.NEVER)
    assert taken(allow_local=False) is (kind in {Kind.PUBLIC, Kind.LOOPBACK})


#: Tricks that reach another place than they seem to, and what must not be believed about them.
TRICKS = [
    "https://0x7f.1",
    "https://0x7f000001",
    "https://2130706433",
    "https://017700000001",
    "https://0177.0.0.1",
    "https://127.1",
    "https://127.0.1",
    "https://127.000.000.001",
    "https://0",
    "https://0.0.0.0x0",
    "https://1.2.3.4.5",
    "https://256.256.256.256",
    "https://999999999999",
    "https://example.0x10",
    "https://①⑥⑨.②⑤④.①⑥⑨.②⑤④:1/",
    "https://１６９.254.169.254",
    "https://169。254。169。254",
    "https://169.254.169.254.",
    "https://[::ffff:a9fe:a9fe]",
    "https://[0:0:0:0:0:ffff:169.254.169.254]",
    "https://[fe80::1%25eth0]",
    "https://[::1%25lo]",
    "https://[v1.x]",
    "https://[::1]x",
    "https://[127.0.0.1]",
    "https://127.0.0.1@evil.example",
    "https://evil.example@127.0.0.1",
    "https://a:b@example.org",
    "https://a%40b@example.org",
    "https://example.org%00.evil.example",
    "https://example.org%2eevil.example",
    "https://%6cocalhost",
    "https://example.org\\.evil.example",
    "https://example.org\\@evil.example",
    "https:\\\\example.org",
    "https:/example.org",
    "https:example.org",
    "https:///example.org",
    "//example.org",
    "https://example.org\t.evil.example",
    "https://example.org\x00",
    "https://example.org\x7f",
    "https://example.org\u202e",
    "https://example.org\u200b\n",
    " https://example.org",
    "https://example..org",
    "https://example.org..",
    "https://.example.org",
    "https://-example.org",
    "https://exa_mple.org",
    "https://" + "a" * 64 + ".org",
    "https://" + "a." * 130 + "org",
    "https://example.org/" + "a" * 2000,
    "https://example.org:",
    "https://example.org:0",
    "https://example.org:00",
    "https://example.org:65536",
    "https://example.org:-1",
    "https://example.org:80:80",
    "https://example.org/a/../b",
    "https://example.org/%2e%2E/b",
    "https://example.org?",
    "https://example.org#",
    "https://example.org/é",
    "https://exa\u2215mple.org",
    "https://exa\u212emple.org",
    "https://xn--\u0430.org",
    "http://example.org",
    "http://localhost.example.org",
    "http://127.0.0.1.example.org",
    "http://127.0.0.1.nip.example",
    "http://192.168.1.1",
    "ftp://example.org",
    "file:///etc/passwd",
    "gopher://example.org",
    "javascript:alert(1)",
    "data:,x",
    "HTTPS//example.org",
]


@pytest.mark.parametrize("url", TRICKS)
@pytest.mark.parametrize("allow_local", [False, True])
def test_no_trick_in_an_address_is_taken(url: str, allow_local: bool) -> None:
    with pytest.raises(InvalidInput) as caught:
        addresses.checked_base_url(url, allow_local=allow_local)

    message = str(caught.value)
    assert message.startswith("the base URL ")
    assert message.isprintable()
    assert "evil" not in message


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("HTTPS://Example.ORG/", "https://example.org"),
        ("https://example.org.", "https://example.org"),
        ("https://example.org.:8443/api/", "https://example.org:8443/api"),
        ("https://exämple.org", "https://xn--exmple-cua.org"),
        ("https://faß.example", "https://xn--fa-hia.example"),
        # Cyrillic letters that look Latin do not stay hidden.
        ("https://аррӏе.example", "https://xn--80ak6aa92e.example"),
        ("https://ｅｘａｍｐｌｅ.org", "https://example.org"),
        ("https://①②⑦.⓪.⓪.①:1/", "https://127.0.0.1:1"),
        ("https://[2606:4700:0:0:0:0:0:1]:444", "https://[2606:4700::1]:444"),
        ("http://LOCALHOST:8000", "http://localhost:8000"),
        ("http://localhost.:8000", "http://localhost:8000"),
        ("http://[0:0:0:0:0:0:0:1]:8000", "http://[::1]:8000"),
    ],
)
def test_an_address_has_one_normal_form(url: str, normal: str) -> None:
    assert addresses.checked_base_url(url) == normal
    assert addresses.checked_base_url(normal) == normal


def test_a_private_network_names_the_option_that_allows_it() -> None:
    with pytest.raises(InvalidInput, match=r"private network; .* add --allow-local"):
        addresses.checked_base_url("https://192.168.1.10")
    with pytest.raises(InvalidInput, match="https://"):
        addresses.checked_base_url("http://192.168.1.10", allow_local=True)


@given(st.text(max_size=60), st.booleans())
def test_whatever_is_typed_is_refused_or_becomes_plain(text: str, allow_local: bool) -> None:
    for typed in (text, f"https://{text}", f"https://[{text}]", f"http://{text}"):
        with contextlib.suppress(InvalidInput):
            normal = addresses.checked_base_url(typed, allow_local=allow_local)
            assert normal.isascii()
            assert normal.isprintable()
            assert addresses.checked_base_url(normal, allow_local=allow_local) == normal


@given(st.ip_addresses())
def test_only_what_the_standard_library_calls_global_is_ever_public(address: Any) -> None:
    if addresses.kind_of(str(address)) is Kind.PUBLIC:
        assert address.is_global
        assert not address.is_multicast


@pytest.mark.parametrize(
    "text",
    [
        "mastodon.social",
        " Mastodon.Social ",
        "mastodon.social.",
        "https://mastodon.social",
        "https://mastodon.social/",
        "@me@mastodon.social",
        "me@mastodon.social",
    ],
)
def test_an_instance_is_known_however_it_is_typed(text: str) -> None:
    assert addresses.checked_instance(text) == "https://mastodon.social"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
        ("http://localhost:3000/", "http://localhost:3000"),
        ("mastodon.social:8443", "https://mastodon.social:8443"),
        ("mástodon.example", "https://xn--mstodon-hwa.example"),
    ],
)
def test_an_instance_keeps_its_port_and_may_be_this_machine(text: str, url: str) -> None:
    assert addresses.checked_instance(text) == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "@me",
        "@me@",
        "@me@here@there.example",
        "mastodon",
        "https://mastodon.social/@me",
        "mastodon.social/about",
        "http://mastodon.social",
        "https://me:secret@mastodon.social",
        "https://me@mastodon.social",
        "mastodon.social?x",
        "mastodon.social#x",
        "a@b@c",
        "192.168.1.1",
        "0x7f.1",
        "169.254.169.254",
        "ftp://mastodon.social",
        "masto don.social",
        "x" * 3000,
    ],
)
def test_an_instance_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^the instance"):
        addresses.checked_instance(text)


def test_a_server_elsewhere_cannot_lead_to_this_machine() -> None:
    near, far = "http://127.0.0.1:2583", "https://bsky.social"

    assert addresses.checked_told("https://pds.example/", by=far) == "https://pds.example"
    assert addresses.checked_told(near, by="http://localhost:2583") == near
    for url in (near, "https://localhost", "https://[::1]", "https://10.0.0.1"):
        with pytest.raises(InvalidInput, match="the server told"):
            addresses.checked_told(url, by=far)


# At connect time ----------------------------------------------------------------------------


class Resolver:
    """Answers in place of the system's resolver: each name with a list, each call with the next."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._answers: dict[str, list[list[str]]] = {}
        self._real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self)

    def answer(self, name: str, *answers: list[str]) -> None:
        self._answers[name] = list(answers)

    def __call__(self, host: str, port: int, *args: Any, **options: Any) -> list[Any]:
        found = self._answers.get(host)
        if found is None:
            return self._real(host, port, *args, **options)
        now = found.pop(0) if len(found) > 1 else found[0]
        kinds = ((one, socket.AF_INET6 if ":" in one else socket.AF_INET) for one in now)
        return [(kind, socket.SOCK_STREAM, 6, "", (one, port)) for one, kind in kinds]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    return Resolver(monkeypatch)


class Listener:
    """Counts the connections it is given and the bytes that came over them."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(5)
        self.port: int = self._socket.getsockname()[1]
        self.heard: list[bytes] = []
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                with connection, contextlib.suppress(OSError):
                    connection.settimeout(2)
                    self.heard.append(connection.recv(10))
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    def all_heard(self) -> list[bytes]:
        """What came over every connection made until now, one entry each."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as last:
            last.sendall(b"the last")
            last.recv(10)
        heard = list(self.heard)
        assert heard.pop() == b"the last"
        return heard

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(60)


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.close()


def _post(
    base_url: str | None, *, allow_local: bool = False, hosts: tuple[str, ...] = (HOST,)
) -> Any:
    access = Access("a", {}, base_url, allow_local)
    with transport.session(access, hosts=hosts, secrets=(), timeout=(1.0, 1.0)) as session:
        try:
            return session.post(f"{hosts[0]}/2/tweets", data=b"x").status_code
        finally:
            assert session.exchange.sent is (session.exchange.answer is not None)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "::1", "10.0.0.1", "169.254.169.254", "0.0.0.0", "2002:7f00:1::"]
)
def test_a_platforms_name_that_leads_home_is_sent_nothing(resolver: Resolver, address: str) -> None:
    resolver.answer("api.x.com", [address])

    with pytest.raises(TemporarilyUnavailable, match=r"the platform leads to .*nothing was sent"):
        _post(None)


def test_a_servers_name_that_leads_to_this_machine_is_sent_nothing(
    resolver: Resolver, listener: Listener
) -> None:
    resolver.answer("evil.example", ["127.0.0.1"])

    with pytest.raises(TemporarilyUnavailable, match="check this machine's DNS, or add it with"):
        _post(f"https://evil.example:{listener.port}")
    assert listener.all_heard() == []


def test_a_name_that_changes_between_check_and_connection_is_sent_nothing(
    resolver: Resolver, listener: Listener
) -> None:
    """The checked address is connected to, not the name; and a system that lies is found out."""
    resolver.answer("evil.example", ["104.244.42.1"], ["127.0.0.1"])
    resolver.answer("104.244.42.1", ["127.0.0.1"])

    with pytest.raises(TemporarilyUnavailable, match="no credentials may go to"):
        _post(f"https://evil.example:{listener.port}")
    assert listener.all_heard() == [b""]


def test_only_the_allowed_ones_of_several_addresses_are_tried(
    resolver: Resolver, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []
    connect = socket.socket.connect

    def record(self: socket.socket, address: Any) -> None:
        tried.append(address[0])
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", record)
    resolver.answer("localhost", ["10.0.0.1", "127.0.0.1", "169.254.169.254"])

    assert _post(f"http://localhost:{listener.port}") == 200
    assert tried == ["127.0.0.1"]


def test_the_second_address_is_tried_where_the_first_refuses(
    resolver: Resolver, listener: Listener
) -> None:
    resolver.answer("localhost", ["::1", "127.0.0.1"])

    assert _post(f"http://localhost:{listener.port}") == 200


def test_plain_http_to_this_machine_never_follows_its_name_elsewhere(resolver: Resolver) -> None:
    resolver.answer("localhost", ["104.244.42.1"])

    with pytest.raises(TemporarilyUnavailable, match="no credentials may go to"):
        _post("http://localhost:8000", allow_local=True)


@pytest.mark.parametrize("allow_local", [False, True])
def test_a_name_never_leads_to_metadata_even_where_local_ones_are_allowed(
    resolver: Resolver, allow_local: bool
) -> None:
    resolver.answer("near.example", ["169.254.169.254"])

    with pytest.raises(TemporarilyUnavailable, match="no credentials may go to"):
        _post("https://near.example", allow_local=allow_local)


def test_an_instance_given_as_host_follows_the_same_rules(
    resolver: Resolver, listener: Listener
) -> None:
    resolver.answer("evil.example", ["127.0.0.1"])

    assert _post(None, hosts=(f"http://127.0.0.1:{listener.port}",)) == 200
    with pytest.raises(TemporarilyUnavailable, match="no credentials may go to"):
        _post(None, hosts=("https://evil.example",))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Access("a", {}, "https://192.168.1.10"),
        lambda: Access("a", {}, "https://169.254.169.254", allow_local=True),
        lambda: Access("a", {}, "http://example.org"),
    ],
)
def test_a_stored_address_that_is_not_allowed_pauses_the_account(
    make: Callable[[], Access],
) -> None:
    with pytest.raises(CredentialsRefused, match="accounts add PLATFORM a --replace") as caught:
        transport.session(make(), hosts=(HOST,), secrets=())
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_reach_follows_the_address_and_the_permission() -> None:
    assert addresses.reach("http://127.0.0.1:1") is Reach.LOOPBACK
    assert addresses.reach("https://localhost", allow_local=True) is Reach.LOOPBACK
    assert addresses.reach("https://example.org") is Reach.PUBLIC
    assert addresses.reach("https://10.0.0.1", allow_local=True) is Reach.LOCAL
