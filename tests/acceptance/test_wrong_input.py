"""What cannot be used is refused with exit code 2 and one clear sentence, and changes nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

LONG = "grève " * 60
HEADER = "at,kind,to,text\n"

COMMANDS: dict[str, tuple[list[str], list[str]]] = {
    "unknown platform": (
        ["accounts", "add", "y", "nom", "--from-file", "x.json"],
        ["unknown platform 'y'", "x, facebook"],
    ),
    "bad name": (
        ["accounts", "add", "x", "deux mots", "--from-file", "x.json"],
        ["'deux mots' cannot be an account's name", "letters"],
    ),
    "reserved name": (["accounts", "add", "x", "all", "--from-file", "x.json"], ["'all'"]),
    "known name": (
        ["accounts", "add", "x", "collectif-x", "--from-file", "x.json"],
        ["collectif-x exists already", "--replace"],
    ),
    "another platform": (
        ["accounts", "add", "facebook", "collectif-x", "--from-file", "fb.json", "--replace"],
        ["collectif-x is an account on x"],
    ),
    "no credential file": (
        ["accounts", "add", "x", "nom", "--from-file", "rien.json"],
        ["rien.json cannot be read", "No such file"],
    ),
    "folder as credentials": (["accounts", "add", "x", "nom", "--from-file", "."], ["directory"]),
    "broken credentials": (
        ["accounts", "add", "x", "nom", "--from-file", "broken.json"],
        ["broken.json is not a JSON object"],
    ),
    "a list as credentials": (
        ["accounts", "add", "x", "nom", "--from-file", "list.json"],
        ["must be a JSON object"],
    ),
    "missing field": (
        ["accounts", "add", "x", "nom", "--from-file", "missing.json"],
        ["missing or empty", "access_token_secret"],
    ),
    "empty field": (
        ["accounts", "add", "facebook", "nom", "--from-file", "empty.json"],
        ["missing or empty", "access_token"],
    ),
    "unknown field": (
        ["accounts", "add", "facebook", "nom", "--from-file", "x.json"],
        ["unknown credential field for facebook: access_token_secret"],
    ),
    "field of another type": (
        ["accounts", "add", "facebook", "nom", "--from-file", "number.json"],
        ["must be texts: page_id"],
    ),
    "plain http to a stranger": (
        ["accounts", "add", "x", "nom", "--from-file", "x.json", "--base-url", "http://x.test"],
        ["must begin with https://"],
    ),
    "no credentials at all": (
        ["accounts", "add", "x", "nom"],
        ["credentials are missing", "--from-file"],
    ),
    "stranger paused": (["accounts", "pause", "personne"], ["'personne'", "accounts list"]),
    "stranger resumed": (["accounts", "resume", "personne"], ["'personne'"]),
    "stranger forgotten": (["accounts", "forget", "personne", "--yes"], ["'personne'"]),
    "stranger checked": (["accounts", "check", "personne"], ["'personne'"]),
    "forget unconfirmed": (["accounts", "forget", "collectif-x"], ["--yes", "Nothing was changed"]),
    "past": (["posts", "add", "x", "--to", "all", "--at", "2020-01-24T09:00"], ["has passed"]),
    "past the limit": (
        ["posts", "add", "x", "--to", "all", "--at", "2020-01-24T09:00", "--late"],
        ["has passed", "limit"],
    ),
    "no time": (["posts", "add", "x", "--to", "all", "--at", "demain"], ["demain is no time"]),
    "no delay": (["posts", "add", "x", "--to", "all", "--at", "+soon"], ["no duration", "30m"]),
    "no strike day": (
        ["posts", "add", "x", "--to", "all", "--at", "D-1 09:00"],
        ["there is none", "campaign"],
    ),
    "no such campaign": (
        ["posts", "add", "x", "--to", "all", "--at", "now", "--campaign", "rien"],
        ["no campaign called 'rien'", "campaigns set rien"],
    ),
    "lost hour": (
        ["posts", "add", "x", "--to", "all", "--at", "2031-03-30T02:30"],
        ["does not exist", "clocks go forward"],
    ),
    "doubled hour": (
        ["posts", "add", "x", "--to", "all", "--at", "2031-10-26T02:30"],
        ["exists twice", "clocks go back"],
    ),
    "too long": (
        ["posts", "add", LONG, "--to", "collectif-x", "--at", "+1h"],
        ["of 280 on X", "too many"],
    ),
    "empty text": (["posts", "add", "", "--to", "all", "--at", "+1h"], ["text", "is empty"]),
    "unknown account": (
        ["posts", "add", "x", "--to", "personne", "--at", "+1h"],
        ["unknown account or group personne"],
    ),
    "missing picture": (
        ["posts", "add", "x", "--to", "all", "--at", "+1h", "--media", "rien.png"],
        ["no picture rien.png"],
    ),
    "no picture": (
        ["posts", "add", "x", "--to", "all", "--at", "+1h", "--media", "x.json"],
        ["x.json is no PNG"],
    ),
    "more descriptions than pictures": (
        ["posts", "add", "x", "--to", "all", "--at", "+1h", "--alt", "rien"],
        ["--alt", "--media"],
    ),
    "terminal codes": (
        ["posts", "add", "x\x1b[31m", "--to", "all", "--at", "+1h"],
        ["control character U+001B"],
    ),
    "no such delivery": (["posts", "cancel", "99"], ["no delivery 99", "posts list"]),
    "one of two is missing": (["posts", "cancel", "1", "99"], ["no delivery 99"]),
    "nothing to cancel": (["posts", "cancel"], ["by id", "--campaign"]),
    "cancel a stranger's": (["posts", "cancel", "--account", "personne"], ["'personne'"]),
    "retry what waits": (["posts", "retry", "1"], ["1 (scheduled)", "Nothing was changed"]),
    "resolve what waits": (["posts", "resolve", "1", "absent"], ["1 (scheduled)"]),
    "show a stranger": (["posts", "show", "99"], ["no delivery 99"]),
    "unknown state": (["posts", "list", "--state", "perdu"], ["'perdu' is no state", "published"]),
    "list no campaign": (["posts", "list", "--campaign", "rien"], ["'rien'"]),
    "since nonsense": (["posts", "list", "--since", "hier"], ["'hier' is no time"]),
    "new campaign without a day": (["campaigns", "set", "neuve"], ["--day YYYY-MM-DD"]),
    "no day": (["campaigns", "set", "neuve", "--day", "2031-13-01"], ["not in the calendar"]),
    "no zone": (
        ["campaigns", "set", "neuve", "--day", "2031-01-24", "--timezone", "Europe/Pari"],
        ["did you mean Europe/Paris"],
    ),
    "no hashtag": (
        ["campaigns", "set", "neuve", "--day", "2031-01-24", "--hashtag", "deux mots"],
        ["is no hashtag"],
    ),
    "another day": (["campaigns", "set", "greve", "--day", "2031-02-01"], ["2031-01-24 already"]),
    "show no campaign": (["campaigns", "show", "rien"], ["no campaign called 'rien'"]),
    "export into a folder": (["audit", "export", "-o", "."], ["is no file"]),
    "export into nowhere": (["audit", "export", "-o", "rien/log.jsonl"], ["cannot be written"]),
    "export in no form": (["audit", "export", "--format", "xml"], ["xml"]),
    "verify nothing": (["audit", "verify", "rien.jsonl"], ["rien.jsonl cannot be read"]),
    "log of a stranger": (["audit", "list", "--account", "personne"], ["'personne'"]),
    "no command": (["grève"], ["grève"]),
    "half a command": (["posts"], ["Commands:"]),
    "rehearse in no time": (["rehearse", "posts.yaml", "--in", "1s"], ["3 seconds"]),
    "rehearse on a real home": (["rehearse", "posts.yaml"], ["holds a home already"]),
    "no port": (["sandbox", "--port", "99999"], ["--port"]),
    "empty home": (["--home", "", "status"], ["--home is empty"]),
}


@pytest.fixture
def busy(strike: Any) -> Any:
    """A home with something to lose, in a folder with files to get wrong."""
    folder = strike.folder
    full = json.loads((folder / "collectif-x.json").read_text(encoding="utf-8"))
    (folder / "x.json").write_text(json.dumps(full))
    (folder / "fb.json").write_text('{"page_id": "1", "access_token": "jeton-de-page"}')
    (folder / "missing.json").write_text(json.dumps(full | {"access_token_secret": ""}))
    (folder / "empty.json").write_text('{"page_id": "1", "access_token": " "}')
    (folder / "number.json").write_text('{"page_id": 1, "access_token": "jeton-de-page"}')
    (folder / "list.json").write_text('["jeton-de-page"]')
    (folder / "broken.json").write_text('{"access_token": "jeton-de-page')
    (folder / "posts.yaml").write_text("posts: [{kind: announcement, at: D 09:00, text: x}]")
    for command in (
        ["campaigns", "set", "greve", "--day", "2031-01-24"],
        ["posts", "add", "Bientôt", "--to", "all", "--at", "+1h"],
    ):
        assert strike.call(*command).code == 0
    return strike


@pytest.mark.parametrize(("words", "fragments"), COMMANDS.values(), ids=COMMANDS.keys())
def test_a_command_that_cannot_be_meant_is_refused_and_changes_nothing(
    busy: Any, words: list[str], fragments: list[str]
) -> None:
    before = busy.dump()

    ended = busy.call(*words)

    assert ended.code == 2, ended.said
    assert [part for part in fragments if part not in ended.said] == []
    assert "Traceback" not in ended.said
    assert "jeton-de-page" not in ended.said
    assert busy.dump() == before


def _utf8(text: str) -> Callable[[Path], None]:
    return lambda path: path.write_text(text, encoding="utf-8") and None


def _bytes(content: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content) and None


FILES: dict[str, tuple[str, Callable[[Path], object], list[str]]] = {
    "missing": ("rien.yaml", lambda _: None, ["rien.yaml: there is no such file"]),
    "folder": ("dossier.yaml", Path.mkdir, ["dossier.yaml: this is a folder"]),
    "empty YAML": ("vide.yaml", _utf8(""), ["vide.yaml:1: must begin with"]),
    "empty CSV": ("vide.csv", _utf8(""), ["vide.csv:1: the header lacks at, kind, to, text"]),
    "no post file": ("posts.txt", _utf8("bonjour"), ["posts.txt", "ends in .yaml, .csv"]),
    "Latin-1": ("latin.csv", _bytes(HEADER.encode() + b"\xe8"), ["latin.csv:2", "not UTF-8"]),
    "noise": ("bruit.yaml", _bytes(os.urandom(100_000)), ["bruit.yaml"]),
    "broken YAML": ("a.yaml", _utf8("campaign: {name: x\nposts:\n\t- a"), ["a.yaml:2", "not YAML"]),
    "code in YAML": (
        "a.yaml",
        _utf8("posts: !!python/object/apply:os.system ['touch hacked']"),
        ["a.yaml:1"],
    ),
    "picture outside the folder": (
        "a.csv",
        _utf8("at,kind,to,text,media\n+1h,announcement,all,x,../../../etc/passwd\n"),
        ["a.csv:2: media"],
    ),
    "several errors": (
        "a.csv",
        _utf8(
            f"{HEADER}demain,announcement,all,x\n+1h,anouncement,all,x\n+1h,announcement,personne,x\n"
        ),
        ["a.csv:2: at:", "a.csv:3: kind:", "a.csv:4: to:"],
    ),
    "no campaign": (
        "a.csv",
        _utf8(f"{HEADER}D 09:00,announcement,all,x\n"),
        ["a.csv:2: at:", "campaign"],
    ),
    "one good line and one bad": (
        "a.csv",
        _utf8(f"{HEADER}2031-01-24T09:00,announcement,all,bien\n2031-01-24,occupation,all,mal\n"),
        ["a.csv:3: at:", "lacks the time of day"],
    ),
}


@pytest.mark.parametrize(("name", "make", "fragments"), FILES.values(), ids=FILES.keys())
def test_a_file_with_an_error_says_where_and_changes_nothing(
    busy: Any, name: str, make: Callable[[Path], object], fragments: list[str]
) -> None:
    make(busy.folder / name)
    before = busy.dump()

    ended = busy.call("posts", "import", name)

    assert ended.code == 2, ended.said
    assert [part for part in fragments if part not in ended.err] == []
    assert ended.out == ""
    assert "Traceback" not in ended.err
    assert busy.dump() == before
    assert not (busy.folder / "hacked").exists()


def test_fifty_megabytes_of_nonsense_are_refused_at_once(busy: Any) -> None:
    for name in ("a.yaml", "a.csv", "a.jsonl"):
        with (busy.folder / name).open("wb") as file:
            file.truncate(50_000_000)

    ended = busy.call("posts", "import", "a.yaml", "a.csv", "a.jsonl")

    assert ended.code == 2
    assert ended.err.count("the file has 50.0 MB") == 3


def test_options_of_the_whole_command_stand_anywhere_on_the_line(busy: Any) -> None:
    ended = busy.call("posts", "list", "--json", "--home", busy.home, "-v")

    assert ended.code == 0
    assert len(ended.json()) == 2


def test_after_two_dashes_every_word_is_a_word(busy: Any) -> None:
    added = busy.call("posts", "add", "--to", "all", "--at", "+1h", "--", "--home")

    assert added.code == 0, added.said
    assert "--home" in busy.states()
