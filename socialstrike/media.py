"""The home's own copy of each picture: what was approved at import is what goes out.

Files are named by their SHA-256, so the same picture is kept once and a changed one is noticed.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from socialstrike.drafts import DraftMedia
from socialstrike.exceptions import InvalidInput, SocialstrikeError
from socialstrike.platforms.base import Media


class MediaDamaged(SocialstrikeError):  # noqa: N818  (named as in exceptions.py)
    """A picture kept in the home is missing or was changed; import its post again."""


def keep(folder: Path, pictures: Iterable[DraftMedia]) -> None:
    """Copy the pictures into ``folder``, durably; those that are there already are left.

    Raises InvalidInput where one changed since it was read, or where nothing can be written.
    """
    for picture in pictures:
        kept = folder / picture.sha256
        if kept.exists():
            continue
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            content = picture.path.read_bytes()
            if hashlib.sha256(content).hexdigest() != picture.sha256:
                raise InvalidInput(f"{picture.path} changed while it was imported; import again")
            _write(kept, content)
        except OSError as error:
            raise InvalidInput(f"{picture.path} cannot be kept: {error.strerror}") from None


def load(folder: Path, stored: Iterable[Mapping[str, Any]]) -> tuple[Media, ...]:
    """The pictures of a post, as they were at import. Raises MediaDamaged."""
    return tuple(_one(folder, picture) for picture in stored)


def _one(folder: Path, picture: Mapping[str, Any]) -> Media:
    kept = folder / picture["sha256"]
    try:
        same = hashlib.sha256(kept.read_bytes()).hexdigest() == picture["sha256"]
    except OSError:
        same = False
    if not same:
        raise MediaDamaged(
            f"the picture {picture['name']} is missing from {folder} or was changed there;"
            " put it back, or cancel the post and import it again"
        )
    return Media(path=kept, mime_type=picture["mime_type"], alt=picture["alt"])


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
