"""The pictures a post names: in the file's own folder, real pictures, and none but pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath

from socialstrike.drafts import DraftMedia
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

# No platform takes more for a picture; a bigger file is refused before it is read.
MAX_BYTES = 20_000_000
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)


class _UnusableError(Exception):
    """The picture cannot be used; the message says why."""


@dataclass
class Album:
    """Finds and reads pictures, each once. ``folder`` None: any path a person typed is theirs."""

    folder: Path | None
    _seen: dict[str, tuple[Path, str, str, int] | str] = field(default_factory=dict)

    def pictures(self, nodes: Sequence[Node], report: Report) -> tuple[DraftMedia, ...]:
        """The pictures named by ``nodes``, those that can be used; the others are reported."""
        found = []
        for number, node in enumerate(nodes, 1):
            name = f"media[{number}]"
            file, alt = _file_and_alt(node, name, report)
            if file is None:
                continue
            if file.text not in self._seen:
                try:
                    self._seen[file.text] = _read(_locate(file.text, self.folder))
                except _UnusableError as error:
                    self._seen[file.text] = str(error)
            picture = self._seen[file.text]
            if isinstance(picture, str):
                report.error(file.line, name, picture)
                continue
            if not alt:
                report.warn(
                    file.line, name, f"{shown(file.text)} has no alt text; describe it under alt"
                )
            path, mime_type, digest, size = picture
            found.append(DraftMedia(path, alt, mime_type, digest, size))
        return tuple(found)


def _file_and_alt(node: Node, name: str, report: Report) -> tuple[Scalar | None, str]:
    if isinstance(node, Scalar) and not node.empty:
        return Scalar(node.text.strip(), node.line), ""
    if not isinstance(node, Fields):
        report.error(node.line, name, 'must be a file, or {file: picture.png, alt: "…"}')
        return None, ""
    check_names(node, ("file", "alt"), report, f"{name}.")
    file = scalar(node, "file", report, f"{name}.file")
    if file is None or not file.text.strip():
        report.error(node.line, f"{name}.file", "names no file")
        return None, ""
    written = scalar(node, "alt", report, f"{name}.alt")
    alt = clean_text(written, f"{name}.alt", report) if written and written.text.strip() else ""
    return Scalar(file.text.strip(), file.line), alt or ""


def _locate(written: str, folder: Path | None) -> Path:
    try:
        if folder is None:
            return Path(written).expanduser().resolve()
        named = PureWindowsPath(written)  # knows both kinds of separators, and drives
        if named.anchor or ".." in named.parts or written.startswith("~"):
            raise _UnusableError(
                f"{shown(written)} leaves the file's folder; put the picture beside the file"
            )
        home = folder.resolve()
        path = (home / written).resolve()
    except (OSError, ValueError, RuntimeError):
        raise _UnusableError(
            f"{shown(written)} cannot be a file's name; rename the picture"
        ) from None
    if not path.is_relative_to(home):
        raise _UnusableError(
            f"{shown(written)} is a link out of the file's folder; put the picture itself there"
        )
    return path


def _read(path: Path) -> tuple[Path, str, str, int]:
    name = shown(path.name)
    try:
        if not path.is_file():
            raise _UnusableError(f"there is no picture {name} in {path.parent}; check its name")
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise _UnusableError(
                f"{name} has {size / 1e6:.1f} MB, more than any platform takes; make it smaller"
            )
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its name cannot be used"
        raise _UnusableError(f"{name} cannot be read ({reason}); check its permissions") from None
    mime_type = _sniff(content)
    if mime_type is None:
        raise _UnusableError(f"{name} is no PNG, JPEG, GIF or WebP picture; convert it")
    return path, mime_type, hashlib.sha256(content).hexdigest(), len(content)


def _sniff(content: bytes) -> str | None:
    # The first bytes tell, because a name can say anything.
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in _MAGIC if content.startswith(magic)), None)
