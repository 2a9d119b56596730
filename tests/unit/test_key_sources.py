"""The places a key can come from: what is trusted, what is refused, and in which words."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from keyring.backend import KeyringBackend

from socialstrike.exceptions import InvalidInput, VaultError
from socialstrike.vault import PassphraseError, passphrase
from socialstrike.vault.key_file import FileStore, load_key
from socialstrike.vault.ring import ALLOWED, RingStore

KEY, NEXT = b"k" * 32, b"n" * 32


class MemoryRing(KeyringBackend):
    """A keyring like any other that the library knows, which keeps nothing on a disk."""

    priority = 9
    kept: dict[tuple[str, str], str]

    def __init__(self) -> None:
        super().__init__()
        self.kept = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


class ForgetfulRing(MemoryRing):
    """Takes everything and keeps nothing, as the library's null backend does."""

    def set_password(self, service: str, username: str, password: str) -> None:
        pass


class LockedRing(MemoryRing):
    """Its owner does not unlock it."""

    def get_password(self, service: str, username: str) -> str | None:
        raise OSError("the secret collection is locked")


def test_a_following_key_takes_over_in_the_keyring() -> None:
    store = RingStore("d1", [MemoryRing])
    store.check()
    assert store.read() is None
    store.prepare(KEY)
    assert (store.read(), store.read(following=True)) == (None, KEY)
    store.take()
    store.prepare(NEXT)
    assert (store.read(), store.read(following=True)) == (KEY, NEXT)
    store.take()
    assert (store.read(), store.read(following=True)) == (NEXT, None)
    store.drop()
    assert store.read() is None


def test_each_database_has_its_own_entry_in_the_keyring() -> None:
    store = RingStore("d1", [MemoryRing])
    store.prepare(KEY)
    store.take()
    other = RingStore("d2", [MemoryRing])
    other._found = store._find()
    assert other.read() is None


def test_a_keyring_that_does_not_keep_the_key_is_refused() -> None:
    with pytest.raises(VaultError, match="did not keep the key"):
        RingStore("d1", [ForgetfulRing]).prepare(KEY)


def test_a_locked_keyring_is_one_sentence_with_the_remedy() -> None:
    with pytest.raises(VaultError, match=r"refused .*; unlock it, then run the command again"):
        RingStore("d1", [LockedRing]).read()


def test_without_a_keyring_moving_there_says_what_to_do_instead() -> None:
    with pytest.raises(InvalidInput, match=r"no system keyring.*--to passphrase or --to file"):
        RingStore("d1", ["keyring.backends.fail:Keyring", "no.such:Module"]).check()


def test_without_a_keyring_a_key_in_it_says_how_to_bring_it() -> None:
    with pytest.raises(VaultError, match="SOCIALSTRIKE_KEY_FILE to a copy"):
        RingStore("d1", []).read()


def test_the_allowed_backends_are_the_systems_own() -> None:
    assert {name.partition(":")[0].rpartition(".")[2] for name in ALLOWED} == {
        "SecretService",
        "Windows",
        "kwallet",
        "macOS",
    }
    assert all(name.startswith("keyring.backends.") for name in ALLOWED)


FOREIGN = """
import keyring, sys
from socialstrike.vault.ring import RingStore
print("the library would use", type(keyring.get_keyring()).__name__)
store = RingStore("d1")
found = store._find()
print("ours", type(found).__module__ if found else None)
"""
PLAIN = """
from keyring.backend import KeyringBackend
class Plain(KeyringBackend):
    priority = 99
    def get_password(self, service, username): return None
    def set_password(self, service, username, password): open("stolen", "w").write(password)
    def delete_password(self, service, username): pass
"""


@pytest.mark.parametrize("way", ["variable", "configuration"])
def test_no_variable_and_no_configuration_brings_in_a_foreign_backend(
    tmp_path: Path, way: str
) -> None:
    (tmp_path / "plain.py").write_text(PLAIN)
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path]),
        "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent",
        "XDG_CONFIG_HOME": str(tmp_path),
    }
    if way == "variable":
        env["PYTHON_KEYRING_BACKEND"] = env["KEYRING_BACKEND"] = "plain.Plain"
    else:
        folder = tmp_path / "python_keyring"
        folder.mkdir()
        (folder / "keyringrc.cfg").write_text("[backend]\ndefault-keyring=plain.Plain\n")

    done = subprocess.run(
        [sys.executable, "-c", FOREIGN],
        env=env, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=True,
    )  # fmt: skip

    assert "the library would use Plain" in done.stdout  # or the test would prove nothing
    assert "ours plain" not in done.stdout
    assert not (tmp_path / "stolen").exists()


def test_no_variable_sets_a_property_of_the_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYRING_PROPERTY_KEYCHAIN", "/tmp/foreign.keychain")
    assert vars(MemoryRing()).get("keychain") == "/tmp/foreign.keychain"
    assert "keychain" not in vars(RingStore("d1", [MemoryRing])._find())


def test_a_following_key_takes_over_in_the_key_file(tmp_path: Path) -> None:
    path = tmp_path / "vault.key"
    store = FileStore(path, tmp_path)
    assert not store.followed
    store.prepare(KEY)
    assert store.followed
    assert store.read() is None
    store.take()
    store.prepare(NEXT)
    assert (store.read(), store.read(following=True)) == (KEY, NEXT)
    store.take()
    assert load_key(path, create=False) == NEXT
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.glob("vault.key*")) == [path]


@pytest.mark.skipif(os.name != "posix", reason="symbolic links need a privilege on Windows")
def test_a_key_file_behind_a_link_is_replaced_where_it_is(tmp_path: Path) -> None:
    real, link = tmp_path / "real" / "vault.key", tmp_path / "vault.key"
    load_key(real, create=True)
    link.symlink_to(real)
    store = FileStore(link, tmp_path)
    store.prepare(NEXT)
    store.take()
    assert link.is_symlink()
    assert load_key(real, create=False) == NEXT


def test_a_copy_that_a_restart_takes_away_gets_no_new_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = tmp_path / "credentials"
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(passed))
    for path in (passed / "vault.key", Path("/run/socialstrike/vault.key")):
        with pytest.raises(InvalidInput, match="gone after a restart"):
            FileStore(path, tmp_path / "home").check()
    FileStore(tmp_path / "home" / "vault.key", tmp_path / "home").check()


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(VaultError, match=r"cannot be written .*permissions"):
        FileStore(tmp_path / "file" / "vault.key", tmp_path).prepare(KEY)


def test_the_same_passphrase_gives_the_same_key_and_another_salt_another() -> None:
    kdf = passphrase.new_kdf()
    assert (kdf["memory_kib"], kdf["iterations"], kdf["lanes"]) == (65536, 3, 4)
    key = passphrase.derive("été à la plage", kdf)
    assert len(key) == 32
    # The same letters as another system writes them.
    assert passphrase.derive(unicodedata.normalize("NFD", "été à la plage"), kdf) == key
    assert passphrase.derive("été à la plage", passphrase.new_kdf()) != key


def test_the_derivation_never_changes_or_every_home_would_be_shut() -> None:
    kdf = {**passphrase.new_kdf(), "salt": base64.b64encode(bytes(range(16))).decode()}
    assert passphrase.derive("quatre mots", kdf).hex() == (
        "213eef01b975f11d48dc2bed70be027e76ffc5cb916696163e354e9b544909d8"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"memory_kib": 8},
        {"memory_kib": 2**31},
        {"iterations": 0},
        {"lanes": 99},
        {"name": "md5"},
        {"salt": ""},
        {"salt": None},
        {"iterations": "x"},
    ],
)
def test_a_database_cannot_ask_for_a_weak_or_ruinous_derivation(change: dict[str, object]) -> None:
    with pytest.raises(VaultError, match="damaged in the database"):
        passphrase.derive("quatre mots au hasard", {**passphrase.new_kdf(), **change})


def test_a_passphrase_file_is_private_text_without_the_end_of_its_line(tmp_path: Path) -> None:
    path = tmp_path / "passphrase"
    with pytest.raises(PassphraseError, match="SOCIALSTRIKE_PASSPHRASE_FILE"):
        passphrase.from_file(path)
    path.touch(mode=0o600)
    path.write_bytes("  quatre mots é \r\n".encode())
    assert passphrase.from_file(path) == "  quatre mots é "
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(PassphraseError, match="UTF-8"):
        passphrase.from_file(path)
    if os.name == "posix":
        path.chmod(0o644)
        with pytest.raises(VaultError, match="chmod 600"):
            passphrase.from_file(path)


def test_a_short_passphrase_is_refused_as_wrong_input() -> None:
    with pytest.raises(PassphraseError, match="12 characters") as refused:
        passphrase.check_new("onze lettre ")
    assert refused.value.exit_code == 2
    passphrase.check_new("douze lettres")
