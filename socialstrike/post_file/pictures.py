"""The pictures a post names: in the file's own folder, real pictures, cleaned of all else."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath

from socialstrike import files
from socialstrike.content import forbidden_character
from socialstrike.drafts import DraftMedia
from socialstrike.i18n import tr
from socialstrike.pictures import MAX_BYTES, MAX_FILM_BYTES, UnusablePicture, clean, is_film
from socialstrike.post_file.nodes import (
    Fields,
    Node,
    Report,
    Scalar,
    check_names,
    clean_text,
    scalar,
    shown,
)

# More than any platform takes; each is an error of its own where the file is not there.
MAX_MEDIA = 100
#: What a file too large to be read is taken for by its name alone.
_VIDEOS = frozenset({".mp4", ".m4v", ".mov"})


class _UnusableError(Exception):
    """The picture cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class _Found:
    """One picture, read: the fields of its DraftMedia but the alt text."""

    path: Path
    mime_type: str
    sha256: str
    size: int
    original: str | None
    place: bool
    seconds: float | None
    measures: tuple[int, int] | None


@dataclass
class Album:
    """Finds and reads pictures, each once. ``folder`` None: any path a person typed is theirs."""

    folder: Path | None
    _named: dict[str, _Found | str] = field(default_factory=dict)
    _read: dict[Path, _Found | str] = field(default_factory=dict)
    _places: dict[Path, int | None] = field(default_factory=dict)

    def pictures(
        self, nodes: Sequence[Node], report: Report, label: str = "media"
    ) -> tuple[DraftMedia, ...]:
        """The pictures named by ``nodes``, those that can be used; the others are reported under
        ``label``.
        """
        if len(nodes) > MAX_MEDIA:
            report.error(
                nodes[0].line,
                label,
                tr("names more than {max_media} pictures; drop some", max_media=MAX_MEDIA),
            )
            return ()
        found = []
        for number, node in enumerate(nodes, 1):
            name = f"{label}[{number}]"
            file, alt = _file_and_alt(node, name, report)
            if file is None:
                continue
            picture = self._find(file.text)
            if isinstance(picture, str):
                report.error(file.line, name, picture)
                continue
            if not alt:
                report.warn(
                    file.line,
                    name,
                    tr("{text} has no alt text; describe it under alt", text=shown(file.text)),
                )
            if picture.place:
                self._places.setdefault(picture.path, file.line)
            found.append(
                DraftMedia(
                    path=picture.path,
                    alt=alt,
                    mime_type=picture.mime_type,
                    sha256=picture.sha256,
                    size=picture.size,
                    original=picture.original,
                    seconds=picture.seconds,
                    measures=picture.measures,
                )
            )
        return tuple(found)

    def tell(self, report: Report) -> None:
        """Note once, for all of them, that pictures named the place where they were taken."""
        if not self._places:
            return
        path, line = next(iter(self._places.items()))
        others = len(self._places) - 1
        more = tr(" and {others} more", others=others) if others else ""
        report.warn(
            line,
            "media",
            tr(
                "{name}{more} named the place where it was taken; the pictures are published"
                " without it, the files themselves still have it",
                name=shown(path.name),
                more=more,
            ),
        )

    def _find(self, written: str) -> _Found | str:
        """The picture, or why it cannot be used; each file is read once, however it is spelled."""
        if written not in self._named:
            try:
                home = self.folder.resolve() if self.folder else None
                path = _locate(written, home)
                if path not in self._read:
                    self._read[path] = _opened(path, home)
                self._named[written] = self._read[path]
            except (_UnusableError, OSError) as error:
                self._named[written] = str(error)
        return self._named[written]


def _file_and_alt(node: Node, name: str, report: Report) -> tuple[Scalar | None, str]:
    if isinstance(node, Scalar) and not node.empty:
        return Scalar(node.text.strip(), node.line), ""
    if not isinstance(node, Fields):
        report.error(node.line, name, tr('must be a file, or {file: picture.png, alt: "…"}'))
        return None, ""
    check_names(node, ("file", "alt"), report, f"{name}.")
    file = scalar(node, "file", report, f"{name}.file")
    if file is None or not file.text.strip():
        report.error(node.line, f"{name}.file", tr("names no file"))
        return None, ""
    written = scalar(node, "alt", report, f"{name}.alt")
    alt = clean_text(written, f"{name}.alt", report) if written and written.text.strip() else ""
    return Scalar(file.text.strip(), file.line), alt or ""


def _locate(written: str, home: Path | None) -> Path:
    if bad := forbidden_character(written):
        raise _UnusableError(
            tr(
                "the file's name holds the control character {bad} at position {bad2}; rename"
                " the picture",
                bad=bad[1],
                bad2=bad[0] + 1,
            )
        )
    try:
        if home is None:
            return Path(written).expanduser().resolve()
        named = PureWindowsPath(written)  # knows both kinds of separators, and drives
        if named.anchor or ".." in named.parts or written.startswith("~"):
            raise _UnusableError(
                tr(
                    "{written} leaves the file's folder; put the picture beside the file",
                    written=shown(written),
                )
            )
        path = (home / written).resolve()
    except (OSError, ValueError, RuntimeError):
        raise _UnusableError(
            tr("{written} cannot be a file's name; rename the picture", written=shown(written))
        ) from None
    if not path.is_relative_to(home):
        raise _UnusableError(
            tr(
                "{written} is a link out of the file's folder; put the picture itself there",
                written=shown(written),
            )
        )
    return path


def _content(path: Path, home: Path | None) -> bytes:
    """The whole file: a video may be larger than a picture. Raises as files.read does."""
    try:
        return files.read(path, MAX_BYTES, inside=home)
    except files.TooBigError as error:
        if error.size > MAX_FILM_BYTES:
            raise
        content = files.read(path, MAX_FILM_BYTES, inside=home)
        if not is_film(content):
            raise
        return content


def _too_big(name: str, path: Path, bytes_: int) -> str:
    size = f"{bytes_ / 1e6:.1f} MB"
    if path.suffix.lower() in _VIDEOS and bytes_ > MAX_FILM_BYTES:
        return tr(
            "{name} has {size}, and a video may have {most} MB, because it is kept in the"
            " database; make it smaller",
            name=name,
            size=size,
            most=MAX_FILM_BYTES // 1_000_000,
        )
    return tr(
        "{name} has {size}, more than any platform takes; make it smaller", name=name, size=size
    )


def _opened(path: Path, home: Path | None) -> _Found | str:
    name = shown(path.name)
    missing = tr(
        "there is no picture {name} in {parent}; check its name",
        name=name,
        parent=shown(str(path.parent)),
    )
    try:
        if not path.is_file():
            return missing
        content = _content(path, home)
        made = clean(content)
    except files.NotOrdinaryError:
        return missing
    except files.TooBigError as error:
        return _too_big(name, path, error.size)
    except UnusablePicture as error:
        return f"{name} {error}"
    except (OSError, ValueError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else None
        return tr(
            "{name} cannot be read ({reason}); check its permissions",
            name=name,
            reason=reason or "its name",
        )
    original = hashlib.sha256(content).hexdigest()
    return _Found(
        path=path,
        mime_type=made.mime_type,
        sha256=made.sha256,
        size=len(made.content),
        original=None if original == made.sha256 else original,
        place=made.place,
        seconds=made.seconds,
        measures=made.measures,
    )
