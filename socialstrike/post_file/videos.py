"""What the platforms take of a post's video, by the limits that they declare."""

from __future__ import annotations

from collections.abc import Sequence

from socialstrike.drafts import DraftMedia
from socialstrike.i18n import tr
from socialstrike.platforms.base import Limits
from socialstrike.post_file.nodes import Report, shown


def stands_alone(media: Sequence[DraftMedia], line: int | None, report: Report) -> bool:
    """Whether no video has pictures or videos beside it; else that is reported."""
    video = next((one for one in media if one.is_video), None)
    if video is None or len(media) == 1:
        return True
    report.error(
        line,
        "media",
        tr(
            "{name} is a video, and a video stands alone in its post; put the rest into another"
            " post",
            name=shown(video.path.name),
        ),
    )
    return False


def check(video: DraftMedia, label: str, limits: Limits, line: int | None, report: Report) -> None:
    """Report what a platform called ``label`` does not take of the video."""
    name = shown(video.path.name)
    if not limits.video_bytes:
        told = tr(
            "{name} is a video, and {label} takes none from here; send pictures there, in a post"
            " of their own",
            name=name,
            label=label,
        )
        report.error(line, "media", told)
        return
    if video.size > limits.video_bytes:
        report.error(
            line,
            "media",
            tr(
                "{name} has {size:.1f} MB, and {label} takes {most:.1f} MB of video; make it"
                " smaller",
                name=name,
                size=video.size / 1e6,
                label=label,
                most=limits.video_bytes / 1e6,
            ),
        )
    if limits.video_seconds is not None and (video.seconds or 0) > limits.video_seconds:
        report.error(
            line,
            "media",
            tr(
                "{name} lasts {seconds:.0f} s, and {label} takes {most:.0f} s of video; cut it",
                name=name,
                seconds=video.seconds,
                label=label,
                most=limits.video_seconds,
            ),
        )
    _check_alt(video, label, limits, line, report)


def _check_alt(
    video: DraftMedia, label: str, limits: Limits, line: int | None, report: Report
) -> None:
    name = shown(video.path.name)
    most = limits.alt if limits.video_alt is None else limits.video_alt
    if video.alt and not most:
        report.warn(
            line,
            "media",
            tr(
                "{label} shows no alt text with a video, so who cannot see {name} learns nothing"
                " of it there; say in the text what it shows",
                label=label,
                name=name,
            ),
        )
    elif len(video.alt) > most:
        report.error(
            line,
            "media",
            tr(
                "the alt text of {name} has {count} characters, and {label} takes {alt}; shorten"
                " it",
                name=name,
                count=len(video.alt),
                label=label,
                alt=most,
            ),
        )
