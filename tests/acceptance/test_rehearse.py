"""A whole day, rehearsed through the command."""

from __future__ import annotations

import re
from typing import Any

PACK = """\
campaign: {name: jour-j, day: 2031-01-24, timezone: Europe/Paris, hashtag: "#jourj"}
accounts: {collectif-x: x, collectif-fb: facebook}
posts:
  - {kind: announcement, at: D-1 18:00, to: all, text: "Demain, nous serons en grève."}
  - kind: occupation
    every: 6h
    from: D 00:00
    until: D 24:00
    to: all
    texts: ["Minuit.", "L'aube.", "Midi.", "Le soir."]
"""


def test_a_rehearsal_publishes_the_whole_day_and_proves_it(cli: Any) -> None:
    (cli.folder / "posts.yaml").write_text(PACK, encoding="utf-8")
    cli.home = cli.folder / "rehearsal"

    ended = cli.run("rehearse", "posts.yaml", "--in", "5s", "--json")

    assert ended.code == 0, ended.said
    told = ended.json()
    assert told["ok"] is True
    assert told["seen_by_sandbox"] == 10
    assert {a["account"]: a["published"] for a in told["accounts"]} == {
        "collectif-fb": 5,
        "collectif-x": 5,
    }
    assert told["seconds"] < 90
    assert "Le soir." in (cli.home / "timelines.html").read_text(encoding="utf-8")
    assert cli.call("audit", "verify").code == 0


def test_a_rehearsal_with_posts_that_a_platform_refuses_ends_with_exit_code_1(cli: Any) -> None:
    # Twice the same words on one account: platforms refuse the second.
    pack = PACK.replace('["Minuit.", "L\'aube.", "Midi.", "Le soir."]', '["Minuit.", "Midi."]')
    (cli.folder / "posts.yaml").write_text(pack, encoding="utf-8")
    cli.home = cli.folder / "rehearsal"

    ended = cli.run("rehearse", "posts.yaml", "--in", "3s")

    assert ended.code == 1, ended.said
    assert "would repeat itself" in ended.err
    told = re.search(r"^\d+ of 10 published .* the sandbox saw (\d+)\.$", ended.out, re.M)
    assert told is not None
    assert int(told[1]) == 8  # three different texts on X, and all five on Facebook
    assert "Audit log: " in ended.out


def test_a_file_that_cannot_be_rehearsed_leaves_nothing_behind(cli: Any, monkeypatch: Any) -> None:
    temporary = cli.folder / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    (cli.folder / "posts.yaml").write_text("posts: []", encoding="utf-8")

    from socialstrike.cli import main

    try:
        main(["rehearse", "posts.yaml"])
    except SystemExit as end:
        assert end.code == 2
    assert list(temporary.iterdir()) == []
