"""Facebook pages, through facebook-sdk, which must never see the token.

It would put it into addresses; our session sends it in a header instead. The library is imported
on use.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from socialstrike.i18n import stored
from socialstrike.platforms import facebook_consent, facebook_video
from socialstrike.platforms.base import (
    CredentialsRefused,
    HandOff,
    Limits,
    Media,
    OutcomeUnknown,
    Payload,
    Publication,
    RateLimited,
)
from socialstrike.platforms.credentials import Access, Consent, CredentialField, Grant, Identity
from socialstrike.platforms.facebook_codes import (
    BLOCKED,
    CONFIRM_IDENTITY,
    PERMISSION,
    codes,
    is_duplicate,
    kind_of,
    regained_at,
    remaining,
    used_up_until,
)
from socialstrike.platforms.facebook_posts import Posts, publication
from socialstrike.platforms.http import (
    Answer,
    Diagnosis,
    Exchange,
    guarded,
    identifier,
    name_told,
    read_media,
    url_told,
)
from socialstrike.platforms.own_scheduler import ListingScheduler, Scheduled

if TYPE_CHECKING:
    from facebook import GraphAPI
    from requests import Response

_HOST = "https://graph.facebook.com"
_VERSION = "v26.0"  # the library knows of none newer than 3.1 and sends whatever is set

_GRAPH = f"{_HOST}/{_VERSION}"

_RESUME = "socialstrike accounts resume {account}"


class FacebookPage(ListingScheduler):
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
        # It takes ten gigabytes and four hours; what is kept here ends long before.
        video_bytes=1_000_000_000,
        video_seconds=14_400,
        video_alt=0,
    )
    credential_fields: ClassVar[Sequence[CredentialField]] = (
        CredentialField("page_id", stored("Page ID"), secret=False),
        CredentialField("access_token", stored("Page access token")),
    )
    app_fields: ClassVar[Sequence[CredentialField]] = (
        CredentialField("app_id", stored("App ID"), secret=False),
        CredentialField("app_secret", stored("App secret")),
    )
    #: A page's post has comments and no replies.
    replies: ClassVar[bool] = False
    #: Facebook takes this one without https, and no address in numbers.
    redirect_host: ClassVar[str] = "localhost"

    #: Facebook's own pages disagree (10 or 20 minutes; 29, 30 or 75 days): what all of them allow.
    hand_off: ClassVar[HandOff | None] = HandOff(
        timedelta(minutes=20), timedelta(days=29), videos=False
    )

    def __init__(self, access: Access, *, timeout: tuple[float, float] = (5.0, 20.0)) -> None:
        import facebook  # noqa: PLC0415  # 90 ms that whoever only asks for limits should not pay

        from socialstrike.platforms import transport  # noqa: PLC0415  # brings requests, as above

        self.access, self.exchange = access, Exchange()
        self._page = access.credentials.get("page_id", "")
        session = transport.session(
            access,
            hosts=(_HOST, facebook_video.HOST),
            secrets=self.secrets(access),
            timeout=timeout,
            exchange=self.exchange,
        )
        session.headers["Authorization"] = f"Bearer {access.credentials.get('access_token')}"
        session.hooks["response"].append(_only_json)
        self._session = session
        self._videos = facebook_video.Videos(session, f"{_VERSION}/{self._page}")
        self._graph: GraphAPI = facebook.GraphAPI(session=session)
        self._graph.version = _VERSION
        self._posts = Posts(self._call, self.exchange, access.account, self._page)

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
        page = self._posts.page_itself()
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
        """Hand over one picture with its description, or a video, unpublished; see Platform."""
        if media.is_video:
            return self._videos.hand_over(media, self.limits)
        content = read_media(media, self.limits)
        fields = {"published": "false"}
        if media.alt:
            fields["alt_text_custom"] = media.alt
        file = (media.path.name, content, media.mime_type)
        return _id(self._call(f"{self._page}/photos", post_args=fields, files={"source": file}))

    @guarded("publish")
    def publish(self, payload: Payload, media_ids: Sequence[str]) -> Publication:
        """Send the post once; see Platform."""
        if _with_video(payload):
            made = self._posts.of_video(self._videos.publish(media_ids[0], self._message(payload)))
        else:
            fields = self._fields(payload, media_ids)
            made = publication(_id(self._call(f"{self._page}/feed", post_args=fields)))
        told = self.exchange.answer
        return replace(made, throttled_until=used_up_until(told) if told else None)

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
        return self._posts.told(scheduled_id)

    @guarded("find")
    def find_scheduled(
        self, payload: Payload, at: datetime, known: Collection[str] = ()
    ) -> Scheduled | None:
        """Look through all that the page has scheduled; see OwnScheduler."""
        return self._posts.waiting(self._message(payload), at, known)

    @guarded("retract")
    def take_back(self, scheduled_id: str) -> bool:
        """Delete a post that waits; one that is out stays there, see OwnScheduler."""
        if not isinstance(self._posts.told(scheduled_id), Scheduled):
            return False
        if self._call(scheduled_id, method="DELETE").get("success") is not True:
            raise TypeError(stored("the answer is no success"))
        return True

    @guarded("find")
    def exists(self, remote_id: str) -> bool:
        """Ask for the post itself; see Platform. A video has no page's id before its own."""
        if "_" not in remote_id:
            return self._posts.unless_gone(remote_id, args={"fields": "id"}) is not None
        return isinstance(self._posts.told(remote_id), Publication)

    @guarded("retract")
    def retract(self, remote_id: str) -> None:
        """Delete a post; one that is gone already counts as deleted."""
        deleted = self._posts.unless_gone(remote_id, method="DELETE")
        if deleted is not None and deleted.get("success") is not True:
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

    def _same(
        self, payload: Payload, since: datetime, known: Collection[str]
    ) -> Iterator[Publication]:
        """What the page published since then with the same words, newest first."""
        message = self._message(payload)
        if _with_video(payload):
            return self._posts.like_video(message, since, known)
        return self._posts.like(message, since, known)

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


def _with_video(payload: Payload) -> bool:
    return any(media.is_video for media in payload.media)


def _id(answer: Mapping[str, Any]) -> str:
    return identifier(answer["id"])
