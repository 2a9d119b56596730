"""What a post asks of its platforms: who sees it, what stands over it, in which language it is."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from socialstrike import platforms
from socialstrike.i18n import tr
from socialstrike.post_file.nodes import Fields, Report, clean_text, scalar, shown

FIELDS = ("visibility", "content_warning", "language")
VISIBILITIES = ("public", "unlisted", "private")
#: Characters; each platform counts it with the text.
MAX_WARNING = 500
_LANGUAGE = re.compile(r"[a-z]{2}")


def read(post: Fields, report: Report) -> dict[str, str] | None:
    """What ``post`` asks for, None for nothing; what cannot be is reported."""
    if post.values.keys().isdisjoint(FIELDS):
        return None
    found: dict[str, str] = {}
    visibility = scalar(post, "visibility", report)
    if visibility is not None and visibility.text.strip():
        written = visibility.text.strip().lower()
        if written not in VISIBILITIES:
            report.error(
                visibility.line,
                "visibility",
                tr(
                    "must be public, unlisted or private, not {written}",
                    written=shown(visibility.text),
                ),
            )
        found["visibility"] = written
    language = scalar(post, "language", report)
    if language is not None and language.text.strip():
        written = language.text.strip().lower()
        if not _LANGUAGE.fullmatch(written):
            report.error(
                language.line,
                "language",
                tr(
                    "must be a language's code of two letters, such as fr, not {written}",
                    written=shown(language.text),
                ),
            )
        found["language"] = written
    if warning := _warning(post, report):
        found["content_warning"] = warning
    return {name: found[name] for name in FIELDS if name in found} or None


def warn(
    asked: Mapping[str, str] | None, addressed: Collection[str], line: int | None, report: Report
) -> None:
    """Say so where no platform that the post is ``addressed`` to knows what it asks for."""
    for name in asked or ():
        if not any(name in platforms.get(platform).options for platform in addressed):
            knowing = ", ".join(
                platforms.get(platform).label
                for platform in platforms.REGISTRY
                if name in platforms.get(platform).options
            )
            report.warn(
                line,
                name,
                tr(
                    "is known to no platform this post goes to, and will do nothing; {labels}"
                    " would follow it",
                    labels=knowing,
                ),
            )


def _warning(post: Fields, report: Report) -> str | None:
    written = scalar(post, "content_warning", report)
    if written is None or not written.text.strip():
        return None
    text = clean_text(written, "content_warning", report)
    if text is None:
        return None
    if "\n" in text or len(text) > MAX_WARNING:
        report.error(
            written.line,
            "content_warning",
            tr("must be one line of {most} characters at most; shorten it", most=MAX_WARNING),
        )
    return text
