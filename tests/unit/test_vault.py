from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socialstrike.exceptions import KeyMissing, VaultError
from socialstrike.vault import Place, Vault, load_key

PLACE = Place(database="d1", platform="x", account="collectif-x")
VAULT = Vault(bytes(32))
SECRETS = {"access_token": "un jeton très secret", "consumer_key": "clé"}


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=200), max_size=4))
def test_what_is_sealed_opens_in_its_place(credentials: dict[str, str]) -> None:
    credentials = {
        k.encode("utf-8", "replace").decode(): v.encode("utf-8", "replace").decode()
        for k, v in credentials.items()
    }
    assert VAULT.open(PLACE, VAULT.seal(PLACE, credentials)) == credentials


@pytest.mark.parametrize("change", [{"database": "d2"}, {"platform": "facebook"}, {"account": "b"}])
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
