"""What every test stands on: a home of its own, a migrated database, and the sandbox."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from socialstrike.db.session import Database
    from socialstrike.sandbox.process import SandboxProcess

# No deadline anywhere: a slow machine is not a defect, and pytest-timeout bounds every test.
# In CI the same commit gets the same verdict; elsewhere each run looks for something new.
settings.register_profile("ci", derandomize=True, database=None, deadline=None, print_blob=True)
settings.register_profile("dev", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "dev")

#: Names a folder of test data; not one of the product's settings.
_KEPT = frozenset({"SOCIALSTRIKE_TWITTER_TEXT"})
_PROXIES = frozenset({"all_proxy", "http_proxy", "https_proxy", "no_proxy"})
_USER_FOLDERS = {
    "HOME": "",
    "USERPROFILE": "",
    "APPDATA": "AppData/Roaming",
    "LOCALAPPDATA": "AppData/Local",
    "XDG_CACHE_HOME": ".cache",
    "XDG_CONFIG_HOME": ".config",
    "XDG_DATA_HOME": ".local/share",
    "XDG_RUNTIME_DIR": "run",
    "XDG_STATE_HOME": ".local/state",
}


@pytest.fixture(autouse=True)
def _nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each test runs as a user without settings, without a proxy, and with an empty home."""
    for name in os.environ:
        ours = name.upper().startswith("SOCIALSTRIKE_") and name.upper() not in _KEPT
        if ours or name.lower() in _PROXIES:
            monkeypatch.delenv(name)
    user = tmp_path / "user"
    user.mkdir()
    for name, folder in _USER_FOLDERS.items():
        monkeypatch.setenv(name, str(user / folder))


@pytest.fixture(scope="session")
def template_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with every migration and no rows, to be copied and never opened."""
    from socialstrike.db.migrate import open_database

    path = tmp_path_factory.mktemp("template") / "socialstrike.db"
    # Closing the last connection folds the write-ahead log into the file: it can be copied alone.
    open_database(path).dispose()
    return path


@pytest.fixture
def home(template_database: Path, tmp_path: Path) -> Path:
    """A home folder with a migrated, empty database."""
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    shutil.copyfile(template_database, folder / template_database.name)
    (folder / template_database.name).chmod(0o600)
    return folder


@pytest.fixture
def database(home: Path, template_database: Path) -> Iterator[Database]:
    """The database of ``home``, opened."""
    from socialstrike.db.session import Database

    opened = Database(home / template_database.name)
    yield opened
    opened.dispose()


@pytest.fixture(scope="session")
def sandbox_process() -> Iterator[SandboxProcess]:
    """One sandbox server for the whole session, with whatever earlier tests left in it."""
    from socialstrike.sandbox.process import SandboxProcess

    with SandboxProcess() as process:
        yield process


@pytest.fixture
def sandbox(sandbox_process: SandboxProcess) -> SandboxProcess:
    """The sandbox server, empty: no accounts, posts or faults."""
    sandbox_process.reset()
    return sandbox_process
