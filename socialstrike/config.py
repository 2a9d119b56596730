"""Settings: from the environment (``SOCIALSTRIKE_…``) and the command line, checked once."""

from __future__ import annotations

from pathlib import Path

import platformdirs
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Where things are and how patient the publisher is. All durations are in seconds."""

    model_config = SettingsConfigDict(env_prefix="SOCIALSTRIKE_", extra="ignore", frozen=True)

    home: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("socialstrike", appauthor=False)),
        description="The folder of the database, the key file and the media.",
    )
    key_file: Path | None = Field(None, description="The key file, if not the one in the home.")
    workers: int = Field(32, ge=1, le=512, description="Deliveries in flight at once, at most.")
    connect_timeout: float = Field(5.0, gt=0, le=60)
    read_timeout: float = Field(20.0, gt=0, le=120)
    lease: float = Field(120.0, ge=5, description="How long a claim holds without an answer.")
    settle: float | None = Field(
        None,
        ge=0.1,
        description="How long after an attempt a doubt is left alone before the platform is asked;"
        " twice the timeouts and 30 s by default.",
    )
    lookup_every: float = Field(
        60.0, ge=0.1, description="Between two look-ups of one uncertain delivery."
    )
    lookups: int = Field(10, ge=1, description="Look-ups before a person must decide.")
    retry_base: float = Field(2.0, gt=0, description="The first retry waits up to this long.")
    retry_most: float = Field(300.0, gt=0, description="No retry waits longer than this.")

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.home / "socialstrike.db"

    @property
    def key(self) -> Path:
        """The key file in use."""
        return self.key_file or self.home / "vault.key"

    @property
    def media(self) -> Path:
        """Where imported pictures are kept, named by their SHA-256."""
        return self.home / "media"

    @property
    def settle_after(self) -> float:
        """The settling time in force. The default outlives a request that was sent twice over."""
        if self.settle is not None:
            return self.settle
        return 2 * (self.connect_timeout + self.read_timeout) + 30
