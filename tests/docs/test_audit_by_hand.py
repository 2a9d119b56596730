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


def _block(language: str, about: str = "") -> str:
    """The document's one fenced block in ``language`` that holds the words ``about``."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
    [found] = [block for block in blocks if about in block]
    assert isinstance(found, str)
    return found


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the commands wrote for the first test of this process; the others get copies."""
    return tmp_path_factory.mktemp("written")


@pytest.fixture
def folder(home: Path, tmp_path: Path, written: Path) -> Path:
    """A folder with the whole log as log.jsonl and one delivery as delivery.json."""
    if not (written / "delivery.json").exists():
        _write_all(home, written)
    for file in written.iterdir():
        shutil.copyfile(file, tmp_path / file.name)
    return tmp_path


def _write_all(home: Path, folder: Path) -> None:
    def cli(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "socialstrike", "--home", str(home), *words],
            cwd=ROOT,
            check=True,
            capture_output=True,
            encoding="utf-8",
            timeout=100,
        )
        return done.stdout

    credentials = folder / "credentials.json"
    credentials.write_text(json.dumps({"page_id": "1", "access_token": "not-a-real-one"}))
    cli("accounts", "add", "facebook", "collectif-fb", "--from-file", str(credentials))
    picture = str(ROOT / "sample_posts" / "affiche.png")
    words = ["posts", "add", "« Demain, grève »", "--to", "collectif-fb", "--at", "+10m"]
    cli(*words, "--link", "https://onestla.tech/", "--media", picture, "--alt", "L'affiche")
    cli("posts", "cancel", "1")
    cli("audit", "export", "--texts", "-o", str(folder / "log.jsonl"))
    (folder / "noted.txt").write_text(cli("audit", "head"), encoding="utf-8")
    (folder / "noted-key.txt").write_text(cli("audit", "head", "--key"), encoding="utf-8")
    shown = cli("posts", "show", "1", "--json")
    (folder / "delivery.json").write_text(shown, encoding="utf-8")


def _lines(folder: Path) -> list[str]:
    return (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()


def _entries(folder: Path) -> list[str]:
    return [line for line in _lines(folder) if not line.startswith('{"attached"')]


def _write(folder: Path, entries: list[str]) -> None:
    """Another log with the same attachments."""
    attached = [line for line in _lines(folder) if line.startswith('{"attached"')]
    text = "\n".join([*entries, *attached]) + "\n"
    (folder / "log.jsonl").write_text(text, encoding="utf-8")


def _by_hand(folder: Path, about: str = "prev=", *, check: bool = True) -> str:
    tools = ("jq", "sha256sum", "openssl", "base64")
    if missing := [tool for tool in tools if shutil.which(tool) is None]:
        pytest.skip(f"the commands in docs/audit-log.md need {', '.join(missing)}")
    done = subprocess.run(
        ["sh", "-c", _block("sh", about)],
        cwd=folder,
        check=check,
        capture_output=True,
        encoding="utf-8",
        timeout=100,
    )
    return done.stdout


def _verified(folder: Path, *options: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "socialstrike", "audit", "verify", "log.jsonl", "--json", *options],
        cwd=folder,
        env={"PATH": "", "PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        encoding="utf-8",
        timeout=100,
    )
    verdict: dict[str, Any] = json.loads(done.stdout)
    return verdict


def test_the_loop_prints_the_head_that_verify_prints(folder: Path) -> None:
    verdict = _verified(folder)
    assert verdict["ok"]
    assert verdict["entries"] > 2
    assert _by_hand(folder) == f"{verdict['entries']} entries, head {verdict['head']}\n"


def test_the_commands_verify_the_checkpoint_with_openssl(folder: Path) -> None:
    _by_hand(folder)
    printed, signed, found = _by_hand(folder, "openssl").splitlines()
    assert printed == "Signature Verified Successfully"
    assert signed == found == _verified(folder)["head"]
    noted = (folder / "noted-key.txt").read_text(encoding="utf-8")
    assert (folder / "key.txt").read_text(encoding="utf-8") == noted


def test_the_commands_notice_a_changed_checkpoint(folder: Path) -> None:
    text = "\n".join(_lines(folder))
    (folder / "log.jsonl").write_text(text.replace("\\nhead ", "\\nHead "), encoding="utf-8")
    _by_hand(folder)
    assert "Verification Failure" in _by_hand(folder, "openssl", check=False)


def test_the_commands_show_that_the_last_entry_was_changed(folder: Path) -> None:
    entries = _entries(folder)
    changed = entries[-1].replace('"v":2', '"v":3')
    assert changed != entries[-1]
    _write(folder, [*entries[:-1], changed])
    _by_hand(folder)
    printed, signed, found = _by_hand(folder, "openssl").splitlines()
    assert printed == "Signature Verified Successfully"
    assert signed != found
    assert not _verified(folder)["ok"]


def test_the_loop_and_verify_name_the_same_broken_entry(folder: Path) -> None:
    entries = _entries(folder)
    changed = entries[0].replace("account.added", "account.addeD")
    assert changed != entries[0]
    _write(folder, [changed, *entries[1:]])
    breaks = _verified(folder)["breaks"]
    assert [found["entry"] for found in breaks if found["kind"] == "entry"] == [2]
    assert _by_hand(folder).startswith("broken at entry 2\n")


def test_the_loop_notices_a_log_without_its_beginning(folder: Path) -> None:
    _write(folder, _entries(folder)[1:])
    assert _by_hand(folder) == f"broken at entry 1\n1 entries, head {_ZEROS}\n"
    assert not _verified(folder)["ok"]


def test_a_noted_head_and_key_are_found_again(folder: Path) -> None:
    known = ("--head", "noted.txt", "--key", "noted-key.txt")
    verdict = _verified(folder, *known)
    assert verdict["ok"]
    size, root = (folder / "noted.txt").read_text(encoding="utf-8").split()
    assert (int(size), root) == (verdict["entries"], verdict["root"])
    assert _verified(folder, "--head", f"{size} {root.upper()}")["ok"]


def test_what_the_document_says_goes_unnoticed_goes_unnoticed_without_a_noted_head(
    folder: Path,
) -> None:
    entries = _entries(folder)
    (folder / "log.jsonl").write_text("\n".join(entries[:2]) + "\n", encoding="utf-8")
    assert _verified(folder)["ok"]
    assert not _verified(folder, "--head", "noted.txt")["ok"]
    assert not _verified(folder, "--key", "noted-key.txt")["ok"]


def test_the_snippet_recomputes_the_commitment_in_the_log(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _block("python")],
        cwd=folder,
        check=True,
        capture_output=True,
        encoding="utf-8",
        timeout=100,
    )
    contents = {json.loads(line).get("content") for line in _entries(folder)} - {None}
    assert contents == {done.stdout.strip()}


def test_the_document_explains_every_event_and_no_other() -> None:
    table = DOCUMENT.partition("## Events\n")[2].partition("\n## ")[0]
    rows = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    explained = {name for cell in rows for name in re.findall(r"`([a-z._]+)`", cell)}
    source = "\n".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "socialstrike").rglob("*.py")
    )
    # Events tell what has happened, unlike other names with a dot in them.
    nouns = (
        "account|alert|approval|approver|attempt|campaign|database|delivery|hand_off|key|log|person|retraction"
        "|scheduler|take_back"
    )
    named = rf'"((?:{nouns})\.(?:[a-z]+e[dn]|sent|dropped|late|key|lost|preflight))"'
    written = set(re.findall(named, source))
    assert written, "the events are no longer written where this test looks"
    assert explained == written | {f"delivery.{state}" for state in State} | {"stop", "start"}
