"""An alert in words: a title, and a list for each kind that ends with what to do.

What leaves the house this way is read elsewhere: no name of a person, no secret, of a post no more
than its beginning.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from socialstrike.alerts.addresses import Kind
from socialstrike.alerts.deriving import Alert
from socialstrike.i18n import tr, translated, trn
from socialstrike.redaction import printable, redact

#: So many of a kind are listed.
_MOST = 10
#: So much of a post's text is told, and so much of a reason, in characters.
_TEXT, _WHY = 40, 200
#: The order that a message is read in: what stops everything first.
_ORDER: tuple[Kind, ...] = (
    "stopped", "failed", "uncertain", "missed", "gone", "paused", "behind", "expiry",
)  # fmt: skip


def message(told: Sequence[Alert]) -> tuple[str, str]:
    """Title and body of one message that tells all of this, in the language spoken."""
    ordered = sorted(told, key=lambda alert: _ORDER.index(alert.kind))
    groups = [(kind, list(group)) for kind, group in groupby(ordered, lambda one: one.kind)]
    title = tr("socialstrike: {what}", what=", ".join(_counted(k, len(g)) for k, g in groups))
    body = "\n\n".join(_section(kind, group) for kind, group in groups)
    return _safe(title), "\n".join(_safe(line) for line in body.split("\n"))


def test_message() -> tuple[str, str]:
    """Title and body of the message that says no more than that it arrived."""
    return (
        tr("socialstrike: a test"),
        tr("Alerts of this scheduler arrive here. There is nothing to do."),
    )


def _counted(kind: Kind, count: int) -> str:
    said: dict[Kind, Callable[[], str]] = {
        "stopped": lambda: tr("the emergency stop is pulled"),
        "failed": lambda: trn("one delivery failed", "{count} deliveries failed", count),
        "uncertain": lambda: trn(
            "one delivery must be decided by you",
            "{count} deliveries must be decided by you",
            count,
        ),
        "missed": lambda: trn(
            "one delivery missed its time", "{count} deliveries missed their time", count
        ),
        "gone": lambda: trn(
            "one published post has disappeared",
            "{count} published posts have disappeared",
            count,
        ),
        "paused": lambda: trn("one account is paused", "{count} accounts are paused", count),
        "behind": lambda: tr("fewer posts are out than planned"),
        "expiry": lambda: trn(
            "the access of one account ends soon",
            "the access of {count} accounts ends soon",
            count,
        ),
    }
    return said[kind]()


def _section(kind: Kind, group: Sequence[Alert]) -> str:
    heading = tr("{what}; to do: {command}", what=_counted(kind, len(group)), command=_DO[kind])
    lines = [f"- {_line(alert)}" for alert in group[:_MOST] if _line(alert)]
    if len(group) > _MOST:
        lines.append(trn("- and one more", "- and {count} more", len(group) - _MOST))
    return "\n".join([heading[:1].upper() + heading[1:], *lines])


#: What there is to type; of several accounts each has its name in its own line.
_DO: dict[Kind, str] = {
    "stopped": "socialstrike start",
    "failed": "socialstrike posts list --state failed",
    "uncertain": "socialstrike posts list --state parked",
    "missed": "socialstrike posts list --state missed",
    "gone": "socialstrike posts list --gone",
    "paused": "socialstrike accounts list",
    "behind": "socialstrike status",
    "expiry": "socialstrike accounts connect PLATFORM NAME --replace",
}


def _line(alert: Alert) -> str:
    why = _cut(translated(alert.why), _WHY) if alert.why else ""
    when = f"{alert.at:%Y-%m-%d %H:%M %Z}" if alert.at else ""
    if alert.kind == "stopped":
        return why
    if alert.kind == "paused":
        return tr("{account}: {why}", account=alert.account, why=why)
    if alert.kind == "behind":
        return tr(
            "{campaign}: {out} of {planned} are out that were due by now",
            campaign=alert.campaign or tr("without a campaign"),
            out=alert.out,
            planned=alert.planned,
        )
    if alert.kind == "expiry":
        return trn(
            "{account} on {platform}: within a day, at {when}",
            "{account} on {platform}: within {count} days, at {when}",
            alert.days,
            account=alert.account,
            platform=alert.platform,
            when=when,
        )
    told = tr(
        "{account}, due {when}, delivery {delivery}: “{text}”",
        account=alert.account,
        when=when,
        delivery=alert.delivery,
        text=_cut(alert.text, _TEXT),
    )
    return tr("{told} – {why}", told=told, why=why) if why else told


def _cut(text: str, most: int) -> str:
    line = " ".join(printable(text).split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


def _safe(line: str) -> str:
    return redact(printable(line))
