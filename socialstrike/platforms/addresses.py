"""Where credentials may go: pure rules about addresses, as typed and as resolved.

``ipaddress`` alone does not answer this: it calls multicast, 6to4 and NAT64 addresses global, and
systems read numbers such as ``0x7f.1`` as addresses that it refuses to see.
"""

from __future__ import annotations

import re
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from socialstrike.exceptions import InvalidInput
from socialstrike.i18n import stored

#: Longer ones are no addresses of servers.
_LONGEST = 2_000
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
#: A last label like this makes systems read the whole name as a number.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_BRACKETS = re.compile(r"\[[0-9a-f:.]*:[0-9a-f:.]*\](?::[0-9]+)?")
_HANDLE = re.compile(r"@?[\w.-]{1,100}@([^@]+)")

#: Nobody's, or everybody's, or where clouds keep their machines' credentials.
_NEVER = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # this network: Linux reaches itself through it
        "169.254.0.0/16",  # link-local, with the metadata services of clouds
        "100.100.100.200",  # metadata
        "168.63.129.16",  # metadata
        "192.0.2.0/24",  # documentation, like the next two
        "198.51.100.0/24",
        "203.0.113.0/24",
        "192.88.99.0/24",  # relays for 6to4
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, with the broadcast address
        "fd00:ec2::/32",  # metadata
        "fd20:ce::/32",  # metadata
        "2001::/23",  # Teredo and other protocols' own
        "2001:db8::/32",  # documentation, like the next
        "3fff::/20",
        "2002::/16",  # 6to4: it hides any IPv4 address
    )
)
_PRIVATE = tuple(
    ip_network(text)
    for text in (
        "10.0.0.0/8",
        "100.64.0.0/10",  # a provider's, or a private network's over the Internet
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",  # measurements
        "fc00::/7",
    )
)
_NAT64 = ip_network("64:ff9b::/96")
_GLOBAL6 = ip_network("2000::/3")


class Kind(Enum):
    """What sort of place an IP address is."""

    PUBLIC = "public"
    PRIVATE = "private"
    LOOPBACK = "loopback"
    NEVER = "never"


class Reach(Enum):
    """How far a request may go, by the kinds of address that its connection may lead to."""

    PUBLIC = frozenset({Kind.PUBLIC})
    #: Loopback as well: a server with a name of its own often resolves it to itself.
    LOCAL = frozenset({Kind.PUBLIC, Kind.PRIVATE, Kind.LOOPBACK})
    LOOPBACK = frozenset({Kind.LOOPBACK})

    def allows(self, address: str) -> bool:
        """Whether a connection to this IP address, as a socket names it, is allowed."""
        return kind_of(address) in self.value


def kind_of(address: str) -> Kind:
    """What sort of place ``address`` is, an IP address as text; NEVER where it is none."""
    try:
        found = ip_address(address)
    except ValueError:
        return Kind.NEVER
    if isinstance(found, IPv6Address) and found in _NAT64:
        # Networks without IPv4 reach the whole Internet through it; nothing else is honest.
        inside = _plain_kind(IPv4Address(int(found) & 0xFFFFFFFF))
        return inside if inside is Kind.PUBLIC else Kind.NEVER
    return _plain_kind(getattr(found, "ipv4_mapped", None) or found)


def _plain_kind(found: IPv4Address | IPv6Address) -> Kind:
    foreign = isinstance(found, IPv6Address) and found.scope_id is not None
    if foreign or any(found in network for network in _NEVER):
        return Kind.NEVER
    if found.is_loopback:
        return Kind.LOOPBACK
    if any(found in network for network in _PRIVATE):
        return Kind.PRIVATE
    public = isinstance(found, IPv4Address) or found in _GLOBAL6
    return Kind.PUBLIC if public else Kind.NEVER


def reach(url: str, *, allow_local: bool = False) -> Reach:
    """How far a request to ``url``, a checked address, may lead once its name is resolved.

    This machine alone where the address says so.
    """
    if _is_this_machine(urlsplit(url).hostname or ""):
        return Reach.LOOPBACK
    return Reach.LOCAL if allow_local else Reach.PUBLIC


def checked_base_url(url: str, *, allow_local: bool = False) -> str:
    """``url`` in its one normal form, without a trailing slash, if credentials may be sent there.

    It must be https, or http to this machine. ``allow_local`` permits a private network. A name in
    other letters becomes the one that DNS knows (xn--…), so that look-alikes show. Raises
    InvalidInput, one sentence that says what to do and never quotes the address.
    """
    return _checked(url, stored("the base URL"), allow_local=allow_local)


def checked_told(url: str, *, by: str, allow_local: bool = False) -> str:
    """As ``checked_base_url``, for an address that the server ``by`` (its URL) told us.

    A server elsewhere cannot lead to this machine. Raises InvalidInput.
    """
    checked = _checked(url, stored("the address that the server told"), allow_local=allow_local)
    if _is_this_machine(urlsplit(checked).hostname or "") and reach(by) is not Reach.LOOPBACK:
        raise InvalidInput(
            stored(
                "the address that the server told leads to this machine; ask who runs that server"
            )
        )
    return checked


def checked_instance(text: str, *, allow_local: bool = False) -> str:
    """The address of an instance, however it was typed: https://mastodon.social.

    Takes a name, an address, or a full handle (@me@mastodon.social). http and a name without a dot
    are for this machine alone. Raises InvalidInput.
    """
    typed = text.strip() if len(text) <= _LONGEST else text
    handle = _HANDLE.fullmatch(typed)
    typed = handle[1] if handle else typed
    what = stored("the instance")
    url = _checked(typed if "://" in typed else f"https://{typed}", what, allow_local=allow_local)
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.path:
        raise InvalidInput(
            stored("{what} is a server's name alone; write it like mastodon.social", what=what)
        )
    if not (_is_this_machine(host) or "." in host or ":" in host):
        raise InvalidInput(
            stored("{what} has no dot in its name; write it like mastodon.social", what=what)
        )
    return url


def _checked(url: str, what: str, *, allow_local: bool) -> str:
    parts, port = _split(url, what)
    host = _host(parts.hostname or "", what)
    literal = _literal(host)
    kind = kind_of(literal) if literal else None
    if kind is Kind.NEVER:
        raise InvalidInput(
            stored(
                "{what} points at an address that is no server's; use the server's own", what=what
            )
        )
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_this_machine(host)):
        raise InvalidInput(
            stored("{what} must begin with https:// (http:// is only for this machine)", what=what)
        )
    if kind is Kind.PRIVATE and not allow_local:
        raise InvalidInput(
            stored(
                "{what} points into a private network; if that server is yours, add --allow-local",
                what=what,
            )
        )
    where = f"[{host}]" if ":" in host else host
    where += f":{port}" if port is not None else ""
    return f"{parts.scheme}://{where}{parts.path}".rstrip("/")


def _split(url: str, what: str) -> tuple[SplitResult, int | None]:
    """The parts of an address and its port, where it is nothing more and nothing less."""
    if any(c.isspace() or not c.isprintable() or c in '\\<>"^`{|}' for c in url):
        raise InvalidInput(
            stored(
                "{what} holds characters that no address has; write it like https://host", what=what
            )
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise InvalidInput(
            stored("{what} is not an address; write it like https://host", what=what)
        ) from None
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise InvalidInput(
            stored("{what} holds a user name or password; leave them out", what=what)
        )
    surplus = "?" in url or "#" in url or parts.netloc.endswith(":") or not parts.path.isascii()
    surplus |= "[" in parts.netloc and not _BRACKETS.fullmatch(parts.netloc.lower())
    dots = any(part in {".", ".."} for part in parts.path.lower().replace("%2e", ".").split("/"))
    if surplus or dots or not parts.hostname or port == 0 or len(url) > _LONGEST:
        raise InvalidInput(
            stored(
                "{what} is more or less than an address; write it like https://host:port/path",
                what=what,
            )
        )
    return parts, port


def _host(host: str, what: str) -> str:
    """The host as DNS or a socket writes it."""
    wrong = InvalidInput(
        stored(
            "{what} has a host name that cannot be; write it as in https://example.org", what=what
        )
    )
    if ":" in host:
        try:
            address = IPv6Address(host)
        except ValueError:
            raise wrong from None
        if address.scope_id is not None:
            raise wrong
        return str(address)
    host = (host if host.isascii() else _in_dns(host)).lower().removesuffix(".")
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise wrong
    if _NUMBER.fullmatch(labels[-1]):
        # Whatever ends in a number is an address: in its one plain form, or none at all.
        try:
            return str(IPv4Address(host))
        except ValueError:
            raise InvalidInput(
                stored(
                    "{what} has an IP address in an unusual form; write it like https://192.0.2.1",
                    what=what,
                )
            ) from None
    return host


def _in_dns(host: str) -> str:
    """A name in other letters as DNS knows it; no name at all where there is no such one."""
    import idna  # noqa: PLC0415  # 20 ms of tables that almost nobody needs

    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except UnicodeError:
        return ""


def _literal(host: str) -> str | None:
    try:
        return str(ip_address(host))
    except ValueError:
        return None


def _is_this_machine(host: str) -> bool:
    return host == "localhost" or kind_of(host) is Kind.LOOPBACK
