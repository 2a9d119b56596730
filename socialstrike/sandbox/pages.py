"""The sandbox for human eyes: what the platforms' readers would see, as HTML without scripts."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Iterable
from datetime import datetime
from urllib.parse import quote
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from socialstrike.sandbox.control import is_local
from socialstrike.sandbox.pages_style import STYLE
from socialstrike.sandbox.state import LABELS, Account, Media, Post, Sandbox

_PARIS = ZoneInfo("Europe/Paris")
_DAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
_MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre",
    "octobre", "novembre", "décembre",
)  # fmt: skip
#: How many posts of an account the first page shows, and the account's own page.
_FEW, _MANY = 50, 500
_LINK = re.compile(r"https?://[^\s<>\"]+")
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
_HEADERS = {
    "content-security-policy": (
        f"default-src 'none'; img-src 'self'; media-src 'self'; style-src 'sha256-{_STYLE_HASH}'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


def routes(sandbox: Sandbox) -> list[BaseRoute]:
    """The addresses of the pages."""

    async def home(request: Request) -> Response:
        return _guard(request) or _home(sandbox, live=request.query_params.get("live") == "1")

    async def account(request: Request) -> Response:
        return _guard(request) or _account_page(sandbox, request.path_params["name"])

    async def post(request: Request) -> Response:
        return _guard(request) or _post_page(sandbox, request.path_params["id"])

    return [
        Route("/", home),
        Route("/accounts/{name:path}", account),
        Route("/posts/{id}", post),
    ]


def _guard(request: Request) -> Response | None:
    if is_local(request):
        return None
    return PlainTextResponse("Adresse refusée : utilisez celle en 127.0.0.1.", 403)


def _home(sandbox: Sandbox, *, live: bool) -> Response:
    posts = list(sandbox.visible())
    body = "".join(_timeline(sandbox, account, posts, _FEW) for account in sandbox.accounts)
    if not body:
        body = '<p class="empty">Aucun compte pour l’instant : le premier appel en ouvrira un.</p>'
    toggle = (
        '<a href="/">Arrêter l’actualisation</a>'
        if live
        else '<a href="/?live=1">Actualiser toutes les 5 secondes</a>'
    )
    count = _counted(len(posts), "publication")
    intro = f"<h1>Bac à sable</h1><p>{count} · {toggle}</p>"
    return _page("Bac à sable", intro, f'<div class="timelines">{body}</div>', live=live)


def _account_page(sandbox: Sandbox, name: str) -> Response:
    accounts = [account for account in sandbox.accounts if account.name == name]
    if not accounts:
        return _missing("Ce compte n’existe pas ici.")
    posts = list(sandbox.visible())
    body = "".join(_timeline(sandbox, account, posts, _MANY) for account in accounts)
    intro = f'<h1 dir="auto">{_text(name)}</h1><p><a href="/">Tous les comptes</a></p>'
    return _page(name, intro, f'<div class="timelines">{body}</div>')


def _post_page(sandbox: Sandbox, number: str) -> Response:
    post = next((post for post in sandbox.visible() if post.id == number), None)
    if post is None:
        return _missing("Cette publication n’existe pas ici, ou n’est plus visible.")
    href = f"/accounts/{quote(post.account, safe='')}"
    owner = f'<a href="{href}" dir="auto">{_text(post.account)}</a>'
    intro = (
        f'<h1>Publication</h1><p>{LABELS[post.platform]} · {owner} · <a href="/">Tous les comptes'
        "</a></p>"
    )
    return _page("Publication", intro, f'<div class="alone">{_article(post)}</div>')


def _missing(sentence: str) -> Response:
    intro = f'<h1>Introuvable</h1><p>{sentence} <a href="/">Tous les comptes</a></p>'
    return _page("Introuvable", intro, "", status=404)


def _timeline(sandbox: Sandbox, account: Account, posts: Iterable[Post], most: int) -> str:
    whose = (account.platform, account.name)
    mine = [post for post in posts if (post.platform, post.account) == whose]
    shown = "".join(_article(post) for post in reversed(mine[-most:]))
    href = f"/accounts/{quote(account.name, safe='')}"
    shown = shown or '<p class="empty">Rien encore.</p>'
    if len(mine) > most:
        older = len(mine) - most
        shown += f'<p class="empty"><a href="{href}">{_counted(older, "plus ancienne")}</a></p>'
    return (
        f'<section class="{account.platform}" aria-labelledby="a{_text(account.id)}">'
        f'<header><h2 id="a{_text(account.id)}"><a href="{href}" dir="auto">{_text(account.name)}'
        f'</a></h2><p><span class="platform">{LABELS[account.platform]}</span> '
        f"{_counted(len(mine), 'publication')}</p></header>"
        f"{shown}</section>"
    )


def _article(post: Post) -> str:
    at = post.at.astimezone(_PARIS)
    pictures = "".join(
        f"<figure>{_shown(media)}"
        f"<figcaption>{_text(media.alt) or 'Sans texte alternatif'}</figcaption></figure>"
        for media in post.media
    )
    link = reply = ""
    if post.link and post.link not in post.text:
        link = f'<p class="link">{_linked(post.link)}</p>'
    if post.reply_to:
        reply = '<p class="note">En réponse à la publication précédente du fil</p>'
    return (
        f'<article><p class="when"><a href="/posts/{quote(post.id)}">'
        f'<time datetime="{at.isoformat()}">{_moment(at)}</time></a></p>{reply}'
        f'<p class="text" dir="auto">{_linked(post.text)}</p>{pictures}{link}</article>'
    )


def _shown(media: Media) -> str:
    """A picture, or a video that its reader starts."""
    where = f"/sandbox/media/{media.id}"
    if media.mime_type.startswith("video/"):
        return (
            f'<video src="{where}" aria-label="{_text(media.alt)}" preload="none" controls></video>'
        )
    return f'<img src="{where}" alt="{_text(media.alt)}" loading="lazy">'


def _moment(at: datetime) -> str:
    number = "1<sup>er</sup>" if at.day == 1 else str(at.day)
    return f"{_DAYS[at.weekday()]} {number} {_MONTHS[at.month - 1]} {at.year}, {at:%H:%M:%S}"


def _linked(text: str) -> str:
    pieces, end = [], 0
    for match in _LINK.finditer(text):
        url = match.group().rstrip(".,;:!?…'’»)]}")
        pieces.append(_text(text[end : match.start()]))
        pieces.append(f'<a href="{_text(url)}" rel="noreferrer nofollow">{_text(url)}</a>')
        end = match.start() + len(url)
    return "".join([*pieces, _text(text[end:])])


def _text(value: str) -> str:
    return html.escape(value, quote=True)


def _counted(number: int, noun: str) -> str:
    plural = " ".join(f"{word}s" if word != "plus" else word for word in noun.split())
    return f"{number} {noun if number < 2 else plural}"


def _page(title: str, intro: str, body: str, *, live: bool = False, status: int = 200) -> Response:
    refresh = '<meta http-equiv="refresh" content="5">' if live else ""
    document = (
        '<!DOCTYPE html><html lang="fr"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="color-scheme" content="light dark">{refresh}'
        f"<title>{_text(title)} – socialstrike</title><style>{STYLE}</style></head><body>"
        '<p class="banner" role="note"><strong>Bac à sable.</strong> Rien de ce qui est affiché '
        "ici n’a été envoyé à une vraie plateforme.</p>"
        f'<header class="intro">{intro}</header><main>{body}</main>'
        "<footer><p>Heures de Paris. Les mêmes publications en JSON : "
        '<a href="/sandbox/posts">/sandbox/posts</a></p></footer></body></html>'
    )
    return Response(document, status, _HEADERS, media_type="text/html")
