"""What docs/audit-log.md tells people to do by hand works, word for word."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from socialstrike.lifecycle import State

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "audit-log.md").read_text(encoding="utf-8")
_ZEROS = "0" * 64


def _block(language: str) -> str:
    """The document's one fenced block in ``language``."""
    [found] = re.findall(rf"^```{language}\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert isinstance(found, str)
    return found


@pytest.fixture
def folder(home: Path, tmp_path: Path) -> Path:
    """A folder with the whole log as log.jsonl and one delivery as delivery.json."""

    def cli(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "socialstrike", "--home", str(home), *words],
            cwd=ROOT,
            check=True,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
        )
        return done.stdout

    credentials = tmp_path / "credentials.json"
    credentials.write_text(json.dumps({"page_id": "1", "access_token": "not-a-real-one"}))
    cli("accounts", "add", "facebook", "collectif-fb", "--from-file", str(credentials))
    picture = str(ROOT / "sample_posts" / "affiche.png")
    words = ["posts", "add", "« Demain, grève »", "--to", "collectif-fb", "--at", "+10m"]
    cli(*words, "--link", "https://onestla.tech/", "--media", picture, "--alt", "L'affiche")
    cli("posts", "cancel", "1")
    cli("audit", "export", "-o", str(tmp_path / "log.jsonl"))
    shown = cli("posts", "show", "1", "--json")
    (tmp_path / "delivery.json").write_text(shown, encoding="utf-8")
    return tmp_path


def _lines(folder: Path) -> list[str]:
    return (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()


def _by_hand(folder: Path) -> str:
    if shutil.which("jq") is None or shutil.which("sha256sum") is None:
        pytest.skip("the loop in docs/audit-log.md needs jq and sha256sum")
    done = subprocess.run(
        ["sh", "-c", _block("sh")],
        cwd=folder,
        check=True,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    return done.stdout


def _verified(folder: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "socialstrike", "audit", "verify", "log.jsonl", "--json"],
        cwd=folder,
        env={"PATH": "", "PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    verdict: dict[str, Any] = json.loads(done.stdout)
    return verdict


def test_the_loop_prints_the_head_that_verify_prints(folder: Path) -> None:
    verdict = _verified(folder)
    assert verdict["ok"]
    assert verdict["entries"] > 2
    assert _by_hand(folder) == f"{verdict['entries']} entries, head {verdict['head']}\n"


def test_the_loop_and_verify_name_the_same_broken_entry(folder: Path) -> None:
    lines = _lines(folder)
    changed = lines[0].replace("account.added", "account.addeD")
    assert changed != lines[0]
    text = "\n".join([changed, *lines[1:]]) + "\n"
    (folder / "log.jsonl").write_text(text, encoding="utf-8")
    assert [found["entry"] for found in _verified(folder)["breaks"]] == [2]
    assert _by_hand(folder).startswith("broken at entry 2\n")


def test_the_loop_notices_a_log_without_its_beginning(folder: Path) -> None:
    text = "\n".join(_lines(folder)[1:]) + "\n"
    (folder / "log.jsonl").write_text(text, encoding="utf-8")
    assert _by_hand(folder) == f"broken at entry 1\n1 entries, head {_ZEROS}\n"
    assert not _verified(folder)["ok"]


def test_a_noted_head_is_found_again_in_a_log_that_went_on(folder: Path) -> None:
    whole = _lines(folder)
    (folder / "log.jsonl").write_text("\n".join(whole[:-1]) + "\n", encoding="utf-8")
    noted = _verified(folder)["head"]
    assert sum(f'"prev":"{noted}"' in line for line in whole) == 1


def test_what_the_document_says_goes_unnoticed_goes_unnoticed(folder: Path) -> None:
    whole, head = _lines(folder), _verified(folder)["head"]
    for altered in (whole[:-1], [*whole[:-1], whole[-1].replace('"post":1', '"post":2')]):
        (folder / "log.jsonl").write_text("\n".join(altered) + "\n", encoding="utf-8")
        verdict = _verified(folder)
        assert verdict["ok"]
        assert verdict["head"] != head


def test_the_snippet_recomputes_the_commitment_in_the_log(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _block("python")],
        cwd=folder,
        check=True,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    contents = {json.loads(line).get("content") for line in _lines(folder)} - {None}
    assert contents == {done.stdout.strip()}


def test_the_document_explains_every_event_and_no_other() -> None:
    table = DOCUMENT.partition("## Events\n")[2].partition("\n## ")[0]
    rows = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    explained = {name for cell in rows for name in re.findall(r"`([a-z.]+)`", cell)}
    source = "\n".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "socialstrike").rglob("*.py")
    )
    # Events tell what has happened, unlike other names with a dot in them.
    named = r'"((?:account|attempt|campaign|database|scheduler)\.(?:[a-z]+e[dn]|late))"'
    written = set(re.findall(named, source))
    assert written, "the events are no longer written where this test looks"
    assert explained == written | {f"delivery.{state}" for state in State} | {"stop", "start"}
