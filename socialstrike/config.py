"""Settings: from the environment (``SOCIALSTRIKE_…``) and the command line, checked once."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import platformdirs
from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from socialstrike.exceptions import InvalidInput
from socialstrike.i18n import tr

#: A lease is carried on by each heartbeat, every 5 s: three may be lost before it ends.
_SHORTEST_LEASE = 15.0
#: Two look-ups that find nothing prove an absence; closer together they would be one.
_SHORTEST_LOOKUP = 60.0


class Settings(BaseSettings):
    """Where things are and how patient the publisher is. All durations are in seconds.

    The waits that keep a post from going out twice have floors: a shorter one is an error.
    """

    model_config = SettingsConfigDict(
        # An empty variable is one that is not set: an empty home would be the current folder.
        env_prefix="SOCIALSTRIKE_",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    home: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("socialstrike", appauthor=False)),
        description="The folder of the database, the key file and the media.",
    )
    key_file: Path | None = Field(None, description="The key file, if not the one in the home.")
    passphrase_file: Path | None = Field(
        None,
        description="A file that holds the passphrase, for a service that nobody can type it for.",
    )
    database_url: SecretStr | None = Field(
        None,
        description="A PostgreSQL database instead of the SQLite file, for several machines:"
        " postgresql://user:password@host/database.",
    )
    database_url_file: Path | None = Field(
        None, description="A file that holds that URL, so that no password is in the environment."
    )
    workers: int = Field(32, ge=1, le=512, description="Deliveries in flight at once, at most.")
    connect_timeout: float = Field(5.0, gt=0, le=60)
    read_timeout: float = Field(20.0, gt=0, le=120)
    lease: float = Field(
        30.0, ge=1, description="How long a claim holds without an answer; 15 s at least."
    )
    settle: float | None = Field(
        None,
        ge=0.1,
        description="How long after an attempt a doubt is left alone before the platform is asked;"
        " twice the timeouts and 30 s, by default and at least.",
    )
    lookup_every: float = Field(
        60.0,
        ge=0.1,
        description="Between two look-ups of one uncertain delivery; 60 s at least.",
    )
    lookups: int = Field(10, ge=1, description="Look-ups before a person must decide.")
    retry_base: float = Field(2.0, gt=0, description="The first retry waits up to this long.")
    retry_most: float = Field(300.0, gt=0, description="No retry waits longer than this.")
    catch_up: float = Field(
        30.0,
        ge=0,
        description="Between two posts of one account that go out over a minute late, so that what"
        " waited during a stop or a sleep is no flood.",
    )

    verify_after: float = Field(
        900.0,
        ge=0,
        description="How long after it went out a post is looked for on its platform, where that"
        " costs nothing; 0 for never.",
    )
    alerts_file: Path | None = Field(
        None, description="The file of alert addresses, if not the one in the home."
    )
    alerts_group: float = Field(
        30.0, ge=0.1, le=3600, description="What happens within this time becomes one alert."
    )

    #: Whether alerts leave the house; no variable of the environment says so.
    alerts_leave: ClassVar[bool] = True
    #: Whether the waits may not be shorter than is safe; no variable of the environment says so.
    floors_hold: ClassVar[bool] = True

    @field_validator("lease", "settle", "lookup_every")
    @classmethod
    def _not_below_its_floor(cls, value: float | None, info: ValidationInfo) -> float | None:
        connect, read = (info.data.get(name) for name in ("connect_timeout", "read_timeout"))
        if value is None or not cls.floors_hold or connect is None or read is None:
            return value
        floors = {
            "lease": _SHORTEST_LEASE,
            "settle": _safe_settle(connect, read),
            "lookup_every": _SHORTEST_LOOKUP,
        }
        floor = floors[info.field_name or ""]
        if value < floor:
            raise PydanticCustomError(
                "below_floor",
                tr(
                    "{value} s is too short to rule out that a post goes out twice; give at least"
                    " {floor} s, or leave it out"
                ),
                {"value": f"{value:g}", "floor": f"{floor:g}"},
            )
        return value

    @property
    def database(self) -> Path:
        """The SQLite file, where no other database is named."""
        return self.home / "socialstrike.db"

    @property
    def location(self) -> Path | str:
        """The database in use: the SQLite file, or the URL of a server's.

        Raises InvalidInput where the file that should hold the URL cannot be read.
        """
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        if self.database_url_file is None:
            return self.database
        try:
            return self.database_url_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise InvalidInput(
                tr(
                    "the database URL cannot be read from {database_url_file}, which"
                    " SOCIALSTRIKE_DATABASE_URL_FILE names",
                    database_url_file=self.database_url_file,
                )
            ) from None

    @property
    def key(self) -> Path:
        """The key file in use."""
        return self.key_file or self.home / "vault.key"

    @property
    def media(self) -> Path:
        """Where imported pictures are kept, named by their SHA-256."""
        return self.home / "media"

    @property
    def alerts(self) -> Path | None:
        """Where the file of alert addresses is, if there is one; None where none may be used."""
        return (self.alerts_file or self.home / "alerts.txt") if self.alerts_leave else None

    @property
    def settle_after(self) -> float:
        """The settling time in force."""
        if self.settle is not None:
            return self.settle
        return _safe_settle(self.connect_timeout, self.read_timeout)


class RehearsalSettings(Settings):
    """Settings whose waits may be as short as one likes, for the sandbox and nothing else.

    There a post lands when it is answered. Only code can choose this: a slip in the environment
    of a real strike must not.
    """

    floors_hold: ClassVar[bool] = False
    alerts_leave: ClassVar[bool] = False


def _safe_settle(connect: float, read: float) -> float:
    """Outlives a request that was sent twice over, and leaves the platform 30 s to show it."""
    return 2 * (connect + read) + 30
