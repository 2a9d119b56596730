"""The command line in the language of who types, and the same for machines in each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

PACK = """
campaign: {name: greve, day: 2027-01-24, timezone: Europe/Paris, hashtag: "#greve"}
accounts: {collectif-x: x, collectif-fb: facebook}
posts:
  - {kind: announcement, at: D-1 18:00, to: all, text: "Demain, grève."}
  - {kind: occupation, every: 6h, to: [collectif-x], texts: ["En grève.", "Toujours."]}
"""


def test_help_is_in_the_language_asked_for_wherever_it_is_asked(cli: Any) -> None:
    for line in (["--lang", "fr", "posts", "--help"], ["posts", "--help", "--lang=fr"]):
        said = cli.call(*line).out
        assert said.startswith("Utilisation\u00a0: socialstrike posts")
        assert "Commandes" in said
        assert "Show this message and exit" not in said


@pytest.mark.parametrize(
    ("env", "french"),
    [
        ({"LC_ALL": "fr_FR.UTF-8"}, True),
        ({"LC_ALL": "", "LANG": "fr_BE.UTF-8"}, True),
        ({"LC_ALL": "de_DE.UTF-8"}, False),
        ({"LC_ALL": "C.UTF-8", "SOCIALSTRIKE_LANG": "fr"}, True),
        ({"LC_ALL": "fr_FR.UTF-8", "SOCIALSTRIKE_LANG": "en"}, False),
    ],
)
def test_the_settings_of_the_person_choose(
    cli: Any, monkeypatch: pytest.MonkeyPatch, env: dict[str, str], french: bool
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert cli.call("--help").out.startswith("Utilisation" if french else "Usage")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["posts", "nothing"], "Erreur"),
        (["posts", "retry"], "Erreur"),
        (["campaigns", "show", "nulle-part"], "erreur"),
        (["posts", "import", "absent.yaml"], "absent.yaml"),
    ],
)
def test_wrong_input_is_refused_in_french_with_the_same_exit_code(
    cli: Any, line: list[str], said: str
) -> None:
    french, english = cli.call(*line, "--lang", "fr"), cli.call(*line, "--lang", "en")
    assert french.code == english.code == 2
    assert said in french.err
    assert french.err != english.err


def test_a_language_that_is_not_here_is_named_with_those_that_are(cli: Any) -> None:
    ended = cli.call("status", "--lang", "xx")
    assert ended.code == 2
    assert "'xx'" in ended.err
    assert "en, fr" in ended.err


@pytest.fixture
def filled(strike: Any, tmp_path: Path) -> Any:
    """A home with a pack in its queue."""
    (tmp_path / "pack.yaml").write_text(PACK, encoding="utf-8")
    assert strike.call("posts", "import", tmp_path / "pack.yaml").code == 0
    return strike


@pytest.mark.parametrize(
    "line",
    [
        "accounts list --json",
        "campaigns list --json",
        "campaigns show greve --json",
        "posts list --json",
        "posts show 1 --json",
        "posts preview --campaign greve --json",
        "plan --simulate --format json",
        "status --json",
        "audit list --json",
        "audit verify --json",
        "key show --json",
    ],
)
def test_json_is_the_same_in_every_language(filled: Any, line: str) -> None:
    words = line.split()
    french, english = (filled.call(*words, "--lang", known) for known in ("fr", "en"))
    assert french.out == english.out != ""
    assert french.code == english.code


def test_dates_and_counts_are_written_as_french_people_write_them(filled: Any) -> None:
    said = filled.call("plan", "--lang", "fr").out
    assert "23/01/2027 18:00:00" in said
    assert "2027-01-23" not in said


def test_what_is_kept_stays_english_and_is_shown_in_french(filled: Any) -> None:
    filled.call("accounts", "pause", "collectif-x", "--lang", "fr")
    rows = filled.call("accounts", "list", "--json").json()
    [one] = [row for row in rows if row["name"] == "collectif-x"]
    assert one["pause_reason"] == "paused by hand"
    said = filled.call("accounts", "list", "--lang", "fr").out
    assert "paused" not in said
    assert "main" in said
