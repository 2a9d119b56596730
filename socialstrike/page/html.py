"""HTML by functions: what is not HTML already is escaped, so nobody's words become markup."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterable
from urllib.parse import urlsplit

from socialstrike.page.style import STYLE
from socialstrike.redaction import printable

_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
#: Nothing is loaded from anywhere, and nothing runs, whatever a text may hold.
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'"
)


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def safe(value: object) -> Html:
    """Anything as HTML: escaped, and without characters that cannot be seen or that reorder it."""
    if isinstance(value, Html):
        return value
    return Html(html.escape(printable("" if value is None else str(value)), quote=True))


def tag(name: str, *children: object, **attributes: str) -> Html:
    """An element; ``class_`` is the attribute ``class``, and other names lose ``_`` for ``-``."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{safe(value)}"' for key, value in attributes.items()
    )
    return Html(f"<{name}{given}>{''.join(map(safe, children))}</{name}>")


def said(text: object) -> Html:
    """Somebody's words, in whatever direction they are written, apart from what surrounds them."""
    return tag("bdi", text)


def link(url: str) -> Html:
    """An address to follow where it is one of the web's, else as text."""
    shown = printable(url)
    try:
        parts = urlsplit(shown)
        web = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        web = False
    return tag("a", said(shown), href=shown, rel="noreferrer") if web else said(shown)


def lines(pieces: Iterable[Html]) -> Html:
    """The pieces that are not empty, one below the other."""
    return Html("".join(tag("div", piece) for piece in pieces if piece))


def head(columns: Iterable[str]) -> Html:
    """A table's head; printed again on every page."""
    return tag("thead", tag("tr", *(tag("th", column, scope="col") for column in columns)))


def opening(title: str, language: str) -> Html:
    """A document up to its content."""
    return Html(
        f'<!DOCTYPE html>\n<html lang="{safe(language)}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{safe(POLICY)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        '<meta name="color-scheme" content="light">\n'
        f"<title>{safe(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
    )


CLOSING = Html("</body>\n</html>\n")
