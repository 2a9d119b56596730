"""The README's example does what the README says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from socialstrike.exceptions import SocialstrikeError

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _cli(home: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "socialstrike", "--home", str(home), *words],
        cwd=ROOT,
        check=True,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    return done.stdout.strip()


def test_the_post_file_is_queued_as_the_readme_shows(home: Path, tmp_path: Path) -> None:
    [example] = re.findall(r"^```yaml\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    file = tmp_path / "strike.yaml"
    file.write_text(example, encoding="utf-8")
    names = ("consumer_key", "consumer_secret", "access_token", "access_token_secret")
    credentials = tmp_path / "x.json"
    credentials.write_text(json.dumps(dict.fromkeys(names, "not-a-real-one")), encoding="utf-8")
    added = _cli(home, "accounts", "add", "x", "collectif-x", "--from-file", str(credentials))
    assert added in README
    # Whatever day the example names, it must not have passed when the test runs.
    day = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    tried = _cli(home, "posts", "import", str(file), "--day", day, "--dry-run")
    queued = _cli(home, "posts", "import", str(file), "--day", day)
    # The days above the last line are not those of the example.
    assert f"#greve2027\n{tried.splitlines()[-1]}\n$ socialstrike" in README
    assert f"$ socialstrike posts import strike.yaml\n{queued}\n" in README


def test_the_readme_explains_every_exit_code_of_the_errors_and_no_unknown_one() -> None:
    table = README.partition("## Exit codes\n")[2].partition("\n## ")[0]
    explained = {int(code) for code in re.findall(r"^\| (\d) \|", table, re.MULTILINE)}
    kinds, raised = [SocialstrikeError], set[int]()
    while kinds:
        kind = kinds.pop()
        raised.add(kind.exit_code)
        kinds += kind.__subclasses__()
    # 0 is success, and 3 is said by commands that succeeded.
    assert explained == {0, 3} | raised
