"""The pictures and videos: what was approved at import is what goes out, from whichever machine.

They are cleaned first: what is kept, counted and sent is the picture without what its file told of
place, hour and camera. They are kept in the database, named by their SHA-256, so the same picture
is kept once, a changed one is noticed, and a backup has them all. The client libraries want files:
the home's media folder is a cache of those.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from socialstrike import files, pictures
from socialstrike.db.models import Picture
from socialstrike.drafts import DraftMedia
from socialstrike.exceptions import InvalidInput, SocialstrikeError
from socialstrike.i18n import stored
from socialstrike.platforms.base import Media


class MediaDamaged(SocialstrikeError):  # noqa: N818  (named as in exceptions.py)
    """A picture kept in the home is missing or was changed; import its post again."""


def keep(session: Session, found: Iterable[DraftMedia]) -> None:
    """Store the pictures that are not stored yet.

    Raises InvalidInput where one changed since it was read, or cannot be read any more.
    """
    for picture in found:
        if session.scalar(select(Picture.sha256).where(Picture.sha256 == picture.sha256)):
            continue
        try:
            most = pictures.MAX_FILM_BYTES if picture.is_video else pictures.MAX_BYTES
            content = files.read(picture.path, most)
        except OSError as error:
            reason = error.strerror or str(error)
            raise InvalidInput(
                stored(
                    "{path} cannot be read: {reason}; import again",
                    path=picture.path,
                    reason=reason,
                )
            ) from None
        if hashlib.sha256(content).hexdigest() != (picture.original or picture.sha256):
            raise InvalidInput(
                stored("{path} changed while it was imported; import again", path=picture.path)
            )
        if picture.original is not None:
            content = pictures.clean(content).content
        assert hashlib.sha256(content).hexdigest() == picture.sha256
        session.add(Picture(sha256=picture.sha256, content=content))
        session.flush()


def load(session: Session, folder: Path, stored: Iterable[Mapping[str, Any]]) -> tuple[Media, ...]:
    """The pictures of a post as files in ``folder``, as they were at import.

    Raises MediaDamaged where the database no longer has one as it was.
    """
    return tuple(
        Media(
            path=_file(session, folder, picture),
            mime_type=picture["mime_type"],
            alt=picture["alt"],
            measures=_measures(picture.get("measures")),
        )
        for picture in stored
    )


def _measures(stored_as: object) -> tuple[int, int] | None:
    """What JSON made a list of."""
    return (int(stored_as[0]), int(stored_as[1])) if isinstance(stored_as, list) else None


def _file(session: Session, folder: Path, picture: Mapping[str, Any]) -> Path:
    path = folder / str(picture["sha256"])
    if _is(path, picture["sha256"]):
        return path
    content = session.scalar(select(Picture.content).where(Picture.sha256 == picture["sha256"]))
    if content is None or hashlib.sha256(content).hexdigest() != picture["sha256"]:
        raise MediaDamaged(
            stored(
                "the picture {picture} is missing from the database or was changed there;"
                " cancel the post and import it again",
                picture=picture["name"],
            )
        )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(path, content)
    return path


def _is(path: Path, sha256: str) -> bool:
    try:
        with path.open("rb") as file:  # a video is not read whole for this
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except OSError:
        return False


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
