"""Kills a change of the key at every step it takes, and sees what the next command finds.

Run as a program: each try is a fork of it, killed before or after one call to the system, the
keyring or the database. The home is a fresh copy each time.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import sys
from collections.abc import Callable
from multiprocessing import Manager
from pathlib import Path
from typing import Any, ClassVar

from keyring.backend import KeyringBackend
from sqlalchemy import Engine, event

from socialstrike import accounts
from socialstrike.app import App
from socialstrike.clock import SystemClock
from socialstrike.config import Settings
from socialstrike.db.models import Home
from socialstrike.db.session import Database
from socialstrike.vault import Keys, Vault, for_sealing
from socialstrike.vault import passphrase as derivation

# Not what a guess costs is tried here but the order of the writes, and each try opens it often.
derivation._PARAMETERS.update(memory_kib=64, iterations=1)
derivation._BOUNDS.update(memory_kib=(64, 1024), iterations=(1, 16))

CREDENTIALS = {"page_id": "4242", "access_token": "EAAjetondelapage"}
SIGNING = b"s" * 32


class SharedRing(KeyringBackend):
    """A keyring in another process's memory, which outlives a kill of ours."""

    priority = 9
    kept: ClassVar[Any] = None

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get(f"{service}/{username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[f"{service}/{username}"] = password

    def delete_password(self, service: str, username: str) -> None:
        self.kept.pop(f"{service}/{username}")


class House(App):
    """The house with that keyring, and a passphrase from the file that is right."""

    @property
    def keys(self) -> Keys:  # type: ignore[override]
        return Keys(self.database, self.settings, backends=[SharedRing])


def opened(home: Path, passphrase: str = "old") -> House:
    file = home.parent / f"{passphrase}.passphrase"
    return House(Settings(home=home, passphrase_file=file))


def change(home: Path, source: str, to: str | None, deep: bool) -> None:
    new = home.parent / "new.passphrase" if "passphrase" in {to or source} else None
    with opened(home) as house:
        house.change_key(to, deep=deep, passphrase_file=new)


def furnish(home: Path, source: str) -> None:
    """A home with an account and a signing key, sealed with a key from ``source``."""
    for name in ("old", "new"):
        file = home.parent / f"{name}.passphrase"
        file.touch(mode=0o600)
        file.write_text(f"{name}: quatre mots au hasard")
    with opened(home) as house:
        vault, now = house.keys.open(), SystemClock().now()
        with house.database.write() as session:
            accounts.add(
                session, vault, name="page", platform="facebook", credentials=CREDENTIALS,
                now=now, actor="test",
            )  # fmt: skip
            row = for_sealing(session, vault)
            row.signing_key = vault.seal_home(row.database_id, "signing key", SIGNING)
        if source != "file":
            house.change_key(source, passphrase_file=home.parent / "old.passphrase")


class Killer:
    """Kills this process at the ``at``-th of the steps that it watches."""

    def __init__(self, at: int) -> None:
        self._left = at

    def step(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, holder: Any, name: str) -> None:
        real = getattr(holder, name)

        def watched(*arguments: Any, **named: Any) -> Any:
            self.step()
            result = real(*arguments, **named)
            self.step()
            return result

        setattr(holder, name, watched)

    def watch(self) -> None:
        for name in ("open", "fsync", "link", "replace", "unlink", "rename"):
            self.around(os, name)
        for name in ("set_password", "delete_password"):
            self.around(SharedRing, name)
        event.listen(Engine, "commit", lambda _: self.step())
        self.around(Database, "scrub")
        self.around(Database, "dispose")


def killed(work: Callable[[], None], at: int) -> bool:
    """Whether ``work``, in a fork of its own, met its ``at``-th step."""
    child = os.fork()
    if child == 0:
        Killer(at).watch()
        try:
            work()
        except BaseException as error:  # noqa: BLE001  (a fork must not go on in the parent's code)
            sys.stderr.write(f"step {at}: {type(error).__name__}: {error}\n")
            os._exit(1)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


def look(home: Path) -> tuple[Vault, str]:
    """All that was sealed opens at once; the vault, and where its key is now."""
    with opened(home) as house:
        shown = house.keys.shown()
    for passphrase in ("old", "new"):
        with opened(home, passphrase) as house:
            try:
                vault = house.keys.open()
            except Exception:
                if shown.source == "passphrase" and passphrase == "old":
                    continue
                raise
            with house.database.read() as session:
                page = accounts.get(session, "page")
                assert accounts.access(session, vault, page).credentials == CREDENTIALS
                row = session.get(Home, 1)
                assert row is not None
                assert row.signing_key is not None
                signing = vault.open_home(row.database_id, "signing key", row.signing_key)
                assert signing == SIGNING
            return vault, shown.source
    raise AssertionError("neither passphrase opens it")


def main(folder: Path, source: str, to: str | None, deep: bool) -> int:
    pristine, home = folder / "pristine" / "home", folder / "tried" / "home"
    pristine.parent.mkdir()
    shutil.copytree(folder / "home", pristine)
    furnish(pristine, source)
    ring = dict(SharedRing.kept)
    first = look(pristine)[0].key_id
    ends: set[str] = set()
    for at in itertools.count(1):
        shutil.rmtree(home.parent, ignore_errors=True)
        shutil.copytree(pristine.parent, home.parent)
        SharedRing.kept.clear()
        SharedRing.kept.update(ring)
        went_on = not killed(lambda: change(home, source, to, deep), at)
        vault, now = look(home)
        ends.add("old" if vault.key_id == first else "new")
        # What was left half done is finished or gone, by that look alone.
        left = {path.name for path in home.glob("vault.key*")}
        assert left == ({"vault.key"} if now == "file" else set()), (at, left)
        assert now != "keyring" or len(SharedRing.kept) >= 1
        assert now == "keyring" or not any("next" not in name for name in SharedRing.kept), at
        if now != "passphrase":
            change(home, now, None, False)
        if went_on:
            assert ends == {"old", "new"}
            assert vault.key_id != first
            return at - 1
    raise AssertionError


if __name__ == "__main__":
    with Manager() as manager:
        SharedRing.kept = manager.dict()
        folder, source, to, deep = sys.argv[1:]
        sys.stdout.write(f"{main(Path(folder), source, to or None, bool(deep))}\n")
