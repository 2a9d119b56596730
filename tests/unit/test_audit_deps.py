"""What the check of the dependencies could not ask about is never taken for sound."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "tools" / "audit-deps.sh"

pytestmark = pytest.mark.skipif(shutil.which("sh") is None, reason="the script is for a shell")


def audited(folder: Path, said: str, code: int) -> tuple[int, str]:
    """What the script makes of a pip-audit that says so and ends with this code."""
    (folder / "constraints.txt").write_text("# pins\na==1.0\nb==2.0\n")
    (folder / "said").write_text(said)
    tool = folder / "pip-audit"
    tool.write_text(f"#!/bin/sh\ncat '{folder / 'said'}'\nexit {code}\n")
    tool.chmod(0o700)
    done = subprocess.run(
        ["sh", SCRIPT, tool], cwd=folder, capture_output=True, text=True, timeout=100, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("said", "code", "wanted", "words"),
    [
        ("No known vulnerabilities found\n", 0, 0, "No known"),
        ("Found 2 known vulnerabilities in 1 package\na 1.0 X-1\n", 1, 1, "X-1"),
        (
            "No known vulnerabilities found\nName Skip Reason\n---- ----\n"
            "a    Dependency not found and could not be audited: a (1.0)\n",
            0,
            3,
            "NOT CHECKED: 1 of 2",
        ),
        ("ERROR: no connection\n", 1, 3, "NOT CHECKED: 2 of 2"),
        ("", 0, 3, "NOT CHECKED: 2 of 2"),
    ],
)
def test_only_what_was_asked_about_and_has_no_findings_ends_well(
    tmp_path: Path, said: str, code: int, wanted: int, words: str
) -> None:
    ended, told = audited(tmp_path, said, code)
    assert ended == wanted
    assert words in told
