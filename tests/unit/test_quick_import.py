"""What makes an import quick says the same as what it stands in for, and files take little room."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import string
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from packs import NOW, Write, measured, problems, read

from socialstrike import content, platforms
from socialstrike.drafts import Draft, DraftDelivery, DraftMedia
from socialstrike.platforms.mastodon_instance import limits_of
from socialstrike.post_file import nodes, times
from socialstrike.post_file.nodes import decode
from socialstrike.post_file.pile import Pile
from socialstrike.post_file.times import Calendar, WrongTime

#: Of these, texts come to hold addresses, mentions, emoji and what only looks like them.
PIECES = (
    "https://a.fr",
    "https://",
    "a.fr",
    ".",
    "..",
    "www.é.com",
    "日本.jp",
    "t.co/x",
    "@a@b.fr",
    "#g",
    " ",
    "\n",
)
TEXTS = st.lists(
    st.one_of(
        st.sampled_from((*PIECES, "😀", "🇫🇷", "👩\u200d👧", "1\ufe0f\u20e3", "e\u0301", "_", "-")),
        st.text(max_size=4),
    ),
    max_size=20,
).map("".join)


@given(TEXTS, st.integers(0, 20))
def test_an_address_is_looked_for_where_going_word_by_word_finds_it(text: str, start: int) -> None:
    def word_by_word() -> re.Match[str] | None:
        position = start
        while run := content._HOST.search(text, position):
            if "." in run[0]:
                return run
            position = run.end()
        return None

    found, expected = content._dotted(text, start), word_by_word()
    assert (found and found.span()) == (expected and expected.span())


@given(TEXTS)
@example("\U0001d160" * 3)  # becomes longer where it is normalised
def test_the_quick_length_is_never_less_than_the_exact_one(text: str) -> None:
    of_account = limits_of({"url_length": 40})
    for limits in (*(platforms.get(name).limits for name in platforms.REGISTRY), of_account):
        assert limits.at_most is None or limits.at_most(text) >= limits.length(text)


@given(TEXTS, st.sampled_from((None, "https://onestla.tech/")), st.integers(0, 60))
def test_what_fits_is_what_counts_no_more_than_the_limit(
    text: str, link: str | None, most: int
) -> None:
    asked = {"content_warning": "Violences"}
    for name in platforms.REGISTRY:
        adapter = platforms.get(name)
        limits = adapter.limits_for({"text": most} if name == "mastodon" else None)
        exact = adapter.count(limits, text, link, asked) <= limits.text
        assert adapter.fits(limits, text, link, asked) == exact


_DIGITS = st.text("0123", min_size=2, max_size=2)
MOMENTS = st.builds(
    "20{}-{}-{}{}{}:{}{}".format,
    *(_DIGITS, _DIGITS, _DIGITS, st.sampled_from("T t"), _DIGITS, _DIGITS),
    st.sampled_from(("", "", "Z", "z", "+01:00", "-13:59", "+14:00", "+15:00", "+0100")),
)


@given(MOMENTS, st.integers(-40_000, 40_000))
@example("2021-03-28T02:30", 0)  # skipped by the clocks
@example("2021-10-31T02:30", 0)  # twice
@example("2021-10-30T24:00", 0)
@example("2101-01-01T10:00", 0)
@example("2100-12-31T10:00", 0)
@example("2021-02-29T10:00", 0)
@example("2000-01-01T10:00Z", -730_000)
def test_plain_times_mean_what_the_whole_grammar_says(written: str, days: int) -> None:
    calendar = Calendar(ZoneInfo("Europe/Paris"), date(2020, 1, 24), timedelta(days=days))

    def resolved() -> datetime | str:
        try:
            return calendar.resolve(written)
        except WrongTime as error:
            return str(error)

    quick = resolved()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(times, "_PLAIN", re.compile("(?!)"))
        assert quick == resolved()


@given(st.binary(max_size=60), st.integers(1, 8))
@example(b"\xef\xbb\xbfa\r\n\xc3\r\n", 1)
@example("é\n".encode() * 9, 2)
def test_a_file_decoded_in_pieces_is_the_file_decoded_whole(data: bytes, piece: int) -> None:
    def decoded() -> str:
        try:
            return decode(Path("a.csv"), data)
        except nodes.InvalidFile as error:
            return str(error)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nodes, "_PIECE", piece)
        in_pieces = decoded()
    assert in_pieces == decoded()
    begin = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"\xff\xfe", b"\xfe\xff")
    if not data.startswith(begin) and b"\0" not in data:
        try:
            text = data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
        except UnicodeDecodeError:
            assert "is not UTF-8" in in_pieces
        else:
            assert in_pieces == text


@given(st.text(), st.none() | st.text())
def test_the_key_of_a_post_is_the_hash_of_its_canonical_json(text: str, link: str | None) -> None:
    draft = Draft("announcement", (text, "x"), link, (), "a.csv", 2, (), "greve", date(2020, 1, 24))
    said = {
        "campaign": "greve",
        "day": "2020-01-24",
        "kind": "announcement",
        "texts": (text, "x"),
        "link": link,
        "media": [],
        "times": (),
    }
    canonical = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert draft.key == hashlib.sha256(canonical.encode()).hexdigest()


PICTURES = st.builds(
    DraftMedia,
    path=st.sampled_from((Path("/a/b.png"), Path("/a/\udcff.png"))),
    alt=st.text(max_size=5),
    mime_type=st.just("video/mp4"),
    sha256=st.text(string.hexdigits, max_size=4),
    size=st.integers(0, 2**40),
    original=st.none() | st.just("ab"),
    seconds=st.none() | st.floats(0, 100),
    measures=st.none() | st.just((4, 3)),
)
DELIVERIES = st.builds(
    DraftDelivery,
    account=st.sampled_from(("a", "b")),
    platform=st.just("x"),
    occurrence=st.integers(0, 9),
    text=st.text(max_size=5),
    due_at=st.datetimes(datetime(2000, 1, 1), datetime(2101, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  # hypothesis adds the zone
    local_time=st.just("2020-01-24T09:00:00"),
    timezone=st.just("Europe/Paris"),
    late_after=st.just(NOW),
    part=st.integers(1, 3),
)
DRAFTS = st.builds(
    Draft,
    kind=st.just("announcement"),
    texts=st.tuples(st.text(max_size=5)),
    link=st.none() | st.just("https://a.fr"),
    media=st.lists(PICTURES, max_size=2).map(tuple),
    where=st.just("/tmp/\udcff.csv"),  # a name, not a file
    line=st.none() | st.integers(1, 100_000),
    deliveries=st.lists(DELIVERIES, max_size=3).map(tuple),
    campaign=st.none() | st.just("greve"),
    day=st.none() | st.just(date(2020, 1, 24)),
    options=st.none() | st.just({"language": "fr"}),
    after=st.none() | st.just("ab"),
    later=st.lists(st.lists(PICTURES, max_size=1).map(tuple), max_size=2).map(tuple),
    fed=st.none() | st.just(("series", 3)),
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(DRAFTS, max_size=12), st.data())
def test_a_pile_gives_back_the_drafts_that_were_put_on_it(
    drafts: list[Draft], data: st.DataObject
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("socialstrike.post_file.pile._TOGETHER", 3)
        patch.setattr("socialstrike.post_file.pile._LARGE", 1)
        pile = Pile("/tmp/\udcff.csv")  # a name, not a file
        for draft in drafts:
            pile.append(draft)
            place = data.draw(st.integers(0, len(pile) - 1))
            assert pile[place] == drafts[place]
        expected = list(drafts)
        if drafts:
            expected[place] = data.draw(DRAFTS)
            pile.change(place, lambda before: expected[place])
        assert pile == expected
        assert [pile[number] for number in range(len(pile))] == expected
        assert pile[-2:] == expected[-2:]
    assert pile.deliveries == sum(len(draft.deliveries) for draft in expected)


def test_whom_a_row_addresses_is_remembered_and_an_error_is_not(write: Write) -> None:
    rows = "".join(
        f"D 0{n}:00,announcement,{to},texte {n}\n"
        for n, to in enumerate(("x", "antenne-x", "x", "x personne", "x personne", "antenne-x"))
    )
    header = "at,kind,to,text\n"
    found = problems(write(header + rows, "a.csv"), campaign="greve")
    assert [problem.split(": ")[0] for problem in found] == ["a.csv:5", "a.csv:6"]
    good = "".join(line for line in rows.splitlines(keepends=True) if "personne" not in line)
    file = read(write(header + good, "b.csv"), campaign="greve")
    addressed = [[item.account for item in draft.deliveries] for draft in file.drafts]
    both = ["collectif-x", "antenne-x"]
    assert addressed == [both, ["antenne-x"], both, ["antenne-x"]]


def test_a_row_far_below_adds_its_account_to_the_same_post(write: Write) -> None:
    texts = [f"texte {n}" for n in range(150)]
    rows = [
        f"D 09:00,announcement,{to},{text}\n"
        for to in ("collectif-x", "collectif-fb")
        for text in texts
    ]
    file = read(write("at,kind,to,text\n" + "".join(rows), "a.csv"), campaign="greve")
    assert len(file.drafts) == 150
    assert [draft.line for draft in file.drafts] == [*range(2, 152)]
    for draft in file.drafts:
        assert [one.account for one in draft.deliveries] == ["collectif-x", "collectif-fb"]


MEMORY = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from socialstrike import post_file

def reading(path):
    known = {f"x-{n}": "x" for n in range(10)}
    now = datetime(2020, 1, 1, tzinfo=UTC)
    return post_file.read([path], campaigns=lambda name: None, accounts=known, now=now)

whole = Path(sys.argv[1])
reading(whole.with_name("small.csv"))
before, began = peak(), time.process_time()
[file] = reading(whole)
print(time.process_time() - began, peak() - before, len(file.drafts))
"""


def test_the_posts_of_a_long_file_take_a_fifth_of_what_they_would_as_objects(
    tmp_path: Path,
) -> None:
    def write(name: str, count: int) -> Path:
        path = tmp_path / name
        with path.open("w", encoding="utf-8", newline="") as out:
            rows = csv.writer(out)
            rows.writerow(("at", "kind", "to", "text"))
            for number in range(count):
                text = (
                    f"Post {number} : on bloque tout, la grève commence 😀. https://onestla.tech/"
                )
                rows.writerow(("2030-01-01T10:00Z", "announcement", f"x-{number % 10}", text))
        return path

    write("small.csv", 10)
    _, megabytes, count = measured(MEMORY, write("long.csv", 30_000))
    assert int(count) == 30_000
    # It is 9; as objects, and with the file's text at four bytes a letter, it was 62.
    assert megabytes < 25
