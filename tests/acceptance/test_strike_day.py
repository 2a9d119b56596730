"""From a file of posts to the proof of what went out, through the command alone."""

from __future__ import annotations

import base64
import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

PACK = """\
campaign: {{name: jour-j, day: {day}, timezone: UTC, hashtag: "#jourj", mention: "@onestlatech"}}
posts:
  - kind: announcement
    at: D {time}
    to: all
    text: "Nous sommes en grève, avec @onestlatech."
    media: [{{file: affiche.png, alt: "Une affiche"}}]
  - kind: occupation
    at: D {time}
    to: [collectif-x]
    text: "Le piquet tient."
"""
SAMPLE = Path(__file__).parents[2] / "sample_posts"


def pack(folder: Path) -> Path:
    """A pack of posts that were due a moment ago."""
    due = datetime.now(UTC) - timedelta(minutes=2)
    (folder / "affiche.png").write_bytes((SAMPLE / "affiche.png").read_bytes())
    file = folder / "posts.yaml"
    file.write_text(PACK.format(day=due.date(), time=f"{due:%H:%M}"), encoding="utf-8")
    return file


def test_a_pack_is_imported_published_listed_exported_and_verified(
    strike: Any, sandbox: Any
) -> None:
    file = pack(strike.folder)

    imported = strike.run("posts", "import", file, "--late")
    assert (imported.code, imported.out) == (
        0,
        "Queued 2 posts as 3 deliveries over 2 accounts.\n",
    ), imported.said
    ran = strike.run("run", "--until-idle")
    assert (ran.code, ran.out) == (0, "Deliveries: 3 published.\n"), ran.said

    rows = strike.run("posts", "list", "--json").json()
    assert {row["state"] for row in rows} == {"published"}
    assert all("#jourj" in row["text"] and row["lateness_s"] >= 120 for row in rows)
    seen = {(post["account"], post["id"]): post for post in sandbox.posts()}
    assert len(seen) == 3
    assert {post["id"] for post in seen.values()} == {row["remote_id"] for row in rows}
    pictured = [post["media"][0]["alt"] for post in seen.values() if post["media"]]
    assert pictured == ["Une affiche", "Une affiche"]

    for form, way in (("jsonl", strike.run), ("csv", strike.call)):
        exported = way("audit", "export", "--format", form, "-o", f"log.{form}")
        assert exported.code == 0, exported.said
        verified = way("audit", "verify", f"log.{form}")
        assert (verified.code, verified.out[:9]) == (0, "Verified:"), verified.said
    here, there = strike.call("audit", "verify").out, verified.out
    assert here.splitlines()[0] == there.splitlines()[0]  # the same log, the same head
    lines = (strike.folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
    entries = [entry for entry in map(json.loads, lines) if "attached" not in entry]
    published = [entry for entry in entries if entry["event"] == "delivery.published"]
    assert {entry["remote_id"] for entry in published} == {row["remote_id"] for row in rows}
    with (strike.folder / "log.csv").open(encoding="utf-8", newline="") as table:
        assert len(list(csv.DictReader(table))) == len(entries)


def test_the_same_file_twice_changes_nothing(strike: Any) -> None:
    file = pack(strike.folder)
    assert strike.call("posts", "import", file, "--late").code == 0
    before = strike.dump()

    again = strike.call("posts", "import", file, "--late")

    assert again.code == 0
    assert again.out.startswith("Nothing new: 3 deliveries were queued before")
    assert strike.dump() == before


def test_a_dry_run_shows_the_day_and_changes_nothing(strike: Any) -> None:
    file, before = pack(strike.folder), strike.dump()

    shown = strike.call("posts", "import", file, "--late", "--dry-run")

    assert shown.code == 0
    assert "Would queue 2 posts as 3 deliveries over 2 accounts" in shown.out
    assert shown.out.count("collectif-x") == 2
    assert "Le piquet tient. #jourj" in shown.out
    assert strike.dump() == before
    assert not (strike.home / "media").exists()


def test_a_dry_run_meets_what_the_import_would_refuse(strike: Any) -> None:
    file = pack(strike.folder)
    assert strike.call("posts", "import", file, "--late").code == 0

    moved = strike.call("posts", "import", file, "--day", "2031-01-24", "--dry-run")

    assert moved.code == 2
    assert "give the new strike another name with --campaign" in moved.err


def test_a_pack_moves_to_another_day_under_another_name(strike: Any) -> None:
    file = pack(strike.folder)
    assert strike.call("posts", "import", file, "--late").code == 0

    moved = strike.call("posts", "import", file, "--day", "2031-01-24", "--campaign", "encore")

    assert moved.code == 0, moved.said
    rows = strike.call("posts", "list", "--campaign", "encore", "--json").json()
    assert [row["due_at"][:10] for row in rows] == ["2031-01-24"] * 3


def test_a_lost_answer_is_looked_up_and_nothing_is_posted_twice(strike: Any, sandbox: Any) -> None:
    sandbox.add_fault("drop_after", platform="x")
    sandbox.add_fault("error_after", platform="facebook")
    assert strike.call("posts", "add", "Grève !", "--to", "all", "--at", "now").code == 0

    ran = strike.run("run", "--until-idle")

    assert (ran.code, ran.out) == (0, "Deliveries: 2 published.\n"), ran.said
    assert len(sandbox.posts()) == 2


def test_no_credential_is_written_anywhere_in_a_whole_verbose_run(
    strike: Any, sandbox: Any, credentials: dict[str, dict[str, str]]
) -> None:
    for fault in ("error_html", "malformed", "drop_before", "rate_limited"):
        sandbox.add_fault(fault, reset_in=0, contains=fault)
        strike.call("posts", "add", f"Grève {fault}", "--to", "all", "--at", "now")
    sandbox.add_fault("unauthorized", contains="dernier")
    strike.call("posts", "add", "Le dernier", "--to", "all", "--at", "now")
    (strike.folder / "broken.json").write_text(
        json.dumps(credentials["x"])[:-1] + "oups", encoding="utf-8"
    )
    strike.call("accounts", "add", "x", "nulle-part", "--base-url", "http://127.0.0.1:9",
                "--from-file", "collectif-x.json")  # fmt: skip
    closed = ("accounts", "check", "--json")

    said = [strike.run("--verbose", "run", "--until-idle").said]
    said += [
        strike.call("--verbose", *command).said
        for command in (
            closed,
            ("accounts", "list", "--json"),
            ("accounts", "add", "x", "autre", "--from-file", "broken.json"),
            ("posts", "list", "--json"),
            ("status", "--json"),
            ("audit", "export", "--format", "csv", "-o", "log.csv"),
            ("audit", "export", "-o", "log.jsonl"),
            ("audit", "list"),
        )
    ]
    written = [file for file in strike.home.rglob("*") if file.is_file()]
    written += [strike.folder / "log.csv", strike.folder / "log.jsonl"]
    everything = "\n".join(said).encode() + b"".join(file.read_bytes() for file in written)

    assert b"delivery.published" in everything  # it did run
    for fields in credentials.values():
        for name, value in fields.items():
            if name != "page_id":  # a page's id is in every address of it
                assert [form for form in _forms(value) if form in everything] == []


def _forms(secret: str) -> Iterator[bytes]:
    raw = secret.encode()
    yield raw
    yield from (
        spelling.encode()
        for spelling in (quote(raw, safe=""), quote_plus(raw), quote(raw), json.dumps(secret)[1:-1])
    )
    for shift in range(3):
        # Where it begins in a group of three bytes decides its letters; the edges are shared.
        letters = base64.b64encode(b"\0" * shift + raw + b"\0\0")
        yield letters[4 * bool(shift) : 4 * (len(raw) // 3)]
