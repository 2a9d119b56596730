from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socialstrike.exceptions import KeyMissing, VaultError
from socialstrike.vault import Place, Vault, key_id, load_key

PLACE = Place(database="d1", platform="x", account="collectif-x")
VAULT = Vault(bytes(32))
SECRETS = {"access_token": "un jeton très secret", "consumer_key": "clé"}
OTHER = Vault(b"\x01" * 32)
#: Sealed by version 1 of the form, with the key and the place above.
FIRST = (
    b'{"v": 1, "key": "iBmznI9rHdvAnwGtiQhS126vVAyLyfOIo1bnPJnfdeWdrpaigVJRktSXZbaXnNHYzYkhDtSFzik2'
    b'R1fH", "fields": {"access_token": "ZddWD4XDKp8sZqBa99lEgJUs9p85o9i6vYW6UUnbyafNd/xGBlxuBp1ymr'
    b'8d7EUk2Q=="}}'
)


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=200), max_size=4))
def test_what_is_sealed_opens_in_its_place(credentials: dict[str, str]) -> None:
    credentials = {
        k.encode("utf-8", "replace").decode(): v.encode("utf-8", "replace").decode()
        for k, v in credentials.items()
    }
    assert VAULT.open(PLACE, VAULT.seal(PLACE, credentials)) == credentials


@pytest.mark.parametrize(
    "change",
    [
        {"database": "d2"},
        {"platform": "facebook"},
        {"account": "b"},
        {"server": "https://elsewhere.example"},
    ],
)
def test_a_sealed_row_copied_elsewhere_does_not_open(change: dict[str, str]) -> None:
    sealed = VAULT.seal(PLACE, SECRETS)
    with pytest.raises(VaultError, match="do not open with this key"):
        VAULT.open(replace(PLACE, **change), sealed)


def test_a_field_moved_onto_another_does_not_open() -> None:
    sealed = json.loads(VAULT.seal(PLACE, SECRETS))
    fields = sealed["fields"]
    fields["access_token"], fields["consumer_key"] = fields["consumer_key"], fields["access_token"]
    with pytest.raises(VaultError):
        VAULT.open(PLACE, json.dumps(sealed).encode())


def test_another_key_does_not_open_it() -> None:
    with pytest.raises(VaultError):
        Vault(b"\x01" * 32).open(PLACE, VAULT.seal(PLACE, SECRETS))


@given(st.data())
def test_any_change_to_the_sealed_bytes_is_refused(data: st.DataObject) -> None:
    sealed = bytearray(VAULT.seal(PLACE, SECRETS))
    place = data.draw(st.integers(0, len(sealed) - 1))
    changed = bytearray(sealed)
    changed[place] ^= 1 << data.draw(st.integers(0, 7))
    try:
        opened = VAULT.open(PLACE, bytes(changed))
    except VaultError:
        return
    assert opened == SECRETS  # a version number or unused bits of base64: nothing was altered


@pytest.mark.parametrize(
    "sealed", [b"", b"null", b"[]", b'{"key":1}', b"\xff", b'{"key":"","fields":[]}']
)
def test_what_was_never_sealed_is_refused_in_one_sentence(sealed: bytes) -> None:
    with pytest.raises(VaultError, match="accounts add x collectif-x --replace"):
        VAULT.open(PLACE, sealed)


def test_the_sealed_form_and_the_vault_show_no_secret() -> None:
    sealed = VAULT.seal(PLACE, SECRETS)
    for secret in SECRETS.values():
        assert secret.encode() not in sealed
        assert base64.b64encode(secret.encode()) not in sealed
    assert "0000" not in repr(VAULT)


def test_two_sealings_of_the_same_look_nothing_alike() -> None:
    assert VAULT.seal(PLACE, SECRETS) != VAULT.seal(PLACE, SECRETS)


def test_a_new_key_file_is_private_and_stays_the_same(tmp_path: Path) -> None:
    path = tmp_path / "home" / "vault.key"
    key = load_key(path, create=True)
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(key) == 32
    assert load_key(path, create=True) == key == load_key(path, create=False)
    assert list(path.parent.iterdir()) == [path]


def test_a_missing_key_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(KeyMissing, match="SOCIALSTRIKE_KEY_FILE"):
        load_key(tmp_path / "vault.key", create=False)


def test_a_key_that_others_can_read_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "vault.key"
    load_key(path, create=True)
    path.chmod(0o640)
    with pytest.raises(VaultError, match=r"chmod 600 .*vault\.key"):
        load_key(path, create=False)


def test_a_credential_from_systemd_may_show_an_access_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "vault.key"
    key = load_key(path, create=True)
    path.chmod(0o440)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert load_key(path, create=False) == key


@pytest.mark.parametrize("content", [b"", b"not a key", b"AAAA", bytes(5000)])
def test_a_file_that_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "vault.key"
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(VaultError, match="is not a key file"):
        load_key(path, create=True)


def test_what_the_first_version_sealed_opens_and_is_sealed_anew_at_a_rotation() -> None:
    secret = {"access_token": "un jeton très secret"}
    assert VAULT.open(PLACE, FIRST) == secret

    moved = VAULT.rewrap(PLACE, FIRST, OTHER, deep=False)

    assert OTHER.open(PLACE, moved) == secret
    assert json.loads(moved)["v"] == 2
    with pytest.raises(VaultError):
        VAULT.open(PLACE, moved)


@pytest.mark.parametrize("deep", [False, True])
def test_a_rewrapped_row_opens_with_the_new_key_alone(deep: bool) -> None:
    sealed = VAULT.seal(PLACE, SECRETS)

    moved = VAULT.rewrap(PLACE, sealed, OTHER, deep=deep)

    assert OTHER.open(PLACE, moved) == SECRETS
    with pytest.raises(VaultError):
        VAULT.open(PLACE, moved)
    before, after = json.loads(sealed), json.loads(moved)
    # Without deep the fields stay as they are, under the data key that they had.
    assert (before["fields"] == after["fields"]) is not deep
    assert (before["data_key_id"] == after["data_key_id"]) is not deep


def test_what_does_not_open_is_not_rewrapped() -> None:
    sealed = json.loads(VAULT.seal(PLACE, SECRETS))
    sealed["fields"]["consumer_key"] = sealed["fields"]["access_token"]
    with pytest.raises(VaultError):
        VAULT.rewrap(PLACE, json.dumps(sealed).encode(), OTHER, deep=False)


def test_bytes_of_the_home_open_under_their_own_name_and_database_alone() -> None:
    sealed = VAULT.seal_home("d1", "signing key", b"\x00\xff 32")

    assert VAULT.open_home("d1", "signing key", sealed) == b"\x00\xff 32"
    assert b"\x00\xff 32" not in sealed
    for database, name in (("d2", "signing key"), ("d1", "another key")):
        with pytest.raises(VaultError, match="does not open"):
            VAULT.open_home(database, name, sealed)
    with pytest.raises(VaultError):
        VAULT.open_home("d1", "signing key", VAULT.seal(PLACE, SECRETS))
    moved = VAULT.rewrap_home("d1", "signing key", sealed, OTHER, deep=False)
    assert OTHER.open_home("d1", "signing key", moved) == b"\x00\xff 32"


def test_a_vault_takes_the_key_in_force_when_another_sealed_what_it_meets() -> None:
    sealed = OTHER.seal(PLACE, SECRETS)
    following = Vault(bytes(32), reload=lambda: b"\x01" * 32)

    assert following.open(PLACE, sealed) == SECRETS
    assert following.key_id == OTHER.key_id


def test_a_key_id_says_which_key_and_nothing_of_it() -> None:
    assert key_id(bytes(32)) == VAULT.key_id != OTHER.key_id
    assert bytes(32).hex()[:16] != key_id(bytes(32))
    with pytest.raises(VaultError, match="32 bytes"):
        key_id(b"short")
