from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from socialstrike.cli import main


@pytest.fixture
def elsewhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Another person's machine: the command without any home of ours."""

    def run(*arguments: object) -> tuple[int, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main(["--home", str(tmp_path / "other"), *map(str, arguments)])
        said = capsys.readouterr()
        return int(end.value.code or 0), said.out + said.err

    return run


@pytest.fixture
def asked(cli: Any, sandbox: Any, elsewhere: Any, tmp_path: Path) -> dict[str, Path]:
    """One post under a quorum of one; zoé's key, and the request and the approval by it."""
    cli.add("x", "collectif", sandbox)
    made = {name: tmp_path / name for name in ("key", "request", "approval")}
    code, said = elsewhere("approvers", "new", "zoé", "-o", made["key"], "--unencrypted")
    assert code == 0, said
    for line in (
        ("approvers", "add", "zoé", said.split()[-1]),
        ("campaigns", "set", "grève", "--day", "2036-01-24", "--quorum", "1"),
        ("posts", "add", "On bloque", "--at", "+1h", "--to", "collectif", "--campaign", "grève"),
        ("posts", "approve", "--campaign", "grève", "--export", made["request"]),
    ):
        ended = cli.call(*line)
        assert ended.code == 0, ended.said
    signing = ("--key", made["key"], "-o", made["approval"], "--yes")
    code, said = elsewhere("approvals", "sign", made["request"], *signing)
    assert code == 0, said
    assert "On bloque" in said
    return made


def test_a_person_approves_on_another_machine_without_a_home(
    cli: Any, asked: dict[str, Path], tmp_path: Path
) -> None:
    assert not (tmp_path / "other").exists()
    assert asked["key"].stat().st_mode & 0o077 == 0
    assert cli.call("approvals", "waiting").code == 3
    assert "1 delivery approved" in cli.call("approvals", "import", asked["approval"]).out
    assert cli.call("approvals", "waiting").code == 0
    again = cli.call("approvals", "import", asked["approval"])
    assert (again.code, "approved before" in again.out) == (0, True)
    assert cli.call("audit", "verify").code == 0


def test_an_altered_approval_exits_4_and_a_stale_one_2(cli: Any, asked: dict[str, Path]) -> None:
    document = json.loads(asked["approval"].read_text(encoding="utf-8"))
    document["statement"]["campaign"] = None
    altered = asked["approval"].with_name("altered")
    altered.write_text(json.dumps(document), encoding="utf-8")
    before = cli.dump()
    assert cli.call("approvals", "import", altered).code == 4
    assert cli.dump() == before

    assert cli.call("posts", "edit", "1", "--text", "On occupe").code == 0
    stale = cli.call("approvals", "import", asked["approval"])
    assert (stale.code, "was changed since" in stale.err) == (2, True)
    assert cli.call("approvals", "waiting").code == 3


@pytest.mark.usefixtures("asked")
def test_a_vote_of_an_assembly_is_in_the_log_with_its_tally(cli: Any) -> None:
    tally = ("--for", "48", "--against", "2", "--abstain", "5")
    vote = ("campaigns", "vote", "grève", "--date", "2036-01-12", "--body", "AG", *tally)
    assert cli.call(*vote).code == 0
    # The login that queued the post cannot approve it by writing a vote down.
    assert cli.call(*vote, "--covers", "approval").code == 2
    [entry] = [
        e for e in cli.call("audit", "list", "--json").json() if e["event"] == "campaign.voted"
    ]
    assert (entry["for"], entry["against"], entry["abstain"]) == (48, 2, 5)
