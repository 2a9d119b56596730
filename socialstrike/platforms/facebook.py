"""Facebook pages, through facebook-sdk, which must never see the token.

It would put it into addresses; our session sends it in a header instead. The library is imported
on use.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from socialstrike.i18n import stored
from socialstrike.platforms import facebook_consent
from socialstrike.platforms.base import (
    Access,
    Consent,
    CredentialField,
    CredentialsRefused,
    Grant,
    HandOff,
    Identity,
    Limits,
    Media,
    OutcomeUnknown,
    OwnScheduler,
    Payload,
    Publication,
    RateLimited,
    Scheduled,
    TemporarilyUnavailable,
    first_before,
)
from socialstrike.platforms.facebook_codes import (
    BLOCKED,
    CONFIRM_IDENTITY,
    GONE,
    PERMISSION,
    codes,
    is_duplicate,
    kind_of,
    regained_at,
    remaining,
    used_up_until,
)
from socialstrike.platforms.http import (
    Answer,
    Diagnosis,
    Exchange,
    HttpPlatform,
    guarded,
    identifier,
    moment_told,
    name_told,
    page_told,
    read_media,
    url_told,
)

if TYPE_CHECKING:
    from facebook import GraphAPI
    from requests import Response

_HOST = "https://graph.facebook.com"
_VERSION = "v26.0"  # the library knows of none newer than 3.1 and sends whatever is set

_GRAPH = f"{_HOST}/{_VERSION}"

#: Pages of a hundred posts that a look-up goes back through at most.
_PAGES = 10

_RESUME = "socialstrike accounts resume {account}"


class FacebookPage(HttpPlatform, OwnScheduler):
    """One Facebook page, with a page access token."""

    name: ClassVar[str] = "facebook"
    label: ClassVar[str] = "Facebook"
    limits: ClassVar[Limits] = Limits(
        text=63_206,
        length=len,
        media=10,
        media_bytes=4_000_000,
        media_types=frozenset({"image/jpeg", "image/png", "image/gif"}),
        # Facebook publishes no figure; the one X gives is long enough for a description.
        alt=1_000,
    )
    credential_fields: ClassVar[Sequence[CredentialField]] = (
        CredentialField("page_id", "Page ID", secret=False),
        CredentialField("access_token", "Page access token"),
    )
    app_fields: ClassVar[Sequence[CredentialField]] = (
        CredentialField("app_id", "App ID", secret=False),
        CredentialField("app_secret", "App secret"),
    )
    #: Facebook takes this one without https, and no address in numbers.
    redirect_host: ClassVar[str] = "localhost"

    #: Facebook's own pages disagree (10 or 20 minutes; 29, 30 or 75 days): what all of them allow.
    hand_off: ClassVar[HandOff | None] = HandOff(timedelta(minutes=20), timedelta(days=29))

    def __init__(self, access: Access, *, timeout: tuple[float, float] = (5.0, 20.0)) -> None:
        import facebook  # noqa: PLC0415  # 90 ms that whoever only asks for limits should not pay

        from socialstrike.platforms import transport  # noqa: PLC0415  # brings requests, as above

        self.access, self.exchange = access, Exchange()
        self._page = access.credentials.get("page_id", "")
        session = transport.session(
            access,
            hosts=(_HOST,),
            secrets=self.secrets(access),
            timeout=timeout,
            exchange=self.exchange,
        )
        session.headers["Authorization"] = f"Bearer {access.credentials.get('access_token')}"
        session.hooks["response"].append(_only_json)
        self._session = session
        self._graph: GraphAPI = facebook.GraphAPI(session=session)
        self._graph.version = _VERSION

    @classmethod
    def compose(cls, text: str, link: str | None) -> str:
        """The text alone: Facebook has a place of its own for a link."""
        return text

    @classmethod
    def ask(cls, access: Access, redirect: str, state: str, *, pasted: bool) -> Consent | None:
        """In Facebook's own dialog, with the id of the holder's app; see Platform."""
        return facebook_consent.ask(access, _VERSION, redirect, state, pasted=pasted)

    @classmethod
    def redeem(
        cls, access: Access, consent: Consent | None, answer: Mapping[str, str]
    ) -> list[Grant]:
        """The pages that the holder chose, each with a token of its own; see Platform."""
        assert consent is not None  # Facebook never goes without
        return cls(access)._redeemed(consent, answer)

    @guarded("check")
    def check(self) -> Identity:
        """Ask Facebook for the page that the token opens; see Platform."""
        page = self._page_itself()
        page_id = identifier(page["id"])
        if page_id != self._page:
            raise CredentialsRefused(
                stored(
                    "Facebook's token of account '{account}' is for another page ({page_id}, not"
                    " {page}); take the token of this page",
                    account=self.access.account,
                    page_id=page_id,
                    page=self._page,
                )
            )
        name, url = name_told(page["name"]), url_told(page.get("link"))
        told = self.exchange.answer
        scopes, ends = self._examined()
        return Identity(
            page_id,
            name,
            url,
            ends,
            scopes=scopes,
            missing=tuple(sorted(set(facebook_consent.SCOPES) - set(scopes))) if scopes else (),
            remaining=remaining(told) if told else None,
        )

    @guarded("upload")
    def upload(self, media: Media) -> str:
        """Hand over one picture with its description, unpublished; see Platform."""
        content = read_media(media, self.limits)
        fields = {"published": "false"}
        if media.alt:
            fields["alt_text_custom"] = media.alt
        file = (media.path.name, content, media.mime_type)
        return _id(self._call(f"{self._page}/photos", post_args=fields, files={"source": file}))

    @guarded("publish")
    def publish(self, payload: Payload, media_ids: Sequence[str]) -> Publication:
        """Send the post once; see Platform."""
        fields = self._fields(payload, media_ids)
        made = _publication(_id(self._call(f"{self._page}/feed", post_args=fields)))
        told = self.exchange.answer
        return replace(made, throttled_until=used_up_until(told) if told else None)

    @guarded("find")
    def find(
        self, payload: Payload, since: datetime, known: Collection[str] = ()
    ) -> Publication | None:
        """Look through what the page published; see Platform."""
        return next(self._same(payload, since, known), None)

    @guarded("publish")
    def hand_over(
        self, payload: Payload, media_ids: Sequence[str], at: datetime
    ) -> Scheduled | Publication:
        """Give the post to the page's scheduler, which counts whole seconds; see OwnScheduler."""
        when = str(int(at.timestamp()))
        fields = self._fields(payload, media_ids)
        fields |= {"published": "false", "scheduled_publish_time": when}
        return Scheduled(_id(self._call(f"{self._page}/feed", post_args=fields)), at)

    @guarded("find")
    def handed(self, scheduled_id: str) -> Scheduled | Publication | None:
        """Ask for the post itself, which keeps its id when it is published; see OwnScheduler."""
        return self._handed(scheduled_id)

    @guarded("find")
    def find_scheduled(
        self, payload: Payload, at: datetime, known: Collection[str] = ()
    ) -> Scheduled | None:
        """Look through all that the page has scheduled; see OwnScheduler."""
        wanted, others = _comparable(self._message(payload)), set(map(str, known))
        for post in self._posts("scheduled_posts", None):
            due = _unix_told(post["scheduled_publish_time"])
            same = _comparable(post.get("message", "")) == wanted
            if same and abs(due - at) < timedelta(seconds=2) and _id(post) not in others:
                return Scheduled(_id(post), due)
        return None

    @guarded("find")
    def find_published(
        self,
        payload: Payload,
        since: datetime,
        until: datetime | None,
        known: Collection[str] = (),
    ) -> Publication | None:
        """Look through what the page published; see OwnScheduler."""
        return first_before(until, self._same(payload, since, known))

    @guarded("retract")
    def take_back(self, scheduled_id: str) -> bool:
        """Delete a post that waits; one that is out stays there, see OwnScheduler."""
        if not isinstance(self._handed(scheduled_id), Scheduled):
            return False
        if self._call(scheduled_id, method="DELETE").get("success") is not True:
            raise TypeError(stored("the answer is no success"))
        return True

    @guarded("retract")
    def retract(self, remote_id: str) -> None:
        """Delete a post; one that is gone already counts as deleted."""
        try:
            done = self._call(remote_id, method="DELETE").get("success") is True
        except Exception:
            if self.exchange.answer is None or codes(self.exchange.answer) != GONE:
                raise
            # Facebook says the same of a post that is gone and of one it hides from this token:
            # only a token that still opens the page makes it mean gone.
            self._page_itself()
            done = True
        if not done:
            raise TypeError(stored("the answer is no success"))

    def diagnose(self, answer: Answer) -> Diagnosis:
        """Sort by Facebook's own codes, after what a status alone says."""
        code, subcode = codes(answer)
        error = answer.json().get("error")
        told = error.get("message") if isinstance(error, dict) else ""
        words = told if isinstance(told, str) else ""
        kind, remedy = kind_of(answer.status, code, subcode), None
        if subcode == CONFIRM_IDENTITY:
            remedy = stored("log in to Facebook, confirm who you are, then run: ") + _RESUME
        elif code in PERMISSION:
            needed = stored("pages_manage_posts, pages_read_engagement and pages_show_list")
            remedy = stored(
                "give the token {needed}, then run: {resume}", needed=needed, resume=_RESUME
            )
        elif kind is RateLimited and code == BLOCKED:
            remedy = stored(
                "Facebook holds the page back for a while; send fewer posts, further apart"
            )
        elif kind is OutcomeUnknown and is_duplicate(code, subcode):
            remedy = stored("it says that this was posted already, so it is looked up there first")
        return Diagnosis(kind, words, remedy, regained_at(answer))

    def _message(self, payload: Payload) -> str:
        """The text; with pictures a link has no place of its own, so it follows the text."""
        if payload.media:
            return super().compose(payload.text, payload.link)
        return payload.text

    def _fields(self, payload: Payload, media_ids: Sequence[str]) -> dict[str, str]:
        fields = {"message": self._message(payload)}
        for number, media_id in enumerate(media_ids):
            fields[f"attached_media[{number}]"] = f'{{"media_fbid":"{media_id}"}}'
        if payload.link and not payload.media:
            fields["link"] = payload.link
        return fields

    def _handed(self, post_id: str) -> Scheduled | Publication | None:
        wanted = "id,is_published,scheduled_publish_time,created_time,permalink_url"
        try:
            post = self._call(post_id, args={"fields": wanted})
        except Exception:
            if self.exchange.answer is None or codes(self.exchange.answer) != GONE:
                raise
            self._page_itself()  # as for a deletion: only a token that still works means gone
            return None
        if _id(post) != post_id or not isinstance(post["is_published"], bool):
            raise TypeError(stored("the answer is about something else"))
        if not post["is_published"]:
            return Scheduled(post_id, _unix_told(post["scheduled_publish_time"]))
        made = moment_told(post["created_time"])
        if "scheduled_publish_time" in post:  # no post is out before its time
            made = max(made, _unix_told(post["scheduled_publish_time"]))
        return _publication(post_id, made, url_told(post.get("permalink_url")))

    def _same(
        self, payload: Payload, since: datetime, known: Collection[str]
    ) -> Iterator[Publication]:
        """What the page published since then with the same words, newest first."""
        wanted, others = _comparable(self._message(payload)), set(map(str, known))
        for post in self._posts("published_posts", since):
            if _comparable(post.get("message", "")) == wanted and _id(post) not in others:
                made = moment_told(post["created_time"])
                yield _publication(_id(post), made, url_told(post.get("permalink_url")))

    @guarded("check")
    def _redeemed(self, consent: Consent, answer: Mapping[str, str]) -> list[Grant]:
        return facebook_consent.redeem(self._session, self.access, _GRAPH, consent, answer)

    def _examined(self) -> tuple[tuple[str, ...] | None, datetime | None]:
        """What the token allows and when it ends. Not every app may ask; the page says enough."""
        token = self.access.credentials.get("access_token", "")
        try:
            return facebook_consent.examined(self._session, _GRAPH, token)
        except Exception:
            told = self.exchange.answer
            if told is None or told.status in {401, 429} or told.status >= 500:
                raise
            return None, None

    def _page_itself(self) -> Mapping[str, Any]:
        return self._call(self._page, args={"fields": "id,name,link"})

    def _posts(self, edge: str, since: datetime | None) -> Iterator[Mapping[str, Any]]:
        """What an edge lists since then, or in all. Raises TemporarilyUnavailable if that is too
        much.
        """
        wanted = "id,message,created_time,permalink_url,scheduled_publish_time"
        args = {"fields": wanted, "limit": "100"}
        begin = datetime.min.replace(tzinfo=UTC)
        for _ in range(_PAGES):
            page = self._call(f"{self._page}/{edge}", args=dict(args))
            if since is not None:
                begin = self.exchange.by_their_clock(since)
            posts = page_told(page["data"])
            made = [moment_told(post["created_time"]) for post in posts]
            yield from (p for p, at in zip(posts, made, strict=True) if at >= begin)
            paging = page.get("paging", {})
            if not paging.get("next") or (made and min(made) < begin):
                return
            args["after"] = _cursor(paging["cursors"]["after"])
        reach = "" if since is None else stored(" since {since:%Y-%m-%d %H:%M} UTC", since=since)
        raise TemporarilyUnavailable(
            stored(
                "the posts of account '{account}' on Facebook{reach} are too many to look"
                " through; look there, then run: socialstrike posts resolve",
                account=self.access.account,
                reach=reach,
            )
        )

    def _call(self, path: str, **request: Any) -> dict[str, Any]:
        """One call of the library, which takes a 500 without an ``error`` for a success."""
        result = self._graph.request(f"{_VERSION}/{path}", **request)
        answer = self.exchange.answer
        if answer is None or not 200 <= answer.status < 300 or not isinstance(result, dict):
            raise TypeError(stored("the answer is no success"))
        return result


def _only_json(response: Response, **_settings: object) -> None:
    """Stop the library from searching anything else for tokens: on large answers it takes long."""
    if "json" not in response.headers.get("content-type", ""):
        raise TypeError(stored("the answer is no JSON"))


def _id(answer: Mapping[str, Any]) -> str:
    return identifier(answer["id"])


def _unix_told(value: object) -> datetime:
    """A time from an answer in Unix seconds (aware, UTC). Raises TypeError for an absurd one."""
    if type(value) is not int or not 946_684_800 <= value < 7_258_118_400:  # 2000 to 2200
        raise TypeError(stored("the time is none"))
    return datetime.fromtimestamp(value, UTC)


def _cursor(value: object) -> str:
    if not (isinstance(value, str) and 0 < len(value) <= 2_000):
        raise TypeError(stored("the next page is nowhere"))
    return value


def _publication(
    remote_id: str, made: datetime | None = None, url: str | None = None
) -> Publication:
    return Publication(remote_id, url or f"https://www.facebook.com/{remote_id}", made)


def _comparable(text: str) -> str:
    return " ".join(text.split())
