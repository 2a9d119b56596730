"""Signed notes, as https://c2sp.org/signed-note describes them, with Ed25519 keys; and the
checkpoint that one carries, as in https://c2sp.org/tlog-checkpoint.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from socialstrike.i18n import tr

_ED25519 = b"\x01"
#: More text than any note of ours, co-signed by everyone.
_LONGEST = 100_000
_SIGNATURE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")
_VERIFIER = re.compile(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})")
_BODY = re.compile(r"([^\n]+)\n(0|[1-9][0-9]{0,17})\n([A-Za-z0-9+/]{43}=)\nhead ([0-9a-f]{64})\n")


@dataclass(frozen=True, slots=True)
class Key:
    """A public key, and the name of who signs with it."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        """The four bytes by which a signature names its key."""
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        """The verifier key: all that is needed to check a signature, on one line."""
        return f"{self.name}+{self.id.hex()}+{_base64(_ED25519 + self.public)}"

    @classmethod
    def parse(cls, text: str) -> Key:
        """The key that a verifier key tells. Raises ValueError where it is none, or mistyped."""
        if match := _VERIFIER.fullmatch(text):
            content = _unbase64(match[3])
            key = cls(match[1], content[1:])
            if len(content) == 33 and str(key) == text:
                return key
        raise ValueError(tr("not a verifier key"))


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a note says of the log ``origin``: its first ``size`` entries have this Merkle tree
    root, and the last of them this hash, in hexadecimal.
    """

    origin: str
    size: int
    root: bytes
    head: str

    @property
    def text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{_base64(self.root)}\nhead {self.head}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A signed checkpoint: ``signatures`` are names, and key ids before the signatures proper."""

    checkpoint: Checkpoint
    signatures: tuple[tuple[str, bytes], ...]

    def signed_by(self, key: Key) -> bool:
        """Whether ``key`` signed it. Signatures of other keys, a witness's, are passed over."""
        mine = [
            content[4:]
            for name, content in self.signatures
            if name == key.name and content[:4] == key.id
        ]
        public = Ed25519PublicKey.from_public_bytes(key.public)
        text = self.checkpoint.text.encode()
        try:
            for signature in mine:
                public.verify(signature, text)
        except InvalidSignature:
            return False
        return bool(mine)


def sign(checkpoint: Checkpoint, key: Key, private: Ed25519PrivateKey) -> str:
    """The note that says ``checkpoint``, signed with the private half of ``key``."""
    signature = private.sign(checkpoint.text.encode())
    return f"{checkpoint.text}\n— {key.name} {_base64(key.id + signature)}\n"


def read(text: str) -> Note:
    """The note in ``text``, its signatures not checked yet. Raises ValueError where it is none."""
    body, blank, lines = text[:_LONGEST].rpartition("\n\n")
    found = _BODY.fullmatch(f"{body}\n")
    signatures = [_SIGNATURE.fullmatch(line) for line in lines.removesuffix("\n").split("\n")]
    if not (found and blank and lines.endswith("\n") and all(signatures)):
        raise ValueError(tr("not a checkpoint"))
    return Note(
        Checkpoint(found[1], int(found[2]), _unbase64(found[3]), found[4]),
        tuple((line[1], _unbase64(line[2])) for line in signatures if line),
    )


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _unbase64(text: str) -> bytes:
    """Raises ValueError also for a text that differs from what encoding would give: the unused
    bits at the end of one are a place where a change would go unnoticed.
    """
    content = base64.b64decode(text, validate=True)
    if _base64(content) != text:
        raise ValueError(tr("not base64 in its one form"))
    return content
