from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from socialstrike.audit.note import Checkpoint, Key, read, sign

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEY = Key("socialstrike/1b4e28ba", PRIVATE.public_key().public_bytes_raw())
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))
WITNESS = Key("witness.example", OTHER.public_key().public_bytes_raw())
SAID = Checkpoint(KEY.name, 66, bytes(range(32)), "5a" * 32)
NOTE = sign(SAID, KEY, PRIVATE)


def test_a_note_has_the_form_of_the_specifications() -> None:
    origin, size, root, head, blank, signature, end = NOTE.split("\n")
    assert (origin, size, blank, end) == (KEY.name, "66", "", "")
    assert base64.b64decode(root) == bytes(range(32))
    assert head == f"head {'5a' * 32}"
    dash, name, content = signature.split(" ")
    assert (dash, name) == ("\N{EM DASH}", KEY.name)
    assert base64.b64decode(content)[:4] == KEY.id
    text = f"{origin}\n{size}\n{root}\n{head}\n".encode()
    PRIVATE.public_key().verify(base64.b64decode(content)[4:], text)


def test_a_note_reads_back_as_what_was_signed() -> None:
    note = read(NOTE)
    assert note.checkpoint == SAID
    assert note.signed_by(KEY)


def test_the_key_of_the_specification_has_the_id_it_gives() -> None:
    text = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
    key = Key.parse(text)
    assert (key.name, key.id.hex(), str(key)) == ("example.com/foo", "530d903a", text)


def test_a_verifier_key_with_any_letter_changed_is_refused() -> None:
    text = str(KEY)
    assert Key.parse(text) == KEY
    for place in range(len(text)):
        changed = text[:place] + ("x" if text[place] != "x" else "y") + text[place + 1 :]
        with pytest.raises(ValueError, match="not"):
            Key.parse(changed)


def test_every_bit_flipped_in_a_note_is_found() -> None:
    whole = NOTE.encode()
    unnoticed = []
    for bit in range(len(whole) * 8):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        try:
            if read(changed.decode()).signed_by(KEY):
                unnoticed.append(bit)
        except ValueError:
            continue
    assert unnoticed == []


def test_a_second_person_can_sign_too_and_alone_is_not_enough() -> None:
    cosignature = sign(SAID, WITNESS, OTHER).rpartition("\n\n")[2]
    both = read(NOTE + cosignature)
    assert both.signed_by(KEY)
    assert both.signed_by(WITNESS)
    alone = read(f"{SAID.text}\n{cosignature}")
    assert not alone.signed_by(KEY)
    assert not read(NOTE).signed_by(WITNESS)


def test_a_wrong_signature_under_the_right_name_refuses_the_whole_note() -> None:
    forged = base64.b64encode(KEY.id + bytes(64)).decode()
    assert not read(f"{NOTE}— {KEY.name} {forged}\n").signed_by(KEY)


def test_the_signature_does_not_pass_to_another_text() -> None:
    signature = NOTE.rpartition("\n\n")[2]
    for other in (
        Checkpoint("socialstrike/other", 66, SAID.root, SAID.head),
        Checkpoint(KEY.name, 67, SAID.root, SAID.head),
        Checkpoint(KEY.name, 66, bytes(32), SAID.head),
        Checkpoint(KEY.name, 66, SAID.root, "5b" * 32),
    ):
        assert not read(f"{other.text}\n{signature}").signed_by(KEY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        SAID.text,
        NOTE.removesuffix("\n"),
        NOTE + "\n",
        NOTE.replace("\n66\n", "\n066\n"),
        NOTE.replace("head", "tail"),
        NOTE.replace(f"head {'5a' * 32}\n", ""),
        NOTE.replace("— ", "- "),
        NOTE + "x" * 200_000,
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not"):
        read(text)
