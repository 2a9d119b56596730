"""The file of alert addresses: one a line, a secret each, perhaps with what it is to be told."""

from __future__ import annotations

import ipaddress
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import unquote, urlsplit

from socialstrike import redaction
from socialstrike.config import Settings
from socialstrike.exceptions import InvalidFile, InvalidInput, Problem, VaultError
from socialstrike.i18n import tr
from socialstrike.vault.key_file import read_private

#: What can be told: the tags of an address.
Kind = Literal["failed", "uncertain", "missed", "expiry", "behind", "gone", "paused", "stopped"]
KINDS: tuple[Kind, ...] = get_args(Kind)

#: No file of addresses is larger, in bytes.
_MOST = 65_536
#: Tags, an equals sign, the address; the tags may be left out.
_LINE = re.compile(r"(?:(?P<tags>[\w\s,-]+)=)?\s*(?P<url>[A-Za-z][A-Za-z0-9+.-]*://\S+)")
_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
#: Parts of an address that are shorter may be ordinary words, and would tear holes into the log.
_TOKEN = 12


@dataclass(frozen=True, slots=True)
class Address:
    """Where alerts go. ``url`` is a secret; ``shown`` is what may be shown of it.

    ``about`` are the kinds that it wants, ``line`` (1-based) is where it stands in the file.
    """

    url: str = field(repr=False)
    shown: str
    about: frozenset[Kind]
    line: int


def place(settings: Settings) -> Path | None:
    """The file of addresses, None where there is none or alerts are switched off.

    Raises InvalidInput where a setting names a file that is not there.
    """
    path = settings.alerts
    if path is None or path.exists():
        return path
    if settings.alerts_file is not None:
        raise InvalidInput(
            tr(
                "there is no {path}, which SOCIALSTRIKE_ALERTS_FILE names; write it, or leave the"
                " variable out",
                path=path,
            )
        )
    return None


def written(settings: Settings) -> bool:
    """Whether any address is written down; they are not looked at.

    Raises InvalidInput where they cannot be used as things are.
    """
    path = place(settings)
    if path is None or not any(_lines(_content(path))):
        return False
    if find_spec("apprise") is None:
        raise InvalidInput(_lacking())
    return True


def read(path: Path) -> list[Address]:
    """The addresses in the file. From here on no log record can show them.

    Raises InvalidInput where others can read the file or alerts are not installed, InvalidFile
    with everything that is wrong in it; never with an address.
    """
    found: list[Address] = []
    problems: list[Problem] = []
    for number, line in _lines(_content(path)):
        parts = _LINE.fullmatch(line)
        _remember(parts["url"] if parts else line)
        try:
            found.append(_address(number, parts))
        except ValueError as error:
            problems.append(Problem(str(path), number, None, str(error)))
    if problems:
        raise InvalidFile(problems)
    return found


def _content(path: Path) -> str:
    try:
        content = read_private(path, "alerts file", most=_MOST + 1)
        if len(content) > _MOST:
            raise InvalidInput(tr("{path} is too large for a file of alert addresses", path=path))
        return content.decode("utf-8")
    except (VaultError, FileNotFoundError) as error:
        raise InvalidInput(str(error)) from None
    except UnicodeDecodeError:
        raise InvalidInput(tr("{path} is no text; write it in UTF-8", path=path)) from None


def _lines(content: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(content.splitlines(), start=1):
        if (bare := line.strip()) and not bare.startswith("#"):
            yield number, bare


def _address(number: int, parts: re.Match[str] | None) -> Address:
    """The address on a line. Raises ValueError, which does not quote it."""
    if parts is None:
        raise ValueError(
            tr("this is no address; write one like ntfys://HOST/TOPIC, or TAG,TAG=ntfys://…")
        )
    tags = [tag for tag in re.split(r"[\s,]+", parts["tags"] or "") if tag]
    unknown = [tag for tag in tags if tag not in KINDS]
    if unknown:
        raise ValueError(
            tr(
                "there is no kind of alert called {unknown}; known ones: {known}",
                unknown=", ".join(unknown),
                known=", ".join(KINDS),
            )
        )
    service = opened(parts["url"])
    if service is None:
        raise ValueError(
            tr(
                "apprise cannot use this address; see its documentation for how one for {scheme}"
                " is written",
                scheme=parts["url"].partition("://")[0],
            )
        )
    about = frozenset(kind for kind in KINDS if not tags or kind in tags)
    return Address(parts["url"], _shown(parts["url"], service), about, number)


def opened(url: str) -> Any:
    """The address as apprise knows it; None where it knows none like that.

    Raises InvalidInput where apprise is not installed.
    """
    try:
        import apprise  # noqa: PLC0415  # an extra, which only those pay for who use it
    except ImportError:
        raise InvalidInput(_lacking()) from None
    _hush()
    asset = apprise.AppriseAsset(
        app_id="socialstrike",
        app_desc="socialstrike",
        async_mode=False,
        # An address is a secret: it goes where it says, and nowhere that another host names.
        http_redirects=False,
        pgp_autogen=False,
        pem_autogen=False,
        storage_mode="memory",
    )
    return apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)


def _lacking() -> str:
    return tr("alerts need one more package; install it: pip install 'socialstrike[alerts]'")


def _hush() -> None:
    """Let apprise log nothing: what it says of a failure can hold parts of an address."""
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)


def _shown(url: str, service: Any) -> str:
    """Scheme and host; the scheme alone where what stands in the host's place may be a token."""
    scheme = url.partition("://")[0].lower()
    host = str(getattr(service, "host", None) or "").lower()
    own = "host" in getattr(service, "template_tokens", ())
    return f"{scheme}://{host}" if own and _is_host(host) else f"{scheme}://…"


def _is_host(name: str) -> bool:
    if name == "localhost" or _NAME.fullmatch(name):
        return True
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _remember(url: str) -> None:
    """Have the address, its password and what looks like a token in it taken out of every log."""
    redaction.remember(url)
    try:
        parts = urlsplit(url)
        secret = parts.password
    except ValueError:
        return
    if secret:
        redaction.remember(unquote(secret))
    pieces = re.split(r"[/?&=@:#]", url.partition("://")[2])
    for piece in pieces:
        if len(piece) >= _TOKEN and not _is_host(piece.lower()):
            redaction.remember(unquote(piece))
