"""The READMEs' example does what they say, in both languages."""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from socialstrike.cli import main
from socialstrike.exceptions import SocialstrikeError

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FRENCH = (ROOT / "README.fr.md").read_text(encoding="utf-8")
_TYPED = re.compile(r"^\$ (.*)$", re.MULTILINE)


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_post_file_is_queued_as_the_readme_shows(
    home: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    language: str,
) -> None:
    readme, name = {"en": (README, "strike.yaml"), "fr": (FRENCH, "greve.yaml")}[language]
    monkeypatch.setattr(logging.getLogger(), "handlers", [])

    def cli(*words: str) -> str:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main(["--home", str(home), "--lang", language, *words])
        assert not end.value.code
        # French has spaces where a line must not break, which nobody sees in a document.
        return capsys.readouterr().out.strip().replace("\u00a0", " ")

    [example] = re.findall(r"^```yaml\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    file = tmp_path / name
    file.write_text(example, encoding="utf-8")
    names = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
    credentials = tmp_path / "x.json"
    credentials.write_text(json.dumps(dict.fromkeys(names, "not-a-real-one")), encoding="utf-8")
    added = cli("accounts", "add", "x", "collectif-x", "--from-file", str(credentials))
    assert added in readme
    # Whatever day the example names, it must not have passed when the test runs.
    day = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    tried = cli("posts", "import", str(file), "--day", day, "--dry-run")
    queued = cli("posts", "import", str(file), "--day", day)
    # The days above the last line are not those of the example.
    assert f"#greve2027\n{tried.splitlines()[-1]}\n$ socialstrike" in readme
    assert f"$ socialstrike posts import {name}\n{queued}\n" in readme


def test_the_french_readme_leads_through_the_same_commands() -> None:
    def plain(readme: str) -> list[str]:
        """The nouns and verbs that are typed; the French one needs no credentials of curl's."""
        words = (" ".join(line.split()[:3]) for line in _TYPED.findall(readme))
        return [line for line in words if not line.startswith(("curl", "python3 -c"))]

    assert plain(FRENCH) == plain(README)


def test_the_readmes_lead_to_one_another() -> None:
    assert "](README.fr.md)" in README.partition("\n## ")[0]
    assert "](README.md)" in FRENCH.partition("\n## ")[0]


@pytest.mark.parametrize(
    ("readme", "heading"), [(README, "## Exit codes\n"), (FRENCH, "## Codes de sortie\n")]
)
def test_the_readme_explains_every_exit_code_of_the_errors_and_no_unknown_one(
    readme: str, heading: str
) -> None:
    table = readme.partition(heading)[2].partition("\n## ")[0]
    explained = {int(code) for code in re.findall(r"^\| (\d) \|", table, re.MULTILINE)}
    kinds, raised = [SocialstrikeError], set[int]()
    while kinds:
        kind = kinds.pop()
        raised.add(kind.exit_code)
        kinds += kind.__subclasses__()
    # 0 is success, and 3 is said by commands that succeeded.
    assert explained == {0, 3} | raised
