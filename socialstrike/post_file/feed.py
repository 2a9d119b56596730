"""A feed in RSS 2.0, RSS 1.0 or Atom, read as data that nobody has vouched for.

Read with expat in one pass and nothing beside it: a general library also undoes what is no XML,
with patterns that one feed can keep busy for hours, and takes from a feed much more than is
needed here. No declared entity is obeyed, and nothing that a feed names is fetched.
"""

from __future__ import annotations

import html
import re
import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import quote, urljoin, urlsplit, urlunsplit
from xml.parsers import expat  # nosec B405 B407  # entities are refused below, the size is bounded

from socialstrike.content import printable
from socialstrike.exceptions import InvalidInput
from socialstrike.i18n import tr
from socialstrike.post_file.head import is_web_address

MAX_BYTES = 5_000_000
MAX_ENTRIES = 10_000
MAX_DEPTH = 64
MAX_TITLE = 300
# Characters kept of a part; an address or a title is shorter.
_MAX_PART = 4_000

_ATOM = ("http://www.w3.org/2005/Atom", "http://purl.org/atom/ns#")
_RSS = ("", "http://purl.org/rss/1.0/", "http://my.netscape.com/rdf/simple/0.9/")
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_DUBLIN_CORE = "http://purl.org/dc/elements/1.1/"
_BASE = "http://www.w3.org/XML/1998/namespace base"

_HOST = re.compile(r"[\w.-]+(?::\d+)?|\[[\da-fA-F:.]+\](?::\d+)?")
_LEGAL = "%/:?!$&*+,;=~-._"
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_ADDRESS = re.compile(r"\bhttps?://\S+", re.IGNORECASE)
# What platforms make a mention or a hashtag of begins like this. Looked for at the first sign of
# several alone: from each of them again it would take the square of their number.
_SIGNS = re.compile("(?<![@＠#＃])[@＠#＃]++(?=[\\w\u00b7\u0300-\u036f])")


class NoFeed(InvalidInput):
    """This is no feed that can be used."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that a feed or a list tells of: its address, and its title, fit for a post."""

    link: str
    title: str = ""


def entries(content: bytes, base: str) -> list[Entry]:
    """What the feed tells of, the newest first; ``base`` is where it was found.

    By the time of publication, or in the feed's own order where one entry lacks a time. An address
    that stands twice is told once, one that is no web address not at all. Raises NoFeed.
    """
    found = _Reader(base).read(content)
    if all(one.published for one in found):
        found.sort(key=lambda one: one.published or _NEVER, reverse=True)
    told: dict[str, Entry] = {}
    for one in found:
        if one.link:
            told.setdefault(one.link, Entry(one.link, one.title))
    if not told:
        raise NoFeed(tr("holds no entry with a web address; name another feed"))
    return [*told.values()]


def plain_title(text: str) -> str:
    """A title as a post may carry it: one line that is only words.

    Without controls and changes of direction, addresses, and the signs that would mention somebody
    or make a hashtag: what a post says to whom is decided by who writes it.
    """
    flat = " ".join(printable(unicodedata.normalize("NFC", text)).split())
    flat = " ".join(_SIGNS.sub("", _ADDRESS.sub("", flat)).split())
    return flat if len(flat) <= MAX_TITLE else shortened(flat, MAX_TITLE)


def shortened(title: str, most: int) -> str:
    """The first words of ``title`` and an ellipsis: ``most`` characters in all, none of 1 or 0."""
    if len(title) <= most:
        return title
    if most < 2:
        return ""
    cut = title[: most - 1]
    words = cut.rpartition(" ")[0]
    # A word longer than half of it is torn rather than lost.
    return f"{(words if len(words) * 2 >= most else cut).rstrip(' ,;:–—-')}…"


@dataclass
class _Item:
    """One entry while it is read."""

    parts: dict[str, str] = field(default_factory=dict)
    link: str = ""
    title: str = ""
    published: datetime | None = None


_NEVER = datetime.min.replace(tzinfo=UTC)


class _Reader:
    """Follows the elements down to the entries; what else stands in the feed is passed over."""

    def __init__(self, base: str) -> None:
        self._bases = [base]
        self._path: list[str] = []
        self._found: list[_Item] = []
        self._item: _Item | None = None
        self._depth = 0  # how deep the entry stands
        self._part = ""  # which part of the entry is being read
        self._html = False
        self._said: list[str] = []
        self._room = 0

    def read(self, content: bytes) -> list[_Item]:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.EntityDeclHandler = self._entity
        parser.SkippedEntityHandler = self._known_entity
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        try:
            # At once: some versions read a long piece over and over when it comes in parts.
            parser.Parse(content.lstrip(), True)
        except expat.ExpatError as error:
            raise NoFeed(
                tr(
                    "is no well-formed feed ({why} in its line {line}); name a feed in RSS or Atom",
                    why=expat.ErrorString(error.code),
                    line=error.lineno,
                )
            ) from None
        except (LookupError, ValueError):
            raise NoFeed(
                tr("is written in an encoding that is not read here; UTF-8 is the usual one")
            ) from None
        if not self._found:
            raise NoFeed(tr("holds no entries; name a feed that tells of something"))
        return self._found

    def _entity(self, *_: object) -> None:
        raise NoFeed(tr("declares entities of its own, which no feed needs; name another feed"))

    def _known_entity(self, name: str, parameter: int) -> None:
        """One that a document type elsewhere declares, which is not fetched: é and its like."""
        if not parameter:
            self._text(html.unescape(f"&{name};"))

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        space, _, local = name.rpartition(" ")
        if not self._path:
            _check_root(space, local)
        self._path.append(name)
        if len(self._path) > MAX_DEPTH:
            raise NoFeed(tr("is nested too deeply; name a feed in RSS or Atom"))
        self._bases.append(_joined(self._bases[-1], attributes.get(_BASE, "")))
        if self._item is None:
            if (local == "entry" and space in _ATOM) or (local == "item" and space in _RSS):
                self._begin()
        elif len(self._path) == self._depth + 1:
            self._part_of(space, local, attributes)

    def _begin(self) -> None:
        if len(self._found) >= MAX_ENTRIES:
            raise NoFeed(
                tr("holds more than {most:,} entries; name a shorter feed", most=MAX_ENTRIES)
            )
        self._item, self._depth = _Item(), len(self._path)

    def _part_of(self, space: str, local: str, attributes: dict[str, str]) -> None:
        """A part of an entry begins; ``_part`` is what is kept of it, nothing for most."""
        assert self._item is not None
        self._part, self._said, self._room = "", [], _MAX_PART
        if space in _ATOM:
            if local == "link" and attributes.get("rel", "alternate") == "alternate":
                if "link" not in self._item.parts:
                    address = attributes.get("href", "").strip()
                    self._item.parts["link"] = _joined(self._bases[-1], address)
            elif local in ("title", "published", "issued", "updated", "modified"):
                self._part = local
                self._html = attributes.get("type", "text") in ("html", "text/html")
        elif space in _RSS and local in ("title", "link", "pubDate"):
            self._part, self._html = local, True
        elif space in _RSS and local == "guid":
            self._part = "" if attributes.get("isPermaLink", "true") == "false" else "guid"
        elif space == _DUBLIN_CORE and local == "date":
            self._part = "date"
        if self._part in self._item.parts:  # the first one counts
            self._part = ""

    def _text(self, said: str) -> None:
        if self._part and self._room > 0:
            self._said.append(said[: self._room])
            self._room -= len(said)

    def _end(self, name: str) -> None:
        if self._item is not None and len(self._path) == self._depth + 1 and self._part:
            said = "".join(self._said).strip()
            if self._part == "title" and self._html:
                said = html.unescape(_TAG.sub("", said))
            elif self._part in ("link", "guid"):
                said = _joined(self._bases[-1], said)
            if said:
                self._item.parts[self._part] = said
            self._part = ""
        elif self._item is not None and len(self._path) == self._depth:
            self._found.append(_finished(self._item))
            self._item = None
        self._path.pop()
        self._bases.pop()


def _check_root(space: str, local: str) -> None:
    if local.lower() == "html":
        raise NoFeed(tr("is a web page and no feed; look on the page for its feed's address"))
    known = (local == "rss" and not space) or (local == "RDF" and space == _RDF)
    if not known and not (local == "feed" and space in _ATOM):
        raise NoFeed(tr("is XML and no feed; name a feed in RSS or Atom"))


def _finished(item: _Item) -> _Item:
    parts = item.parts
    item.link = next((link for n in ("link", "guid") if (link := _address(parts.get(n, "")))), "")
    item.title = plain_title(parts.get("title", ""))
    times = ("published", "issued", "pubDate", "date", "updated", "modified")
    item.published = next((found for n in times if (found := _moment(parts.get(n, "")))), None)
    item.parts = {}
    return item


def _address(written: str) -> str:
    """The address with all encoded that a platform might end it at, to read words or a mention in
    what follows; nothing where it is no web address.
    """
    if not is_web_address(written):
        return ""
    scheme, host, *rest = urlsplit(written)
    if not _HOST.fullmatch(host):
        return ""
    return urlunsplit((scheme, host, *(quote(part, safe=_LEGAL) for part in rest)))


def _joined(base: str, address: str) -> str:
    try:
        return urljoin(base, address[:_MAX_PART])
    except ValueError:
        return ""


def _moment(written: str) -> datetime | None:
    """The moment as feeds write it (RFC 822 or ISO 8601), aware; None where it is none."""
    written = written[:60]
    try:
        found = datetime.fromisoformat(written)
    except ValueError:
        try:
            found = parsedate_to_datetime(written)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    try:
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        return None
