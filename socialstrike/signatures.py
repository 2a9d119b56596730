"""Approvals that travel: a person's Ed25519 key, a request to read, a statement to sign.

Knows no database: whoever signs needs the request and the key, on any machine.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from socialstrike import files
from socialstrike.exceptions import InvalidInput, VerificationFailed
from socialstrike.i18n import tr

#: What stands before every signed statement, so that no signature serves for anything else.
DOMAIN = "socialstrike-approval-v1"
REQUEST = "socialstrike-approval-request-v1"
#: No file of ours is larger, in bytes.
_MOST = 32 * 1024 * 1024
#: Characters of a passphrase at the least.
_SHORTEST = 12
_CONTENT = ("platform", "account", "text", "link", "media")
#: What only some commit to as well: the delivery that a later part of a thread goes out under,
#: and what a post asks for.
_SOMETIMES = ("after", "options")


@dataclass(frozen=True, slots=True)
class Statement:
    """What somebody signed: these deliveries, with this content, at these due times (UTC)."""

    database: str
    campaign: str | None
    expires_at: datetime
    signed_at: datetime
    public_key: str
    #: For each delivery its id, the hash of its content and its due time.
    deliveries: tuple[tuple[int, str, datetime], ...]
    signature: str


def new_key(path: Path, passphrase: str | None) -> str:
    """Write a new private key to ``path`` (mode 0600); its public half, in base64.

    Without a passphrase it is not encrypted. Raises InvalidInput where the file exists, cannot be
    written, or the passphrase is too short.
    """
    if passphrase is not None and len(passphrase.strip()) < _SHORTEST:
        raise InvalidInput(
            tr(
                "a passphrase needs {shortest} characters at least; take four or five words"
                " at random",
                shortest=_SHORTEST,
            )
        )
    key = Ed25519PrivateKey.generate()
    sealed: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        sealed = serialization.BestAvailableEncryption(passphrase.encode())
    content = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealed
    )
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        raise InvalidInput(
            tr("{path} exists already; name another file for the key", path=path)
        ) from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    return public_of(key)


def load_key(path: Path, ask: Callable[[str], str | None]) -> Ed25519PrivateKey:
    """The private key in a file; ``ask`` gives the passphrase where there is one.

    Raises InvalidInput where it is no such key, others can read it, or the passphrase is wrong.
    """
    content = _read(path)
    if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise InvalidInput(tr("others can read the key {path}; run: chmod 600 {path}", path=path))
    passphrase = None
    if b"BEGIN ENCRYPTED PRIVATE KEY" in content:
        passphrase = ask(tr("Passphrase of {path}: ", path=path))
        if not passphrase:
            raise InvalidInput(tr("{path} needs its passphrase; type it on a terminal", path=path))
    try:
        secret = passphrase.encode() if passphrase else None
        key = serialization.load_pem_private_key(content, secret)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidInput(
            tr("{path} is no key of an approver, or the passphrase is wrong", path=path)
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise InvalidInput(
            tr("{path} is no Ed25519 key; make one with: socialstrike approvers new", path=path)
        )
    return key


def public_of(key: Ed25519PrivateKey) -> str:
    """The public half of a key, in base64."""
    raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return base64.b64encode(raw).decode()


def check_public(text: str) -> str:
    """A public key as it is stored. Raises InvalidInput where it is none."""
    try:
        raw = base64.b64decode(text.strip(), validate=True)
        Ed25519PublicKey.from_public_bytes(raw)
    except ValueError:
        raise InvalidInput(
            tr("this is no public key; give the one that 'socialstrike approvers new' showed")
        ) from None
    return base64.b64encode(raw).decode()


def sign(request: Mapping[str, Any], key: Ed25519PrivateKey, now: datetime) -> dict[str, Any]:
    """The approval of all that ``request`` (from read_request) holds, as a document to hand back.

    Raises InvalidInput where the request has expired (``now`` is aware).
    """
    if datetime.fromisoformat(request["expires_at"]) <= now:
        raise InvalidInput(tr("this request has expired; ask for a new one"))
    statement = {
        "domain": DOMAIN,
        "database": request["database"],
        "campaign": request["campaign"],
        "expires_at": request["expires_at"],
        "signed_at": now.isoformat(),
        "key": public_of(key),
        "deliveries": [[one["id"], one["hash"], one["due_at"]] for one in request["deliveries"]],
    }
    signature = key.sign(_signed(statement))
    return {"statement": statement, "signature": base64.b64encode(signature).decode()}


def verified(document: Any) -> Statement:
    """What the document states, once its signature is found to be that of the key it names.

    Raises VerificationFailed where it is not, InvalidInput where this is no approval.
    """
    try:
        said, written = document["statement"], document["signature"]
        known = said["domain"] == DOMAIN
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(said["key"], validate=True))
        signature = base64.b64decode(written, validate=True)
        signed = _signed(said)
    except (KeyError, TypeError, ValueError):
        known = False
    if not known:
        raise InvalidInput(tr("this is no approval; make one with: socialstrike approvals sign"))
    try:
        key.verify(signature, signed)
    except InvalidSignature:
        raise VerificationFailed(
            tr(
                "the signature of this approval is false: it was altered or forged; nothing"
                " was recorded. Ask who sent it to sign anew"
            )
        ) from None
    try:
        return Statement(
            database=str(said["database"]),
            campaign=said["campaign"],
            expires_at=_moment(said["expires_at"]),
            signed_at=_moment(said["signed_at"]),
            public_key=check_public(said["key"]),
            deliveries=tuple((int(i), str(h), _moment(d)) for i, h, d in said["deliveries"]),
            signature=str(written),
        )
    except (KeyError, TypeError, ValueError):
        raise InvalidInput(tr("this approval is incomplete; sign the request anew")) from None


def read_request(path: Path) -> dict[str, Any]:
    """A request whose hashes are those of the contents it shows. Raises InvalidInput otherwise."""
    request = read_json(path)
    try:
        sound = request["format"] == REQUEST and all(
            isinstance(one["id"], int)
            and _hash(one["salt"], _content(one)) == one["hash"]
            and _moment(one["due_at"])
            for one in request["deliveries"]
        )
        _moment(request["expires_at"])
        str(request["database"] + (request["campaign"] or ""))
    except (KeyError, TypeError, ValueError):
        sound = False
    if not sound:
        raise InvalidInput(
            tr(
                "{path} is no request, or shows other contents than it asks to sign; sign"
                " nothing, and ask for a new one",
                path=path,
            )
        )
    return dict(request)


def _content(one: Mapping[str, Any]) -> dict[str, Any]:
    """What a delivery in a request commits to. Raises KeyError where something lacks."""
    return {name: one[name] for name in (*_CONTENT, *(name for name in _SOMETIMES if name in one))}


def read_json(path: Path) -> Any:
    """The JSON in a file. Raises InvalidInput."""
    try:
        return json.loads(_read(path))
    except (ValueError, RecursionError):
        raise InvalidInput(tr("{path} holds no JSON; ask for the file again", path=path)) from None


def _read(path: Path) -> bytes:
    try:
        return files.read(path, _MOST)
    except OSError as error:
        raise InvalidInput(
            tr("{path} cannot be read: {strerror}", path=path, strerror=error.strerror or error)
        ) from None


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(tr("a time without a zone"))
    return moment


def _canonical(content: object) -> str:
    return json.dumps(
        content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def _signed(statement: object) -> bytes:
    return f"{DOMAIN}\n{_canonical(statement)}".encode()


def _hash(salt: str, content: dict[str, Any]) -> str:
    """The commitment of a delivery, as audit.chain makes it: a test holds the two together."""
    return hashlib.sha256(f"{salt}\n{_canonical(content)}".encode()).hexdigest()
