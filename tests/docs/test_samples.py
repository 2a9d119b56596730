"""Every pack of sample_posts/ is taken by ``posts import``, by the command itself."""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from socialstrike.cli import main

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "sample_posts"
PACKS = sorted(
    path.name for path in SAMPLES.iterdir() if path.suffix in {".csv", ".jsonl", ".yaml"}
)
CREDENTIALS = {
    "x": ("consumer_key", "consumer_secret", "access_token", "access_token_secret"),
    "facebook": ("page_id", "access_token"),
    "mastodon": ("instance", "access_token"),
    "bluesky": ("handle", "app_password"),
}
#: Of those packs that name no platform, the accounts' names tell it.
ENDINGS = {"x": "x", "fb": "facebook", "masto": "mastodon", "bsky": "bluesky"}


def _accounts(pack: Path) -> dict[str, str]:
    """The accounts that a pack expects, with their platforms."""
    text = pack.read_text(encoding="utf-8")
    if pack.suffix == ".yaml":
        accounts: dict[str, str] = yaml.safe_load(text)["accounts"]
        return accounts
    found = re.finditer(rf"\b\w+-({'|'.join(ENDINGS)})\b", text)
    return {name[0]: ENDINGS[name[1]] for name in found}


def test_there_are_packs_in_every_format() -> None:
    assert {Path(name).suffix for name in PACKS} == {".csv", ".jsonl", ".yaml"}


@pytest.mark.parametrize("name", PACKS)
def test_the_pack_is_queued_for_another_day(
    home: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])

    def cli(*words: str) -> str:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main(["--home", str(home), *words])
        out, err = capsys.readouterr()
        assert not end.value.code, out + err
        return out

    for account, platform in _accounts(SAMPLES / name).items():
        file = tmp_path / f"{account}.json"
        given = dict.fromkeys(CREDENTIALS[platform], "1001")
        if platform == "mastodon":
            given["instance"] = "http://127.0.0.1:9"
        file.write_text(json.dumps(given), encoding="utf-8")
        server = ("--base-url", "http://127.0.0.1:9")
        cli("accounts", "add", platform, account, "--from-file", str(file), *server)
    day = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    words = ["posts", "import", str(SAMPLES / name), "--day", day]
    if not name.endswith(".yaml"):
        cli("campaigns", "set", "sample", "--day", day)
        words += ["--campaign", "sample"]
    assert cli(*words).startswith("Queued ")
    queued = json.loads(cli("posts", "list", "--json"))
    assert queued
    assert {delivery["account"] for delivery in queued} == set(_accounts(SAMPLES / name))
    assert cli(*words).startswith("Nothing new")
