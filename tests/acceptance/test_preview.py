"""``posts preview`` and the forms of ``plan``, as people type them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from socialstrike.sandbox.process import SandboxProcess

if TYPE_CHECKING:
    from tests.acceptance.conftest import Cli

FILE = """
campaign: {name: greve, day: 2035-01-24, timezone: Europe/Paris, hashtag: "#g35"}
posts:
  - {kind: announcement, at: D-1 09:00, to: all, text: Demain nous serons en grève}
  - {kind: occupation, every: 6h, from: D 00:00, until: D 24:00, to: all, texts: [a, b, c, d]}
"""


@pytest.fixture
def pack(cli: Cli, sandbox: SandboxProcess) -> Path:
    cli.add("x", "collectif-x", sandbox)
    cli.add("facebook", "page", sandbox)
    path = cli.folder / "posts.yaml"
    path.write_text(FILE, encoding="utf-8")
    return path


def test_a_file_is_previewed_as_it_would_be_queued_and_nothing_is_changed(
    cli: Cli, pack: Path
) -> None:
    before = cli.dump()
    shown = cli.call("posts", "preview", pack, "--json")
    assert shown.code == 0, shown.said
    assert cli.dump() == before
    announced = shown.json()[0]
    assert announced["text"] == "Demain nous serons en grève #g35"
    assert (announced["length"], announced["limit"]) == (32, 280)
    assert announced["entities"] == [{"kind": "hashtag", "text": "#g35", "counts": 4}]
    cli.call("posts", "import", pack)
    queued = cli.call("posts", "preview", "--campaign", "greve", "--json").json()
    assert [one["text"] for one in queued] == [one["text"] for one in shown.json()]


def test_deliveries_are_previewed_by_id_for_people(cli: Cli, pack: Path) -> None:
    cli.call("posts", "import", pack)
    first = str(cli.rows()[0]["id"])
    shown = cli.call("posts", "preview", first)
    assert shown.code == 0, shown.said
    assert "X: collectif-x (announcement, 2035-01-23 09:00:00 CET)" in shown.out
    assert "32 of 280 weighted characters" in shown.out
    assert "#g35 (counts 4)" in shown.out


@pytest.mark.parametrize(
    "given",
    [[], ["1", "posts.yaml"], ["posts.yaml", "--account", "page"], ["1", "--day", "2035-01-24"]],
)
def test_a_preview_of_unlike_things_is_wrong_usage(cli: Cli, pack: Path, given: list[str]) -> None:
    assert cli.call("posts", "preview", *given).code == 2


def test_an_unknown_delivery_and_a_file_with_an_error_are_told(cli: Cli, pack: Path) -> None:
    missing = cli.call("posts", "preview", "99")
    assert (missing.code, "no delivery 99" in missing.err) == (2, True)
    pack.write_text(FILE.replace("kind: announcement", "kind: annonce"), encoding="utf-8")
    wrong = cli.call("posts", "preview", pack)
    assert wrong.code == 2
    assert "kind: must be announcement or occupation" in wrong.err


def test_a_plan_is_written_as_a_calendar_and_as_a_page(cli: Cli, pack: Path) -> None:
    cli.call("posts", "import", pack)
    for form, begins in (("ics", b"BEGIN:VCALENDAR\r\n"), ("html", b"<!DOCTYPE html>\n")):
        file = cli.folder / f"plan.{form}"
        ended = cli.call("plan", "--format", form, "-o", file)
        assert (ended.code, ended.out) == (0, ""), ended.said
        assert file.read_bytes().startswith(begins)
        assert cli.run("plan", "--format", form).out.startswith(begins.decode()[:9])
    events = (cli.folder / "plan.ics").read_bytes().count(b"BEGIN:VEVENT")
    assert events == 5
    refused = cli.call("plan", "--format", "ics", "-o", cli.folder / "none" / "plan.ics")
    assert (refused.code, "cannot be written" in refused.err) == (2, True)


def test_a_plan_in_json_goes_to_a_file_whole(cli: Cli, pack: Path) -> None:
    cli.call("posts", "import", pack)
    printed = cli.call("plan", "--format", "json").json()
    cli.call("plan", "--format", "json", "-o", cli.folder / "plan.json")
    assert json.loads((cli.folder / "plan.json").read_text(encoding="utf-8")) == printed


def test_without_names_no_form_of_the_plan_names_an_account(cli: Cli, pack: Path) -> None:
    cli.call("posts", "import", pack)
    cli.call("accounts", "pause", "collectif-x")
    for form in ("table", "json", "ics", "html"):
        ended = cli.call("plan", "--no-names", "--simulate", "--format", form)
        assert ended.code == 3, ended.said
        assert "collectif-x" not in ended.said, form


def test_the_table_can_be_read_account_by_account(cli: Cli, pack: Path) -> None:
    cli.call("posts", "import", pack)
    lines = cli.call("plan", "--by", "account").out.splitlines()
    accounts = [name for line in lines for name in ("collectif-x", "page") if f" {name} " in line]
    assert accounts == ["collectif-x"] * 5 + ["page"] * 5
