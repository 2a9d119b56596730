"""Files made to do harm: each is refused in words, at once, and costs next to nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from packs import HEAD, Write, measured, one, problems, read

from socialstrike import post_file
from socialstrike.content import forbidden_character, printable, unclosed_direction
from socialstrike.exceptions import InvalidFile
from socialstrike.post_file.head import link
from socialstrike.post_file.nodes import Report, Scalar

MAX_SECONDS = 2.0
MAX_MEGABYTES = 300
TOP = "at,kind,to,text\n"
ROW = "D 09:00,announcement,collectif-x,"

#: What is written into the file, and a word of how it is refused.
BOMBS: dict[str, tuple[Callable[[], Iterator[str]], str]] = {
    "laughs.yaml": (
        lambda: iter(
            [
                "a: &a [lol]\n",
                *(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
            ]
        ),
        "anchors (&) and aliases (*) are not used here",
    ),
    "merge.yaml": (lambda: iter(["posts:\n- <<: {kind: a}\n"]), "unknown field <<"),
    "tag.yaml": (lambda: iter(["posts: !!python/object/new:os.system [id]\n"]), "tags (!)"),
    "directives.yaml": (lambda: (f"%TAG !a{n}! b\n" for n in range(300_000)), "(%TAG)"),
    "deep.yaml": (lambda: iter(["- " * 2_400_000]), "nested too deeply"),
    "flow.yaml": (lambda: iter(["{a: " * 1_200_000]), "nested too deeply"),
    "keys.yaml": (lambda: iter(["? " * 2_400_000]), "nested too deeply"),
    "nodes.yaml": (lambda: iter(["posts:\n", "- a\n" * 1_200_000]), "too many values"),
    "fields.yaml": (lambda: (f"k{n}: 1\n" for n in range(140_000)), "unknown field k0"),
    "scalar.yaml": (lambda: iter([one(text="a" * 4_900_000)]), "more than any platform takes"),
    "names.yaml": (lambda: iter([one(to="a " * 2_400_000)]), "names more than 1,000 accounts"),
    "media.yaml": (lambda: iter([one(media=f"[{'a.png,' * 99_000}]")]), "names more than 100"),
    "accounts.yaml": (
        lambda: iter(
            [
                *("accounts:\n", *(f"  a{n}: x\n" for n in range(999)), HEAD, "posts:\n"),
                *(
                    "- {kind: occupation, every: 1m, from: D 0:00, until: D+1 9:00, to: all, ",
                    "text: a}",
                ),
            ]
        ),
        "there is no such account",
    ),
    "rows.csv": (lambda: iter([TOP, (ROW + "a\n") * 330_000]), "has more than 100,000 rows"),
    "wrong.csv": (lambda: iter([TOP, "D 09:00,a,nobody,a\n" * 100_000]), "and at least 900 more"),
    "empty.csv": (lambda: iter([TOP, "\n" * 14_000_000]), "has more than 100,000 rows"),
    "commas.csv": (lambda: iter([TOP, "a" + "," * 14_000_000 + "a"]), "cells and the header 4"),
    "header.csv": (lambda: iter(["a," * 7_000_000]), "unknown column a"),
    "quote.csv": (lambda: iter([TOP, ROW, '"', "a" * 14_000_000]), "this is not CSV"),
    "astral.csv": (lambda: iter([TOP, ROW, "\U0001f600", "a" * 14_000_000]), "this is not CSV"),
    "lines.jsonl": (lambda: iter(["\n" * 14_000_000]), "has more than 100,000 lines"),
    "deep.jsonl": (lambda: iter(["[" * 1_900_000]), "nested too deeply"),
    "lists.jsonl": (
        lambda: iter([*("[", "[]," * 600_000, "1]\n") * 7]),
        "holds more than 50,000 values",
    ),
    "line.jsonl": (lambda: iter(["[", "1," * 7_000_000, "1]"]), "more than 2,000,000 characters"),
    "digits.jsonl": (lambda: iter(['{"at": ', "9" * 1_900_000, "}"]), "is no time"),
    "to.jsonl": (lambda: iter(['{"to": [', '"a",' * 40_000, '"a"]}']), "names more than 1,000"),
}
MEASURED = """
import sys, time
from datetime import UTC, date, datetime
from pathlib import Path
from socialstrike import post_file
from socialstrike.drafts import CampaignSpec
from socialstrike.exceptions import InvalidFile

began = time.process_time()
try:
    post_file.read(
        [Path(sys.argv[1])],
        campaigns=lambda _: CampaignSpec("greve", date(2020, 1, 24), "Europe/Paris"),
        accounts={"collectif-x": "x", "collectif-fb": "facebook"},
        now=datetime(2020, 1, 1, tzinfo=UTC),
        campaign="greve",
    )
except InvalidFile as error:
    print(time.process_time() - began, peak(), error)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows does not tell a process's memory this way")
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_within_two_seconds_and_300_megabytes(tmp_path: Path, name: str) -> None:
    write, said = BOMBS[name]
    path = tmp_path / name
    with path.open("w", encoding="utf-8") as file:
        file.writelines(write())
    seconds, megabytes, errors = measured(MEASURED, path)
    assert said in errors
    assert seconds < MAX_SECONDS
    assert megabytes < MAX_MEGABYTES
    assert errors.count("\n") <= 101
    assert len(errors) < 100_000


@pytest.mark.parametrize("name", ["a.yaml", "a.csv", "a.jsonl"])
def test_a_line_of_a_gigabyte_is_refused_unread(tmp_path: Path, name: str) -> None:
    with (tmp_path / name).open("wb") as file:
        file.truncate(1_000_000_000)
    assert "the file has 1000.0 MB, more than the" in problems(tmp_path / name)[0]


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there are no such devices here")
def test_a_device_or_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.csv").symlink_to("/dev/zero")
    assert "this is no ordinary file" in problems(tmp_path / "a.csv")[0]
    os.mkfifo(tmp_path / "b.csv")
    assert "this is no ordinary file" in problems(tmp_path / "b.csv")[0]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"kind": NaN}', "NaN is not JSON"),
        ('{"kind": -Infinity}', "-Infinity is not JSON"),
        ('{"at": 1, "at": 2}', "a field stands twice"),
        ('{"media": [{"file": "a", "file": "b"}]}', "a field stands twice"),
        ('{"at": 1e400, "kind": "announcement", "to": "x", "text": "a"}', "1e400 is no time"),
        ('{"kind": true}', "not true"),
        ('{"to": [[1]]}', "must be a name"),
        ('{"text": {"a": 1}}', "text.a: unknown field a"),
        ('{"text": "\\ud800"}', "holds the control character U+D800 at position 1"),
        ('{"\\ud800\\u001b[31m": 1}', "unknown field"),
        ("\ufeff{}", "this is not JSON"),
        ("{}{}", "this is not JSON"),
        ("'a'", "this is not JSON"),
    ],
)
def test_json_that_is_none_or_means_two_things_says_so(write: Write, line: str, said: str) -> None:
    found = problems(
        write(f"\n{line}\n".encode("utf-8", "surrogatepass"), "a.jsonl"), campaign="greve"
    )
    assert any(said in problem for problem in found)
    assert all(problem.startswith("a.jsonl:2: ") for problem in found)


def test_numbers_in_json_stay_as_they_are_written(write: Write) -> None:
    line = '{"kind": "announcement", "at": "D 09:00", "to": "collectif-x", "text": 1.10}'
    assert read(write(line, "a.jsonl"), campaign="greve").drafts[0].texts == ("1.10 #g24",)


@pytest.mark.parametrize(
    "formula", ["=1+1", "+33 1", "-2", "@onestlatech", '=HYPERLINK("http://a.fr")']
)
def test_what_a_spreadsheet_would_reckon_is_text_here(write: Write, formula: str) -> None:
    cell = '"' + formula.replace('"', '""') + '"'
    [draft] = read(write(f"{TOP}{ROW}{cell}\n", "a.csv"), campaign="greve").drafts
    assert draft.texts == (f"{formula} #g24",)
    found = problems(write(f"{TOP}=NOW(),announcement,=A1,a\n", "b.csv"), campaign="greve")
    assert sorted(problem.split(": ")[1] for problem in found) == ["at", "to"]


@pytest.mark.parametrize(
    "escape", ["\\e[31m", "\\e]0;a\\a", "\\x9b1m", "\\0", "\\r", "\\x7f", "\\uFEFF"]
)
@pytest.mark.parametrize(
    ("field", "form"),
    [
        ("text", '"a{}"'),
        ("media[1].alt", '[{{file: a.png, alt: "a{}"}}]'),
        ("media[1]", '[{{file: "a{}.png", alt: a}}]'),
        ("link", '"https://a.fr/{}b"'),
        ("variants.x", '{{x: "a{}"}}'),
        ("texts[2]", '["a", "b{}"]'),
        ("at", '"D 9:00{}a"'),
        ("to", '"a{}"'),
        ("kind", '"a{}"'),
        ("lateness", '"a{}"'),
    ],
)
def test_what_a_terminal_would_obey_is_refused_in_every_field(
    write: Write, escape: str, field: str, form: str
) -> None:
    name = field.partition("[")[0].partition(".")[0]
    said = {name: form.format(escape)}
    if name == "texts":
        said |= {"every": "1h", "at": "", "text": ""}
    found = problems(write(one(**{"kind": "occupation", **said})))
    assert any(problem.split(": ")[1] == field for problem in found), found
    assert all(printable(problem) == problem for problem in found)


ARABIC = "إضراب عام \u2067شامل\u2069 يوم الجمعة"
HEBREW = "שביתה \u202bכללית\u202c ביום שישי\u200f"


@pytest.mark.parametrize("text", [ARABIC, HEBREW, "\u2066a\u202eb\u202c\u2069", "a\u200eb\u061c"])
def test_writing_directions_in_pairs_are_published_as_they_are(write: Write, text: str) -> None:
    assert read(write(one(text=json.dumps(text)))).drafts[0].texts == (f"{text} #g24",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gnp.\u202efdp", "U+202E at position 5"),
        ("a\u2066b\nc\u2069", "U+2066 at position 2"),
        ("a\u2069", "U+2069 at position 2"),
        ("a\u202c", "U+202C at position 2"),
        ("\u2067a\u202eb\u2069", "U+2069 at position 5"),
        ("\u202ba\u2069", "U+2069 at position 3"),
    ],
)
def test_half_of_a_pair_of_writing_directions_is_refused(
    write: Write, text: str, said: str
) -> None:
    for name, form in (
        ("text", "{}"),
        ("variants.x", "{{x: {}}}"),
        ("media[1].alt", "[{{file: a, alt: {}}}]"),
    ):
        field = name.partition("[")[0].partition(".")[0]
        found = problems(write(one(**{field: form.format(json.dumps(text))})))
        assert any(
            f": {name}: changes the writing direction with {said}" in problem for problem in found
        )


@pytest.mark.parametrize("hidden", ["\u202e", "\u200b", "\u2066", "\u00ad", "\u2060"])
def test_an_address_hides_nothing(hidden: str) -> None:
    report = Report("a.yaml")
    assert link(Scalar(f"https://onestla{hidden}.tech/", 3), "link", report) is None
    assert [problem.line for problem in report.errors] == [3]


@pytest.mark.parametrize(
    "name",
    [
        *("../a.png", "b/../../a.png", "/etc/passwd", "~/a.png", "~root/a.png", "//host/a.png"),
        *("..\\a.png", "C:\\a.png", "C:a.png", "\\\\host\\a", "/proc/self/environ", "b/..\\..\\a"),
    ],
)
def test_a_picture_outside_the_folder_is_refused(write: Write, name: str) -> None:
    [found] = problems(write(one(media=json.dumps([name]))))
    assert "posts.yaml:7: media[1]: " in found
    assert "leaves the file's folder" in found


@pytest.mark.skipif(os.name == "nt", reason="Windows needs a right for links")
def test_a_link_in_any_part_of_a_pictures_path_may_not_lead_out(
    write: Write, tmp_path: Path
) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "etc").symlink_to("/etc")
    (inside / "up").symlink_to("..")
    (inside / "round").symlink_to("round")
    (inside / "proc.png").symlink_to("/proc/self/environ")
    path = inside / "posts.yaml"
    path.write_text(one(media='["etc/hostname", "up/a.png", "round", "proc.png", "posts.yaml/a"]'))
    found = problems(path)
    assert [problem.split(": ")[1] for problem in found] == [f"media[{n}]" for n in range(1, 6)]
    assert sum("is a link out of the file's folder" in problem for problem in found) == 3


def test_an_occupation_of_millions_is_refused_before_it_is_made(write: Write) -> None:
    accounts = {f"a{n}": "x" for n in range(999)}
    path = write(
        one(
            "occupation",
            **{"at": "", "every": "1m", "from": "D 0:00", "until": "D+1 9:00", "to": "all"},
        )
    )
    [found] = problems(path, accounts=accounts)
    assert "comes to more than 200,000 deliveries" in found


def test_a_rehearsal_makes_up_no_million_of_accounts(write: Write) -> None:
    rows = (
        f"D 09:00,announcement,{' '.join(f'a{row}x{n}' for n in range(9_000))},a\n"
        for row in range(9)
    )
    with pytest.raises(InvalidFile, match="addresses more than 10,000 accounts"):
        post_file.declared_accounts([write(TOP + "".join(rows), "a.csv")])


TROUBLE = st.sampled_from(
    (
        *("\0", "\x1b", "\x9b", "\r", "\x85", "\u202e", "\u2067", "\u2069", "\ufeff", "\u2028"),
        *("{", "}", "[", "&a ", "*a", '"', "'", ": ", "- ", "\n  ", "#", "|", ",", ";", "!!x "),
        *("<<: ", "\\", "\\u202e", "NaN", "9" * 40, "\x1b]8;;http://a\x07"),
    )
)
WORDS = (
    st.text(max_size=12) | TROUBLE | st.sampled_from(["D 09:00", "D-1 24:00", "all", "x", "a.png"])
)
VALUES = st.recursive(
    WORDS | st.none() | st.booleans() | st.integers() | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(
    ["kind", "at", "every", "from", "until", "to", "text", "texts", "media", "variants", "link"]
)
POSTS = st.dictionaries(FIELDS, VALUES, max_size=8).map(
    lambda fields: {"kind": "occupation", "at": "D 09:00", "to": "x", "text": "a", **fields}
)


def _refused_in_words(path: Path) -> None:
    try:
        file = read(path, campaign="greve")
    except InvalidFile as error:
        for problem in error.problems:
            assert printable(str(problem)) == str(problem)
            assert "\n" not in str(problem)
        return
    for draft in file.drafts:
        for delivery in draft.deliveries:
            assert not forbidden_character(delivery.text)
            assert not unclosed_direction(delivery.text)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(POSTS, min_size=1, max_size=2))
@example([{"kind": "\ud800"}])
def test_any_values_in_any_fields_are_read_or_refused_in_words(
    write: Write, posts: list[dict[str, object]]
) -> None:
    # JSON is YAML too, but for what it allows and YAML does not.
    _refused_in_words(write("".join(f"{json.dumps(post)}\n" for post in posts), "a.jsonl"))
    _refused_in_words(write(f"{HEAD}posts: {json.dumps(posts)}", "a.yaml"))


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(WORDS, max_size=8), max_size=4), st.sampled_from(",;"))
def test_any_cells_are_read_or_refused_in_words(
    write: Write, rows: list[list[str]], separator: str
) -> None:
    text = "at,kind,to,text,media,alt,link\n".replace(",", separator)
    text += "\n".join(separator.join(row) for row in rows)
    _refused_in_words(write(text.encode("utf-8", "surrogatepass"), "a.csv"))
