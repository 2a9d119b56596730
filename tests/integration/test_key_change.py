"""A master key that is found, replaced and moved in a real database, whatever happens meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from socialstrike import accounts
from socialstrike.app import App
from socialstrike.config import Settings
from socialstrike.db.models import Home
from socialstrike.exceptions import InvalidInput, KeyMissing, VaultError
from socialstrike.vault import Keys, PassphraseError, Vault, for_sealing, load_key

COURSES = {
    "rotated in its file": ("file", "", ""),
    "rotated deeply": ("file", "", "deep"),
    "rotated with its passphrase": ("passphrase", "", ""),
    "rotated in the keyring": ("keyring", "", ""),
    "moved to a passphrase": ("file", "passphrase", ""),
    "moved to a file": ("keyring", "file", ""),
}
PASSPHRASE = "quatre mots au hasard"


@pytest.mark.timeout(300)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
@pytest.mark.parametrize("course", COURSES)
def test_a_key_change_killed_at_any_step_loses_nothing(home: Path, course: str) -> None:
    """``key_kills`` kills it before and after every call that counts, and looks each time."""
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("key_kills.py"), home.parent, *COURSES[course]],
        capture_output=True, text=True, timeout=280, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 8  # so many steps were killed


ROTATE = """
import sys
from pathlib import Path
from socialstrike.app import App
from socialstrike.config import Settings
with App(Settings(home=Path(sys.argv[1]))) as house:
    house.change_key(deep=True)
"""


def _strace(call: str, number: int) -> list[str]:
    inject = f"inject={call}:signal=SIGKILL:when={number}"
    return ["strace", "-f", "-qq", "-o", os.devnull, "-e", f"trace={call}", "-e", inject]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("call", ["fdatasync", "fsync"])
def test_a_kill_inside_the_commit_loses_nothing(strike: Any, keys: Any, call: str) -> None:
    """At each call that puts something onto the disk, in the middle of SQLite's commit too."""
    trial = [*_strace("getpid", 1), sys.executable, "-c", "import os; os.getpid()"]
    if not shutil.which("strace") or subprocess.run(trial, check=False).returncode != -9:
        pytest.skip("strace cannot trace here")
    strike.vault = keys().open()
    strike.account("a")
    credentials = _open(strike, strike.vault)
    seen = {strike.vault.key_id}
    for number in range(1, 30):
        done = subprocess.run(
            [*_strace(call, number), sys.executable, "-c", ROTATE, strike.home],
            capture_output=True, text=True, timeout=60, check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        vault = keys().open()
        seen.add(vault.key_id)
        assert _open(strike, vault) == credentials, number
        assert [path.name for path in strike.home.glob("vault.key*")] == ["vault.key"], number
        if done.returncode == 0:
            break
        assert done.returncode == -9, done.stderr
    assert number > 3
    assert len(seen) > 2  # some were killed after their commit, and took effect


class Typist:
    """Somebody who answers when asked for a passphrase."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, question: str) -> str | None:
        self.asked.append(question)
        return self.answers.pop(0) if self.answers else None


@pytest.fixture
def keys(strike: Any) -> Callable[..., Keys]:
    """The keys of the strike's home, as a new process finds them."""

    def made(*answers: str, **settings: Any) -> Keys:
        return Keys(strike.database, _settings(strike, **settings), ask=Typist(*answers))

    return made


def _settings(strike: Any, **given: Any) -> Settings:
    url = None if isinstance(strike.location, Path) else strike.location
    return Settings(home=strike.home, database_url=url, **given)


def _tell(*_: object) -> None:
    """Nothing is told of a change in these tests; the acceptance tests look at the log."""


def _record(strike: Any) -> Any:
    with strike.database.read() as session:
        return session.get(Home, 1).master_key


def _open(strike: Any, vault: Vault, name: str = "a") -> dict[str, str]:
    with strike.database.read() as session:
        return dict(accounts.access(session, vault, accounts.get(session, name)).credentials)


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_home_gets_its_key_on_record_when_something_is_sealed(strike: Any, keys: Any) -> None:
    strike.vault = keys().open()
    assert _record(strike) is None
    strike.account("a")
    assert _record(strike) == {"id": strike.vault.key_id, "source": "file"}
    assert keys().open().key_id == strike.vault.key_id


def test_a_home_of_an_older_version_opens_and_gets_its_key_on_record_later(
    strike: Any, keys: Any
) -> None:
    strike.vault = keys().open()
    strike.account("a")
    with strike.database.write() as session:
        session.get(Home, 1).master_key = None

    assert _open(strike, keys().open())
    assert _record(strike) is None
    strike.account("b")
    assert _record(strike)["id"] == strike.vault.key_id


@pytest.mark.parametrize("recorded", [True, False])
def test_a_wrong_key_is_told_before_anything_is_opened(
    strike: Any, keys: Any, recorded: bool
) -> None:
    strike.vault = keys().open()
    strike.account("a")
    if not recorded:
        with strike.database.write() as session:
            session.get(Home, 1).master_key = None
    path = strike.home / "vault.key"
    path.unlink()
    with pytest.raises(KeyMissing, match=r"vault\.key is missing"):
        keys().open()
    load_key(path, create=True)
    with pytest.raises(VaultError, match="is not the key of this database"):
        keys().open()
    assert keys().shown().present is False


def test_after_a_rotation_the_old_key_opens_nothing(strike: Any, keys: Any) -> None:
    old = strike.vault = keys().open()
    strike.account("a")
    before = load_key(strike.home / "vault.key", create=False)
    with strike.database.write() as session:
        home = for_sealing(session, old)
        home.signing_key = old.seal_home(home.database_id, "signing key", b"signing")
        database_id = home.database_id

    done = keys().change(None, deep=False, tell=_tell)

    assert (done.old, done.sealed, done.left) == (old.key_id, 1, None)
    vault = keys().open()
    assert vault.key_id == done.new == _record(strike)["id"]
    assert _open(strike, vault) == _open(strike, old)  # which found the new key by itself
    assert old.key_id == vault.key_id
    with pytest.raises(VaultError):
        _open(strike, Vault(before))
    with strike.database.read() as session:
        signing = session.get(Home, 1).signing_key
    assert vault.open_home(database_id, "signing key", signing) == b"signing"


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_what_a_process_with_the_old_key_seals_is_sealed_with_the_new_one(
    strike: Any, keys: Any
) -> None:
    old = strike.vault = keys().open()
    strike.account("a")
    keys().change(None, deep=True, tell=_tell)

    strike.account("b")  # by the vault that was opened before

    assert _open(strike, keys().open(), "b") == _open(strike, old, "b")


def test_a_vault_that_cannot_get_the_key_in_force_seals_nothing(strike: Any, keys: Any) -> None:
    strike.vault = keys().open()
    strike.account("a")
    strike.vault = Vault(b"w" * 32)
    with pytest.raises(VaultError, match="is not the key of this database"):
        strike.account("b")


def test_what_does_not_open_stops_a_rotation_with_nothing_changed(strike: Any, keys: Any) -> None:
    strike.vault = keys().open()
    strike.account("a")
    strike.account("b")
    with strike.database.write() as session:
        accounts.get(session, "b").credentials = b"{}"
    before = _record(strike)

    with pytest.raises(VaultError, match="accounts add x b --replace"):
        keys().change(None, deep=False, tell=_tell)

    assert _record(strike) == before
    assert _open(strike, keys().open())
    assert [path.name for path in strike.home.glob("vault.key*")] == ["vault.key"]


def test_another_server_written_into_the_database_gets_no_credentials(strike: Any) -> None:
    strike.account("a", base_url="https://right.example")
    with strike.database.write() as session:
        accounts.get(session, "a").base_url = "https://thief.example"
    with pytest.raises(VaultError, match="--replace"):
        _open(strike, strike.vault)


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_leftovers_are_tidied_while_a_transaction_of_ours_writes(strike: Any, keys: Any) -> None:
    strike.vault = keys().open()
    strike.account("a")
    following = strike.home / "vault.key.next"
    shutil.copyfile(strike.home / "vault.key", following)
    following.chmod(0o600)
    with strike.database.write():
        assert _open(strike, keys().open())  # busy: it is left for the next command
        assert following.exists()
    keys().open()
    assert not following.exists()


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_passphrase_is_asked_for_once_and_three_times_where_it_is_wrong(
    strike: Any, keys: Any
) -> None:
    strike.vault = keys().open()
    strike.account("a")
    assert keys(PASSPHRASE, PASSPHRASE).change("passphrase", deep=False, tell=_tell).left is None
    assert not (strike.home / "vault.key").exists()
    record = _record(strike)
    assert record["source"] == "passphrase"
    assert PASSPHRASE not in str(record)

    typist = Typist("faux mais assez long", PASSPHRASE)
    found = Keys(strike.database, Settings(home=strike.home), ask=typist)
    assert _open(strike, found.open())
    found.open()
    assert typist.asked == ["Passphrase: ", "That is not the passphrase. Try again: "]

    with pytest.raises(PassphraseError, match="nothing was changed") as refused:
        keys("faux 1", "faux 2", "faux 3", PASSPHRASE).open()
    assert refused.value.exit_code == 2
    with pytest.raises(PassphraseError, match="SOCIALSTRIKE_PASSPHRASE_FILE"):
        keys().open()


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_two_different_new_passphrases_change_nothing(strike: Any, keys: Any) -> None:
    strike.vault = keys().open()
    strike.account("a")
    for answers, said in (((PASSPHRASE, "autre"), "differ"), (("court",), "12 characters")):
        with pytest.raises(PassphraseError, match=said):
            keys(*answers).change("passphrase", deep=False, tell=_tell)
    assert _record(strike)["source"] == "file"
    with pytest.raises(InvalidInput, match="at that place already"):
        keys().change("file", deep=False, tell=_tell)


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_moving_never_takes_the_place_of_another_key(strike: Any, keys: Any) -> None:
    strike.vault = keys().open()
    strike.account("a")
    keys(PASSPHRASE, PASSPHRASE).change("passphrase", deep=False, tell=_tell)
    foreign = load_key(strike.home / "vault.key", create=True)

    with pytest.raises(InvalidInput, match="has another key already"):
        keys(PASSPHRASE).change("file", deep=False, tell=_tell)

    assert load_key(strike.home / "vault.key", create=False) == foreign
    assert _record(strike)["source"] == "passphrase"


def test_a_damaged_record_of_the_key_is_one_sentence(strike: Any, keys: Any) -> None:
    for told in ({}, {"id": "x"}, {"id": "x", "source": "cloud"}, {"id": 1, "source": []}):
        with strike.database.write() as session:
            session.get(Home, 1).master_key = told
        with pytest.raises(VaultError, match="what the database says of its key"):
            keys().open()


def test_refreshed_fields_are_sealed_and_no_value_is_logged(strike: Any) -> None:
    strike.account("a")
    told = strike.log()

    with strike.database.write() as session:
        account = accounts.get(session, "a")
        accounts.update_credentials(session, strike.vault, account, {"access_token": "jeton-neuf"})

    credentials = _open(strike, strike.vault)
    assert credentials["access_token"] == "jeton-neuf"
    assert credentials["consumer_key"] == "consumer-key-of-x"
    assert strike.log() == told


def test_a_forgotten_account_gets_no_refreshed_fields(strike: Any) -> None:
    strike.account("a")
    strike.do(_forget)
    with (
        pytest.raises(VaultError, match="were forgotten"),
        strike.database.write() as session,
    ):
        account = accounts.get(session, "a")
        accounts.update_credentials(session, strike.vault, account, {"access_token": "jeton-neuf"})
    assert strike.database.path is None or b"jeton-neuf" not in strike.database.path.read_bytes()


def _forget(session: Any, **named: Any) -> None:
    accounts.forget(session, accounts.get(session, "a"), **named)


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_forgetting_leaves_no_sealed_byte_in_the_home_or_a_later_backup(
    strike: Any, tmp_path: Path
) -> None:
    """Not in the file, its free pages, the write-ahead log, its index, nor in a backup."""
    from socialstrike import storage

    strike.account("a")
    strike.account("b", "facebook")
    with strike.database.read() as session:
        sealed = accounts.get(session, "a").credentials
        kept = accounts.get(session, "b").credentials
    parts = json.loads(sealed)
    boxes = [box.encode() for box in (parts["key"], *parts["fields"].values())]
    pieces = [box[at : at + 16] for box in boxes for at in range(0, len(box) - 16, 16)]
    file = strike.database.path
    # Somebody else has the database open, so that the log is not folded in by the last to leave.
    with closing(sqlite3.connect(file)) as reader:
        reader.execute("SELECT count(*) FROM accounts").fetchone()
        assert any(piece in content for content in _contents(file) for piece in pieces)

        strike.do(_forget)
        strike.database.scrub()

        assert _found(pieces, file) == []
        backup = tmp_path / "backup.db"
        storage.backup(file, backup)
        assert _found(pieces, backup) == []
        assert kept in backup.read_bytes()
    assert strike.events()[-1] == "account.forgotten"
    with strike.database.read() as session:
        assert accounts.get(session, "a").name == "a"


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_change_of_the_key_leaves_nothing_that_the_old_one_sealed(strike: Any) -> None:
    with App(Settings(home=strike.home)) as house:
        strike.vault = house.vault
        strike.account("a")
        with strike.database.read() as session:
            sealed = accounts.get(session, "a").credentials
        wrapped = sealed[sealed.index(b'"key": "') :][8:60]
        file = house.database.path
        assert any(wrapped in content for content in _contents(file))

        house.change_key()

        assert _found([wrapped], file) == []
        assert strike.events()[-1] == "key.rotated"


def _contents(file: Path) -> list[bytes]:
    beside = [file.with_name(f"{file.name}{suffix}") for suffix in ("", "-wal", "-shm", "-journal")]
    return [path.read_bytes() for path in beside if path.exists()]


def _found(pieces: list[bytes], file: Path) -> list[bytes]:
    return [piece for piece in pieces for content in _contents(file) if piece in content]


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_lost_key_is_given_up_with_what_it_sealed_and_a_new_one_follows(strike: Any) -> None:
    settings = Settings(home=strike.home)
    with App(settings) as house:
        strike.vault = house.vault
        strike.account("a")
    (strike.home / "vault.key").unlink()

    with App(settings) as house:
        assert house.lose_key() == ["a"]
        strike.vault = house.vault
        with house.database.write() as session:
            accounts.add(
                session, house.vault, name="a", platform="x",
                credentials={
                    "consumer_key": "1", "consumer_secret": "2", "access_token": "3-3",
                    "access_token_secret": "4",
                },
                now=strike.now, actor="test",
            )  # fmt: skip
        assert _open(strike, house.vault)["access_token"] == "3-3"
    assert "key.lost" in strike.events()


@pytest.mark.parametrize("moment", [1, 2])
def test_a_key_that_another_process_changes_meanwhile_is_noticed(
    strike: Any, keys: Any, moment: int
) -> None:
    """Between the record and the key it names, it is looked up anew; after that, given up."""
    strike.vault = keys().open()
    strike.account("a")
    second = keys()
    real, calls = second.store, iter(range(1, 99))

    def overtaken(*arguments: Any) -> Any:
        if next(calls) == moment:
            keys().change(None, deep=False, tell=_tell)
        return real(*arguments)

    second.store = overtaken  # type: ignore[method-assign]
    if moment == 1:
        assert second.change(None, deep=False, tell=_tell).sealed == 1
    else:
        with pytest.raises(InvalidInput, match="another command changed the key meanwhile"):
            second.change(None, deep=False, tell=_tell)

    assert _open(strike, keys().open())
