"""What stands above the posts: the campaign, the accounts the file expects, the groups."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import TypeVar
from urllib.parse import urlsplit

from socialstrike import platforms
from socialstrike.content import is_hashtag
from socialstrike.drafts import CampaignSpec
from socialstrike.exceptions import InvalidInput
from socialstrike.i18n import tr
from socialstrike.post_file.nodes import (
    Fields,
    Node,
    Report,
    Scalar,
    check_names,
    clean_text,
    items,
    scalar,
    shown,
    unknown,
    words,
)
from socialstrike.post_file.times import DEFAULT_ZONE, day_of, duration, zone_of

FIELDS = ("campaign", "accounts", "groups", "posts")
CAMPAIGN_FIELDS = (
    "name",
    "day",
    "timezone",
    "hashtag",
    "mention",
    "link",
    "window",
    "announcement_lateness",
    "occupation_lateness",
)
ALL = "all"
_T = TypeVar("_T")
_NAME = re.compile(r"[^\W_][\w.-]{0,79}")
_MENTION = re.compile(r"@\w[\w.@-]{0,99}")


@dataclass(frozen=True, slots=True)
class Addressees:
    """Whom posts can address: names with their platforms, groups, and what ``all`` means."""

    platform_of: Mapping[str, str]
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    everyone: tuple[str, ...] = ()

    def resolve(self, written: tuple[Scalar, ...], report: Report) -> tuple[str, ...]:
        """The accounts that names, groups, platforms and ``all`` come to, each once, in order."""
        found: dict[str, None] = {}
        for word in written:
            if word.text in self.platform_of:
                names: tuple[str, ...] = (word.text,)
            elif word.text in self.groups:
                names = self.groups[word.text]
            elif word.text == ALL or word.text in platforms.REGISTRY:
                names = tuple(
                    name for name in self.everyone if word.text in (ALL, self.platform_of.get(name))
                )
                if not names:
                    report.error(word.line, "to", _nobody(word.text))
            else:
                report.error(word.line, "to", self._stranger(word.text))
                continue
            found |= dict.fromkeys(name for name in names if name in self.platform_of)
        return tuple(found)

    def _stranger(self, name: str) -> str:
        known = [*self.platform_of, *self.groups]
        message = unknown(tr("account or group"), name, known, listed=False)
        # Beside a guess, since the account may have existed and been forgotten.
        return tr(
            "{message}; or add it: socialstrike accounts add PLATFORM {name}",
            message=message,
            name=shown(name),
        )


def campaign(node: Node, report: Report) -> CampaignSpec | None:
    """The campaign a file describes; None after an error."""
    if not isinstance(node, Fields):
        report.error(node.line, "campaign", tr("must be a name, or fields such as name and day"))
        return None
    before = len(report.errors)
    check_names(node, CAMPAIGN_FIELDS, report, "campaign.")
    name = _value(node, "name", report, _name_of)
    day = _value(node, "day", report, day_of)
    for required, value in (("name", name), ("day", day)):
        if value is None and scalar(node, required, Report("")) is None:
            report.error(
                node.line,
                f"campaign.{required}",
                tr("is missing; write {required}: …", required=required),
            )
    zone = _value(node, "timezone", report, lambda written: zone_of(written).key)
    hashtag = _value(node, "hashtag", report, _hashtag_of)
    mention = _value(node, "mention", report, _mention_of)
    address = scalar(node, "link", report, "campaign.link")
    window = _value(node, "window", report, _hours_of)
    announcement = _value(node, "announcement_lateness", report, duration)
    occupation = _value(node, "occupation_lateness", report, duration)
    where = link(address, "campaign.link", report) if address else None
    if name is None or day is None or len(report.errors) > before:
        return None
    return CampaignSpec(
        name=name,
        day=day,
        timezone=zone or DEFAULT_ZONE,
        hashtag=hashtag,
        mention=mention,
        link=where,
        window_hours=window or 24,
        announcement_lateness=announcement or timedelta(hours=1),
        occupation_lateness=occupation,
    )


def moved(spec: CampaignSpec, name: str | None, day: date | None) -> CampaignSpec:
    """The same campaign under another name or on another day."""
    return replace(spec, name=name or spec.name, day=day or spec.day)


def addressees(
    head: Fields, known: Mapping[str, str], report: Report, *, strict: bool = True
) -> Addressees:
    """The accounts and groups a file can address.

    With ``strict`` an account the file expects and that is not ``known`` there is an error.
    """
    declared: dict[str, str] = {}
    section = head.values.get("accounts")
    if isinstance(section, Fields):
        for name, value in section.values.items():
            platform = _platform(name, value, report)
            if platform and _free(name, value.line, f"accounts.{shown(name)}", report):
                declared[name] = platform
                if strict and known.get(name) != platform:
                    report.error(
                        value.line, f"accounts.{name}", _expected(name, platform, known.get(name))
                    )
    elif section is not None and not (isinstance(section, Scalar) and section.empty):
        report.error(
            section.line,
            "accounts",
            tr("must name accounts with their platforms, as in {collectif-x: x}"),
        )
    platform_of = {**known, **declared}
    everyone = tuple(declared) or tuple(known)
    return Addressees(platform_of, _groups(head, platform_of, report, strict=strict), everyone)


def link(written: Scalar, name: str, report: Report) -> str | None:
    """An http or https address. None after an error."""
    text = clean_text(written, name, report)
    if text is None:
        return None
    if not is_web_address(text):
        message = tr(
            "{text} is no web address; write one such as https://onestla.tech/", text=shown(text)
        )
        report.error(written.line, name, message)
        return None
    return text


def is_web_address(text: str) -> bool:
    """Whether ``text`` is an http or https address of reasonable length, all of it in sight."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False
    # Format characters (Cf) turn an address around or hide in it.
    odd = any(char.isspace() or unicodedata.category(char) == "Cf" for char in text)
    return usable and not odd and len(text) <= 2000


def find_campaign(
    name: str, spec: CampaignSpec | None, line: int | None, report: Report
) -> CampaignSpec | None:
    """``spec``, or an error that says how to make the campaign called ``name``."""
    if spec is None:
        report.error(
            line,
            "campaign",
            tr(
                "there is no campaign {name}; make it: socialstrike campaigns set {name}"
                " --day YYYY-MM-DD",
                name=shown(name),
            ),
        )
    return spec


def _value(node: Fields, name: str, report: Report, read: Callable[[str], _T]) -> _T | None:
    written = scalar(node, name, report, f"campaign.{name}")
    if written is None:
        return None
    try:
        return read(written.text.strip())
    except InvalidInput as error:
        report.error(written.line, f"campaign.{name}", str(error))
        return None


def _groups(
    head: Fields, platform_of: Mapping[str, str], report: Report, *, strict: bool
) -> dict[str, tuple[str, ...]]:
    section = head.values.get("groups")
    groups: dict[str, tuple[str, ...]] = {}
    if section is None or (isinstance(section, Scalar) and section.empty):
        return groups
    if not isinstance(section, Fields):
        report.error(
            section.line, "groups", tr("must name lists of accounts, as in {nord: [a, b]}")
        )
        return groups
    for name, value in section.values.items():
        label = f"groups.{shown(name)}"
        if name in platform_of:
            report.error(
                value.line, label, tr("is an account's name too; give the group another one")
            )
            continue
        if not _free(name, value.line, label, report):
            continue
        members = words(items(section, name, report) or (), label, report)
        if not members:
            report.error(value.line, label, tr("is empty; name its accounts"))
        for member in members:
            if strict and member.text not in platform_of:
                report.error(
                    member.line,
                    label,
                    unknown(tr("account"), member.text, platform_of, listed=False)
                    + tr(
                        " (add one with: socialstrike accounts add PLATFORM {text})",
                        text=shown(member.text),
                    ),
                )
        groups[name] = tuple(member.text for member in members)
    return groups


def _platform(name: str, value: Node, report: Report) -> str | None:
    if not isinstance(value, Scalar) or value.text not in platforms.REGISTRY:
        written = value.text if isinstance(value, Scalar) else "this"
        report.error(
            value.line,
            f"accounts.{shown(name)}",
            unknown(tr("platform"), written, platforms.REGISTRY),
        )
        return None
    return value.text


def _free(name: str, line: int | None, label: str, report: Report) -> bool:
    if name == ALL or name in platforms.REGISTRY:
        report.error(line, label, tr("is a word with a meaning of its own; choose another name"))
        return False
    if not _NAME.fullmatch(name):
        report.error(
            line, label, tr("is no name; use letters, digits, dots and hyphens, no spaces")
        )
        return False
    return True


def _expected(name: str, platform: str, found: str | None) -> str:
    if found is None:
        return tr(
            "there is no such account; add it: socialstrike accounts add {platform} {name}",
            platform=platform,
            name=name,
        )
    return tr(
        "the account is on {found} here and on {platform} in the file; correct the"
        " file, or add another: socialstrike accounts add {platform} NAME",
        found=found,
        platform=platform,
    )


def _nobody(word: str) -> str:
    platform = "PLATFORM" if word == ALL else word
    return tr(
        "{word} addresses nobody; add an account: socialstrike accounts add {platform} NAME",
        word=word,
        platform=platform,
    )


def _name_of(written: str) -> str:
    if not _NAME.fullmatch(written):
        raise InvalidInput(
            tr(
                "{written} is no name; use letters, digits, dots and hyphens",
                written=shown(written),
            )
        )
    return written


def _hashtag_of(written: str) -> str:
    written = unicodedata.normalize("NFC", written)
    if not is_hashtag(written):
        raise InvalidInput(
            tr(
                '{written} is no hashtag; write one with quotes, such as "#blocage24janvier"',
                written=shown(written),
            )
        )
    return written


def _mention_of(written: str) -> str:
    if not _MENTION.fullmatch(written):
        raise InvalidInput(
            tr('{written} is no mention; write one such as "@onestlatech"', written=shown(written))
        )
    return written


def _hours_of(written: str) -> int:
    length = duration(f"{written}h" if written.isdecimal() else written)
    hours, rest = divmod(length, timedelta(hours=1))
    if rest:
        raise InvalidInput(tr("{written} must be whole hours, such as 24h", written=shown(written)))
    return hours
