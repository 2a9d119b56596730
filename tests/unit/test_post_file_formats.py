"""The other formats, the command, and files that hold anything at all."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packs import ACCOUNTS, HEAD, NOW, PNG, STRIKE, Write, one, problems, read

from socialstrike import post_file
from socialstrike.drafts import Draft
from socialstrike.exceptions import InvalidFile


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize(("separator", "end"), [(",", "\n"), (";", "\r\n")])
def test_a_spreadsheet_in_either_dialect_reads(
    write: Write, bom: bytes, separator: str, end: str
) -> None:
    write(PNG, "a.png")
    write(PNG, "b.png")
    rows = [
        ["at", "kind", "to", "text", "media", "alt", "link"],
        ["J-1 09:00", "announcement", "collectif-x collectif-fb", '"Un, deux; trois\n!"'],
        ["D 09:00", "occupation", "collectif-x", "Ici", "a.png|b.png", "un|deux", "http://a.fr"],
    ]
    text = end.join(separator.join(row) for row in rows) + end
    first, second = read(write(bom + text.encode(), "a.csv"), campaign="greve").drafts
    assert first.texts == ("Un, deux; trois\n!\n#g24",)
    assert len(first.deliveries) == 2
    assert (first.line, second.line) == (2, 4)
    assert [picture.alt for picture in second.media] == ["un", "deux"]
    assert second.link == "http://a.fr"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "a.csv:1: the header lacks at, kind, to, text"),
        ("at,kind,to,texte\n", "a.csv:1: texte: unknown column texte; did you mean text?"),
        ("at,kind,to,text\na,b,c,d,e\n", "a.csv:2: has 5 cells and the header 4"),
        ('at,kind,to,text\na,b,c,"d\n', "this is not CSV"),
        ("at,kind,to,text,alt\nD 09:00,announcement,x,a,b\n", "a.csv:2: alt: describes more"),
    ],
)
def test_a_csv_that_cannot_be_used_says_why(write: Write, content: str, said: str) -> None:
    assert said in "\n".join(problems(write(content, "a.csv"), campaign="greve"))


def test_the_empty_cells_a_spreadsheet_adds_are_ignored(write: Write) -> None:
    path = write("at;kind;to;text;;\nD 09:00;announcement;x;a;;\n;;;;;;;\n", "a.csv")
    assert len(read(path, campaign="greve").drafts) == 1


def test_json_lines_hold_the_same_fields(write: Write) -> None:
    post = {"kind": "announcement", "at": "D 09:00", "to": ["collectif-x"], "text": "En grève"}
    drafts = read(write(json.dumps(post) + "\n\n", "a.jsonl"), campaign="greve").drafts
    assert drafts[0].key == read(write(one())).drafts[0].key
    found = problems(write('{"a": 1, "a": 2}\n[]\n{\n' + "[" * 5000, "b.jsonl"), campaign="greve")
    assert [text.split(":")[1] for text in found] == ["1", "2", "3", "4"]


def test_rehearsals_learn_whom_the_files_address(write: Write) -> None:
    yaml = write("accounts: {a: x}\ngroups: {g: [b, c]}\n" + one(to="[g, all, x, d]"))
    csv = write("at,kind,to,text\nD 09:00,announcement,d e,t\n", "a.csv")
    assert post_file.declared_accounts([yaml, csv]) == {
        "a": "x", "b": None, "c": None, "d": None, "e": None,
    }  # fmt: skip


def command(**options: object) -> Draft:
    asked: dict[str, object] = {
        "text": "En grève",
        "at": "now",
        "to": ["collectif-x"],
        "accounts": ACCOUNTS,
        "now": NOW,
        **options,
    }
    [made] = post_file.drafts(**asked)  # type: ignore[arg-type]
    return made


def test_a_command_makes_the_same_post_as_a_file(write: Write) -> None:
    made = command(at="D 09:00", campaign=STRIKE)
    assert made.key == read(write(one())).drafts[0].key
    assert made.line is None


def test_a_command_may_say_now_or_in_a_while(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    assert command().deliveries[0].due_at == NOW
    later = command(at="+10m", media=[(tmp_path / "a.png", "une affiche")])
    assert later.deliveries[0].due_at == NOW + timedelta(minutes=10)
    assert later.media[0].alt == "une affiche"


def test_a_command_is_refused_with_its_arguments_named() -> None:
    with pytest.raises(InvalidFile) as refused:
        command(text="", at="+soon", to=["x", "autre"], kind="occupation")
    assert [problem.field for problem in refused.value.problems] == ["at", "to", "text"]


def test_a_campaign_made_by_a_command_keeps_the_rules_of_a_file() -> None:
    post_file.check_campaign(STRIKE)
    wrong = replace(STRIKE, timezone="Europe/Pari", hashtag="sans dièse", window_hours=0)
    with pytest.raises(InvalidFile) as refused:
        post_file.check_campaign(wrong)
    fields = [problem.field for problem in refused.value.problems]
    assert fields == ["campaign.timezone", "campaign.hashtag", "campaign.window"]


PIECES = (
    *(HEAD, "posts:\n", "  - kind: occupation\n", "    every: 1m\n", "    to: all\n", "- "),
    *("    texts: [a, b]\n", "at,kind,to,text\n", "D 09:00,", "announcement,", "x,", '"', "? "),
    *("{", "}", "[", "]", ": ", "&a ", "*a", "!t ", "\n", "é", "\0", "\x85", "|\n", "%YAML 9\n"),
    *('{"kind":', '"text"', "}\n", "D-999 24:00", "9" * 30, "\ufeff", "\t"),
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=200)
    | st.text(max_size=200).map(str.encode)
    | st.lists(
        st.sampled_from(PIECES),
        max_size=20,
    ).map(lambda parts: "".join(parts).encode()),
    st.sampled_from(["a.yaml", "a.csv", "a.jsonl"]),
)
def test_whatever_a_file_holds_it_is_read_or_refused(
    write: Write, content: bytes, name: str
) -> None:
    path = write(content, name)
    try:
        read(path, campaign="greve")
    except InvalidFile as error:
        assert error.problems
        assert all(problem.where == str(path) for problem in error.problems)
