"""No secret is in anything that is written: output, logs, files, exports, backups, temporary files.

Every account gets long random credentials; a whole rehearsal and a scheduler at its most talkative,
with the platforms misbehaving, must leave none of them anywhere, in no spelling, whole or cut off.
"""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from socialstrike.platforms import REGISTRY, get

#: How much of a secret is still a secret.
PIECE = 12
PACK = """\
campaign: {name: jour-j, day: 2031-01-24, timezone: Europe/Paris, hashtag: "#jourj"}
accounts: {collectif-x: x, collectif-fb: facebook}
posts:
  - {kind: announcement, at: D-1 18:00, to: all, text: "Demain, nous serons en grève."}
  - kind: occupation
    every: 12h
    from: D 00:00
    until: D 24:00
    to: all
    texts: ["Nuit.", "Jour."]
"""
FAULTS = (
    "forbidden", "duplicate", "error_before", "error_html", "drop_before", "drop_after",
    "error_after", "malformed", "no_id", "empty_json",
    "unauthorized",  # the last, as it pauses the account
)  # fmt: skip
#: The command at its usual haste; what an adapter does wrong is put in front.
LAUNCH = """
from socialstrike.config import Settings
Settings.floors_hold = False
{before}
from socialstrike.cli import main
main()
"""
#: An adapter that breaks with its credentials in local variables and in the error's own text.
BROKEN = """
from socialstrike.platforms.x import X
def publish(self, payload, media_ids):
    held = dict(self.access.credentials)
    raise KeyError(held["access_token_secret"], held)
X.publish = publish
"""


def spellings(secret: str) -> set[str]:
    """All forms in which a secret is looked for, each in full and cut off."""
    raw = secret.encode()
    whole = {
        secret,
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        raw.hex(),
        raw.hex().upper(),
        secret[::-1],
    }
    whole |= {quote(secret, safe="").replace(f"%{b:02X}", f"%{b:02x}") for b in range(256)}
    for shift in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            # What stands before it decides how it looks: "Bearer x" and "user:x" are among these.
            encoded = encode(b"\0" * shift + raw).decode().rstrip("=")
            whole.add(encoded[(shift * 4 + 2) // 3 : -1])
    return {form[:PIECE] for form in whole} | {form[-PIECE:] for form in whole}


def leaks(texts: dict[str, bytes], hidden: Iterable[str]) -> list[str]:
    """Where a secret was found, and in which form; never empty where there is one."""
    forms = {form.encode() for secret in hidden for form in spellings(secret)}
    return [
        f"{place}: {form!r}"
        for place, content in texts.items()
        for form in forms
        if form in content
    ]


def everything(*folders: Path) -> dict[str, bytes]:
    return {
        str(file): file.read_bytes()
        for folder in folders
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def secret_parts(made: dict[str, Any]) -> list[str]:
    """What is secret of an account's credentials; X's tokens begin with the user's public id."""
    named = {field.name for field in get(made["platform"]).credential_fields if field.secret}
    values = [value for name, value in made["credentials"].items() if name in named]
    return [re.sub(r"^\d+-", "", value) for value in values if len(value) >= PIECE]


def registered(sandbox: Any, folder: Path) -> tuple[dict[str, Path], list[str]]:
    """One account of each platform in the sandbox: credential files, and what is secret in them."""
    files, hidden = {}, []
    for platform in REGISTRY:
        made = sandbox.add_account(platform, f"collectif-{platform}", limit=None)
        files[platform] = folder / f"{platform}.json"
        files[platform].write_text(json.dumps(made["credentials"]), encoding="utf-8")
        hidden += secret_parts(made)
    assert len(hidden) >= len(REGISTRY)
    return files, hidden


class Talkative:
    """Runs commands with --verbose and keeps all that they said."""

    def __init__(self, cli: Any, temporary: Path) -> None:
        self.cli = cli
        self.said: dict[str, bytes] = {}
        self._temporary = temporary

    def run(
        self,
        *words: str | Path,
        before: str = "",
        codes: Iterable[int] = (0,),
        enough: float = 40.0,
    ) -> str:
        """Run a command, and ask it to end after ``enough`` seconds."""
        from tests.acceptance.conftest import HASTE

        line = [sys.executable, "-c", LAUNCH.format(before=before), "--home", str(self.cli.home)]
        process = subprocess.Popen(
            [*line, "--verbose", *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=os.environ | HASTE | {"TMPDIR": str(self._temporary)},
            cwd=self.cli.folder,
        )
        try:
            told, _ = process.communicate(timeout=enough)
        except subprocess.TimeoutExpired:
            process.terminate()
            told, _ = process.communicate(timeout=100)
        finally:
            process.kill()
            process.wait()
        name = " ".join(map(str, words[:2]))
        self.said[f"{name}, {len(self.said)}"] = told
        assert process.returncode in codes, told.decode()
        return told.decode()

    def queue(self, *texts: str) -> None:
        """Queue posts to all accounts, due a moment ago."""
        at = (datetime.now(UTC) - timedelta(seconds=5)).isoformat(timespec="seconds")
        rows = "".join(f"{at},announcement,all,{text}\n" for text in texts)
        (self.cli.folder / "posts.csv").write_text(f"at,kind,to,text\n{rows}", encoding="utf-8")
        self.run("posts", "import", "posts.csv", "--late")


@pytest.fixture
def talkative(cli: Any) -> Talkative:
    temporary = cli.folder.parent / "tmp"
    temporary.mkdir()
    return Talkative(cli, temporary)


@pytest.mark.timeout(300)  # a few dozen commands, each a process of its own
def test_a_run_with_every_fault_at_debug_level_leaves_no_secret_anywhere(
    talkative: Talkative, sandbox: Any
) -> None:
    cli = talkative.cli
    given = cli.folder.parent / "given"
    given.mkdir()
    files, hidden = registered(sandbox, given)
    for platform, file in files.items():
        talkative.run(
            "accounts", "add", platform, f"collectif-{platform}", "--from-file", file,
            "--base-url", sandbox.base_url,
        )  # fmt: skip
    for number, fault in enumerate(FAULTS):
        sandbox.add_fault(fault, operation="publish", contains=f"mot-{number}-", times=1)
    talkative.queue(*(f"mot-{number}- du jour" for number in range(len(FAULTS))))
    sandbox.add_fault("malformed", operation="find", times=2)
    sandbox.add_fault("rate_limited", operation="check", times=1)
    sandbox.add_fault("error_html", operation="check", times=1)

    # What a platform asks to wait for could take minutes.
    talkative.run("run", "--until-idle", codes=(0, 1, 3), enough=8.0)
    sandbox.add_fault("unauthorized", operation="check", times=1)
    for words in (
        ["accounts", "check", "--json"], ["doctor", "--json"], ["posts", "list", "--json"],
        ["audit", "export", "--format", "jsonl", "-o", "log.jsonl"],
        ["audit", "export", "--format", "csv", "-o", "log.csv"],
        ["database", "backup", "copy.db"], ["database", "check"],
    ):  # fmt: skip
        talkative.run(*words, codes=(0, 3))

    written = everything(cli.home, cli.folder, cli.folder.parent / "tmp") | talkative.said
    assert leaks(written, hidden) == []
    said = b"".join(talkative.said.values())
    assert b"401" in said
    assert any(place.endswith("socialstrike.db") for place in written)
    assert any(place.endswith("copy.db") for place in written)


def test_a_rehearsal_at_debug_level_leaves_no_secret_of_the_sandbox_anywhere(
    talkative: Talkative,
) -> None:
    (talkative.cli.folder / "posts.yaml").write_text(PACK, encoding="utf-8")
    talkative.cli.home = talkative.cli.folder / "rehearsal"
    # The rehearsal invents its accounts; what it handed out is kept aside as it is made.
    kept = talkative.cli.folder.parent / "kept"
    noting = f"""
import json
from socialstrike.sandbox.process import SandboxProcess
add = SandboxProcess.add_account
def noting(self, *given, **options):
    made = add(self, *given, **options)
    with open({str(kept)!r}, "a") as file:
        file.write(json.dumps(made) + "\\n")
    return made
SandboxProcess.add_account = noting
"""

    talkative.run("rehearse", "posts.yaml", "--in", "4s", before=noting)

    hidden = [
        part for line in kept.read_text().splitlines() for part in secret_parts(json.loads(line))
    ]
    assert len(hidden) >= 3
    written = everything(talkative.cli.folder, talkative.cli.folder.parent / "tmp")
    assert leaks(written | talkative.said, hidden) == []


def test_an_adapter_that_breaks_with_the_token_in_its_hands_shows_it_nowhere(
    talkative: Talkative, sandbox: Any
) -> None:
    given = talkative.cli.folder.parent / "given"
    given.mkdir()
    files, hidden = registered(sandbox, given)
    at = ("--base-url", sandbox.base_url)
    talkative.run("accounts", "add", "x", "a", "--from-file", files["x"], *at)
    talkative.queue("Bonjour")

    told = talkative.run("run", "--until-idle", before=BROKEN, codes=(0, 1, 3))

    assert "the adapter of x failed" in told
    assert "KeyError" in told
    assert "[redacted]" in told
    assert leaks(everything(talkative.cli.home) | talkative.said, hidden) == []


@pytest.mark.parametrize(
    "spell",
    [
        lambda secret: secret,
        lambda secret: secret[:PIECE],
        lambda secret: f"...{secret[-PIECE:]}",
        lambda secret: quote(secret, safe=""),
        lambda secret: base64.b64encode(f"Bearer {secret}".encode()).decode(),
        lambda secret: base64.b64encode(f"user:{secret}".encode()).decode(),
        lambda secret: base64.urlsafe_b64encode(f"k:{secret}:v".encode()).decode(),
        lambda secret: secret.encode().hex(),
        lambda secret: json.dumps({"token": secret}),
        lambda secret: secret[::-1],
    ],
)
def test_a_planted_leak_is_found_in_every_form(tmp_path: Path, spell: Any) -> None:
    secret = f'1234-{secrets.token_urlsafe(30)}/+é"='
    (tmp_path / "log").write_text(f"before {spell(secret)} after", encoding="utf-8")

    assert leaks(everything(tmp_path), [secret])
    assert leaks(everything(tmp_path), [secrets.token_urlsafe(40)]) == []
