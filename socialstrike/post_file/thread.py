"""Threads: one written text, a list of parts or one text with ``---`` lines, becomes its parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from socialstrike.content import with_hashtag
from socialstrike.drafts import Draft, DraftDelivery, DraftMedia
from socialstrike.i18n import tr
from socialstrike.post_file.nodes import (
    Fields,
    Node,
    Report,
    Scalar,
    check_names,
    clean_text,
    items,
)
from socialstrike.post_file.pictures import Album

#: As many as X's own form takes.
MAX_PARTS = 25
_RULE = "---"


class Part(Struct, frozen=True):
    """A part of a thread, or a text that stands alone: ready to go out, and where it is written."""

    text: str
    field: str
    line: int | None
    media: tuple[DraftMedia, ...] = ()


Thread = tuple[Part, ...]


def read(node: Node, label: str, hashtag: str | None, album: Album, report: Report) -> Thread:
    """The parts of what is written under ``label``; none where something in it is an error.

    The hashtag is added to the first part alone.
    """
    before = len(report.errors)
    written = list(_written(node, label, report))
    if len(written) > MAX_PARTS:
        most = tr("has more than {max_parts} parts; make it several threads", max_parts=MAX_PARTS)
        report.error(node.line, label, most)
    found: list[Part] = []
    for value, name, pictures in written[:MAX_PARTS]:
        text = clean_text(value, name, report)
        media = album.pictures(pictures, report, f"{name}.media")
        if text is not None:
            final = with_hashtag(text, hashtag) if hashtag and not found else text
            found.append(Part(final, name, value.line, media))
    return () if len(report.errors) > before else tuple(found)


def split(text: str) -> list[str]:
    """The parts of a text, which lines that are just ``---`` divide."""
    if _RULE not in text:
        return [text]
    parts: list[list[str]] = [[]]
    for line in text.split("\n"):
        if line.strip() == _RULE:
            parts.append([])
        else:
            parts[-1].append(line)
    return ["\n".join(lines) for lines in parts]


def whole(thread: Thread) -> str:
    """A thread as one text, however it was written."""
    return f"\n{_RULE}\n".join(part.text for part in thread)


def dressed(
    said: Thread, common: Thread, media: tuple[DraftMedia, ...], *, replies: bool
) -> Thread:
    """``said`` with the pictures that go with each part, as one part where nothing ``replies``.

    Those of the post go with the first. A variant that names none of its own has the ``common``
    text's, part by part; those of parts that it lacks go with its last.
    """
    if len(said) == 1 and not media and not any(part.media for part in (*said, *common)):
        return said  # as most
    source = said if any(part.media for part in said) else common
    pictures = [part.media for part in source]
    pictures[0] = media + pictures[0]
    last = len(said) - 1
    pictures[last:] = [tuple(one for several in pictures[last:] for one in several)]
    pictures += [()] * (len(said) - len(pictures))
    parts = tuple(replace(part, media=own) for part, own in zip(said, pictures, strict=True))
    return parts if replies or last == 0 else (_joined(parts),)


def drafts(first: Draft, made: Sequence[tuple[Thread, Sequence[DraftDelivery]]]) -> Iterator[Draft]:
    """The drafts of what is ``made``: ``first`` with the first parts, then those of each next part.

    Where pictures go with other parts, as on a platform that takes all as one, it is another post.
    """
    if len(made) == 1 and len(made[0][0]) == 1:  # as most
        [[[part], deliveries]] = made
        yield replace(first, media=part.media, deliveries=tuple(deliveries))
        return
    layouts: dict[int, tuple[tuple[DraftMedia, ...], ...]] = {}
    groups: dict[tuple[tuple[DraftMedia, ...], ...], list[Sequence[DraftDelivery]]] = {}
    for thread, deliveries in made:
        # Few threads are said by many, and pictures are slow to compare.
        layout = layouts.setdefault(id(thread), _layout(thread))
        groups.setdefault(layout, []).append(deliveries)
    for layout, members in groups.items():
        draft = first
        for number in range(max(map(len, members))):
            draft = replace(
                first,
                link=first.link if number == 0 else None,
                media=layout[number] if number < len(layout) else (),
                later=layout[1:] if number == 0 else (),
                after=None if number == 0 else draft.key,
                deliveries=tuple(parts[number] for parts in members if number < len(parts)),
            )
            yield draft


def _written(
    node: Node, label: str, report: Report
) -> Iterator[tuple[Scalar, str, Sequence[Node]]]:
    """Each part as it is written, what to call it in an error, and its pictures."""
    if isinstance(node, Scalar):
        parts = split(node.text.replace("\r\n", "\n"))
        if len(parts) == 1:
            yield node, label, ()
            return
        for number, text in enumerate(parts, 1):
            yield Scalar(text, node.line), f"{label}[{number}]", ()
        return
    if isinstance(node, Fields):
        yield from _with_pictures(node, label, report)
        return
    if not node.values:
        report.error(node.line, label, tr("must be one text, or the list of a thread's parts"))
        return
    for number, value in enumerate(node.values, 1):
        name = f"{label}[{number}]"
        if isinstance(value, Fields):
            yield from _with_pictures(value, name, report)
        elif isinstance(value, Scalar):
            yield from _alone(value, name, (), report)
        else:
            report.error(value.line, name, tr("must be a text; put quotes around it"))


def _with_pictures(
    part: Fields, name: str, report: Report
) -> Iterator[tuple[Scalar, str, Sequence[Node]]]:
    check_names(part, ("text", "media"), report, f"{name}.")
    text = part.values.get("text")
    if not isinstance(text, Scalar):
        report.error(part.line, name, tr("lacks its text; write {text: …, media: […]}"))
        return
    yield from _alone(text, name, items(part, "media", report) or (), report)


def _alone(
    text: Scalar, name: str, pictures: Sequence[Node], report: Report
) -> Iterator[tuple[Scalar, str, Sequence[Node]]]:
    if len(split(text.text)) > 1:
        message = tr("holds a line ---, and is one part already; make it two entries of the list")
        report.error(text.line, name, message)
        return
    yield text, name, pictures


def _joined(thread: Thread) -> Part:
    first = thread[0]
    return Part(
        "\n\n".join(part.text for part in thread),
        first.field.removesuffix("[1]"),
        first.line,
        tuple(picture for part in thread for picture in part.media),
    )


def _layout(thread: Thread) -> tuple[tuple[DraftMedia, ...], ...]:
    """Which pictures go with which part; parts without any at the end do not count."""
    media = [part.media for part in thread]
    while len(media) > 1 and not media[-1]:
        media.pop()
    return tuple(media)
