"""What an import shows of its progress, and where."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from socialstrike.queue import batch

if TYPE_CHECKING:
    from conftest import Cli


def test_a_bar_goes_by_on_a_terminal_alone_and_never_in_the_result(
    strike: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "TOGETHER", 5)
    rows = (f"2030-01-01T{n:02}:00,announcement,x,texte {n}\n" for n in range(20))
    (strike.folder / "a.csv").write_text("at,kind,to,text\n" + "".join(rows), encoding="utf-8")
    said = "Queued 20 posts as 20 deliveries over 1 account.\n"
    plain = strike.call("posts", "import", "a.csv", "--dry-run")
    assert plain.err == ""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    shown = strike.call("posts", "import", "a.csv")
    assert (shown.code, shown.out) == (0, said)
    assert "Reading the files" in shown.err
    assert "Queueing the posts" in shown.err
    assert "100%" in shown.err
