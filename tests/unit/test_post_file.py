"""Whole files: what is read, what is refused, and that everything wrong is told at once."""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from packs import ACCOUNTS, HEAD, NOW, PNG, Write, one, problems, read

from socialstrike import post_file
from socialstrike.content import has_hashtag
from socialstrike.exceptions import InvalidFile

SAMPLES = Path(__file__).parents[2] / "sample_posts"


def occupation(**fields: str) -> str:
    return one(
        "occupation",
        **{
            "at": "",
            "every": "2h",
            "from": "D 00:00",
            "until": "D 24:00",
            "text": "",
            "texts": json.dumps([f"texte {n}" for n in range(12)]),
            **fields,
        },
    )


SAMPLE_ACCOUNTS = {
    "collectif-x": "x",
    "antenne-x": "x",
    "collectif-fb": "facebook",
    "antenne-fb": "facebook",
    "collectif-masto": "mastodon",
    "collectif-bsky": "bluesky",
}


def test_the_sample_day_reads_without_a_warning() -> None:
    file = read(SAMPLES / "blocage24janvier.yaml", accounts=SAMPLE_ACCOUNTS)
    assert not file.warnings
    deliveries = [item for draft in file.drafts for item in draft.deliveries]
    assert len(deliveries) == (3 + 12) * len(SAMPLE_ACCOUNTS)
    assert all(has_hashtag(item.text, "#blocage24janvier") for item in deliveries)
    assert len({(i.account, i.text) for i in deliveries}) == len(deliveries)
    assert len({(i.platform, i.due_at, i.text) for i in deliveries}) == len(deliveries)
    assert file.drafts[0].link == "https://onestla.tech/"
    assert file.drafts[0].media[0].mime_type == "image/png"
    assert deliveries[0].due_at == datetime(2020, 1, 22, 8, tzinfo=UTC)


def test_the_sample_csv_reads_under_a_named_campaign() -> None:
    file = read(SAMPLES / "minimal.csv", campaign="greve")
    assert [draft.line for draft in file.drafts] == [2, 3, 4]
    assert [draft.kind for draft in file.drafts] == ["announcement", "occupation", "occupation"]
    assert not file.warnings


def test_the_sample_day_moves_to_another_day_and_name() -> None:
    file = read(
        SAMPLES / "blocage24janvier.yaml",
        accounts=SAMPLE_ACCOUNTS,
        day=date(2030, 7, 5),
        campaign="ete",
        now=datetime(2030, 1, 1, tzinfo=UTC),
    )
    assert file.campaign is not None
    assert (file.campaign.name, file.campaign.day) == ("ete", date(2030, 7, 5))
    assert file.drafts[0].deliveries[0].local_time == "2030-07-03T09:00:00"


def test_moving_the_day_moves_written_dates_too(write: Write) -> None:
    path = write(one(at="2020-01-22T10:00"))
    assert read(path, day=date(2020, 1, 25)).drafts[0].local_times == ("2020-01-23T10:00:00",)


def test_the_same_post_has_the_same_key_and_a_new_account_keeps_it(write: Write) -> None:
    key = read(write(one())).drafts[0].key
    assert read(write(one(), "again.yaml")).drafts[0].key == key
    assert read(write(one(to="[collectif-x, collectif-fb]"))).drafts[0].key == key
    row = "at,kind,to,text\n2020-01-24 09:00,announcement,collectif-fb,En grève\n"
    assert read(write(row, "a.csv"), campaign="greve").drafts[0].key == key


def test_a_wrong_kind_hides_no_other_error(write: Write) -> None:
    found = problems(
        write(one("ocupation", at="D 25:00", to="personne", media="[{file: ../a.png}]"))
    )
    fields = [problem.split(": ")[1] for problem in found]
    assert sorted(fields) == ["at", "kind", "media[1]", "to"]


@pytest.mark.parametrize(
    "change", [{"text": "Autre"}, {"at": "D 10:00"}, {"link": "https://exemple.fr"}]
)
def test_another_post_has_another_key(write: Write, change: dict[str, str]) -> None:
    assert read(write(one(**change))).drafts[0].key != read(write(one())).drafts[0].key


def test_one_post_written_for_each_account_is_one_post_to_both(write: Write) -> None:
    csv = "at,kind,to,text\n" + "".join(
        f"D 09:00,announcement,{name},En grève\n" for name in ("collectif-x", "collectif-fb")
    )
    [draft] = read(write(csv, "a.csv"), campaign="greve").drafts
    assert [item.account for item in draft.deliveries] == ["collectif-x", "collectif-fb"]


def test_no_account_repeats_itself_and_none_says_the_same_at_once(write: Write) -> None:
    file = read(write(occupation(to="x")))
    deliveries = file.drafts[0].deliveries
    assert not file.warnings
    assert len(deliveries) == 24
    assert len({(item.account, item.text) for item in deliveries}) == 24
    assert len({(item.due_at, item.text) for item in deliveries}) == 24
    assert max(item.local_time for item in deliveries) == "2020-01-24T22:00:00"


def test_an_occupation_is_late_at_its_next_occurrence(write: Write) -> None:
    due = read(write(occupation())).drafts[0].deliveries
    assert due[0].late_after == due[1].due_at
    assert due[-1].late_after - due[-1].due_at == timedelta(minutes=30)
    announcement = read(write(one())).drafts[0].deliveries[0]
    assert announcement.late_after - announcement.due_at == timedelta(hours=1)
    own = read(write(one(lateness="1h30"))).drafts[0].deliveries[0]
    assert own.late_after - own.due_at == timedelta(minutes=90)


def test_an_interval_is_a_duration_across_a_clock_change(write: Write) -> None:
    path = write(occupation().replace("2020-01-24", "2020-03-29"))
    deliveries = read(path).drafts[0].deliveries
    assert len(deliveries) == 12  # the day has 23 hours
    steps = {later.due_at - sooner.due_at for sooner, later in pairwise(deliveries)}
    assert steps == {timedelta(hours=2)}
    assert [item.local_time[11:16] for item in deliveries[:3]] == ["00:00", "03:00", "05:00"]


def test_an_accounts_variant_goes_before_its_platforms(write: Write) -> None:
    path = write(one(to="all", variants="{x: pour x, antenne-x: pour antenne}"))
    said = {item.account: item.text for item in read(path).drafts[0].deliveries}
    assert said == {
        "collectif-x": "pour x #g24",
        "antenne-x": "pour antenne #g24",
        "collectif-fb": "En grève #g24",
    }


def test_an_account_with_limits_of_its_own_is_held_to_them(write: Write) -> None:
    known = {"grande": "mastodon", "petite": "mastodon"}
    told = {"petite": {"text": 20, "media": 0}}
    path = write(one(to="[grande, petite]", text="Nous sommes toutes en grève"))
    [found] = problems(path, accounts=known, told=told)
    assert "of 20 on Mastodon (for petite)" in found
    short = write(one(to="[grande, petite]", text="En grève"), "courte.yaml")
    assert len(read(short, accounts=known, told=told).drafts) == 1


def test_groups_platforms_and_all_name_each_account_once(write: Write) -> None:
    path = write("groups: {nous: [collectif-fb, antenne-x]}\n" + one(to="[nous, x, all]"))
    accounts = [item.account for item in read(path).drafts[0].deliveries]
    assert accounts == ["collectif-fb", "antenne-x", "collectif-x"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"text": ""}, "posts.yaml:3: text: is missing"),
        ({"text": '""'}, "posts.yaml:6: text: is empty"),
        ({"text": '"a\\u0007"'}, "posts.yaml:6: text: holds the control character U+0007"),
        ({"text": "é" * 300}, "posts.yaml:6: text: counts 305 of 280 on X"),
        ({"to": "[]"}, "posts.yaml:5: to: is empty"),
        ({"to": "colectif-x"}, "did you mean collectif-x?"),
        ({"to": "personne"}, "add it: socialstrike accounts add PLATFORM personne"),
        ({"kind": "anouncement"}, "posts.yaml:3: kind: must be announcement or occupation"),
        ({"at": ""}, "posts.yaml:3: at: is missing"),
        ({"at": "12:30"}, "posts.yaml:4: at: 12:30 lacks the day; write D 12:30"),
        ({"at": "D 25:00"}, "no such time of day"),
        ({"at": "2020-02-30 09:00"}, "2020-02-30 is not in the calendar"),
        ({"at": "D-60 09:00"}, "posts.yaml:4: at: the time has passed"),
        ({"every": "2h"}, "every: is for an occupation"),
        ({"lateness": "yes"}, "yes is no duration"),
        ({"link": "javascript:x"}, "is no web address"),
        ({"txet": "a"}, "txet: unknown field txet; did you mean text?"),
        ({"media": "[absente.png]"}, "there is no picture absente.png"),
        ({"media": "[../image.png]"}, "leaves the file's folder"),
        ({"media": "[/etc/passwd]"}, "leaves the file's folder"),
        ({"media": "['C:\\image.png']"}, "leaves the file's folder"),
        ({"media": "[posts.yaml]"}, "posts.yaml is no PNG, JPEG, GIF or WebP picture"),
        ({"text": "a" * 70_001}, "has 70,001 characters, more than any platform takes"),
        ({"variants": "{mastodonte: a}"}, "unknown account or platform mastodonte"),
    ],
)
def test_an_error_says_where_what_and_what_to_do(
    write: Write, fields: dict[str, str], said: str
) -> None:
    found = problems(write(one(**fields)))
    assert len(found) == 1
    assert said in found[0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "must begin with named fields"),
        ("- a\n- b\n", "must begin with named fields"),
        ("posts: [", "posts.yaml:1: this is not YAML"),
        ("a: &a [1]\nb: *a\n", "posts.yaml:1: anchors (&) and aliases (*) are not used"),
        ("posts: !!python/object/apply:os.system [true]\n", "posts.yaml:1: tags (!)"),
        ("posts: []\nposts: []\n", "posts.yaml:2: the field posts stands twice"),
        ("[" * 100_000, "nested too deeply"),
        ("a: 1\n---\nb: 2\n", "a second document begins here"),
        (b"posts:\n  - text: gr\xe8ve\n", "posts.yaml:2: byte 20 (0xE8) is not UTF-8"),
        ("posts: é".encode("utf-16"), "this is UTF-16; save it as UTF-8"),
        (b"a\nb\0c", "posts.yaml:2: byte 4 is zero"),
        (b"PK\x03\x04rest", "this is a spreadsheet or an archive"),
        ("posts: []\n", "posts.yaml:1: posts: holds no posts"),
        (HEAD, "posts: holds no posts"),
        ("posts:\n  - bonjour\n", "a post must have fields"),
        ("campagne: a\nposts:\n  - {}\n", "unknown field campagne; did you mean campaign?"),
        ('posts: "\x01"\n', "posts.yaml:1: holds a character YAML does not allow"),
    ],
)
def test_a_file_that_is_no_post_file_is_refused_in_one_sentence(
    write: Write, content: str | bytes, said: str
) -> None:
    assert said in problems(write(content))[0]


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "posts.yaml"
    with path.open("wb") as file:
        file.truncate(50_000_000)  # a hole: reading it would find zeros
    assert problems(path) == [
        "posts.yaml: the file has 50.0 MB, more than the 5 MB a post file may have; split it,"
        " or check that it is the right one"
    ]


def test_the_errors_of_all_files_are_told_in_one_go(write: Write) -> None:
    first = write(one(at="D 25:00", to="personne", text='""') + "extra: 1\n", "a.yaml")
    second = write("at,kind,to,text\nD 09:00,rien,all,a\n\nD 9,announcement,all,b\n", "b.csv")
    with pytest.raises(InvalidFile) as refused:
        post_file.read(
            [first, second, write("", "c.txt")],
            campaigns=lambda _: None,
            accounts=ACCOUNTS,
            now=NOW,
            campaign="greve",
        )
    places = [(Path(p.where).name, p.line, p.field) for p in refused.value.problems]
    assert places == [
        ("a.yaml", 7, "extra"),
        ("a.yaml", 5, "to"),
        ("a.yaml", 6, "text"),
        ("a.yaml", 4, "at"),
        ("b.csv", 2, "kind"),
        ("b.csv", 4, "at"),
        ("c.txt", None, None),
    ]


def test_a_hundred_problems_are_told_and_the_rest_counted(write: Write) -> None:
    path = write("at,kind,to,text\n" + "D 09:00,rien,all,a\n" * 150, "a.csv")
    found = problems(path, campaign="greve")
    assert len(found) == 101
    assert "and 50 more" in found[-1]


def test_a_wrong_campaign_is_one_error_and_hides_no_other(write: Write) -> None:
    path = write(one(at="D 25:00").replace("2020-01-24", "24/01/2020"))
    found = problems(path)
    assert len(found) == 2
    assert "campaign.day: 24/01/2020 is no day" in found[0]


def test_an_unknown_campaign_says_how_to_make_it(write: Write) -> None:
    path = write("at,kind,to,text\nD 09:00,announcement,all,a\n", "a.csv")
    assert "socialstrike campaigns set autre --day" in problems(path, campaign="autre")[0]


def test_a_strike_day_is_needed_to_count_from(write: Write) -> None:
    path = write("at,kind,to,text\nD 09:00,announcement,collectif-x,a\n", "a.csv")
    assert "there is none; name a campaign" in problems(path)[0]


def test_an_expected_account_that_is_missing_says_how_to_add_it(write: Write) -> None:
    path = write("accounts: {collectif-x: facebook, autre: x}\n" + one())
    found = problems(path)
    assert "the account is on x here and on facebook in the file" in found[0]
    assert "socialstrike accounts add x autre" in found[1]


def test_all_means_the_accounts_the_file_expects(write: Write) -> None:
    path = write("accounts: {antenne-x: x}\n" + one(to="all"))
    assert [item.account for item in read(path).drafts[0].deliveries] == ["antenne-x"]


def test_a_past_time_is_accepted_late_within_its_limit(write: Write) -> None:
    path = write(one())
    due = datetime(2020, 1, 24, 8, tzinfo=UTC)
    within, beyond = due + timedelta(minutes=50), due + timedelta(minutes=70)
    assert "or accept it with --late" in problems(path, now=within)[0]
    assert read(path, now=within, late=True).drafts[0].deliveries[0].due_at == due
    assert "its lateness limit too" in problems(path, now=beyond, late=True)[0]
    assert read(path, now=beyond, check_past=False).drafts


def test_too_few_texts_are_a_warning(write: Write) -> None:
    [warning] = read(write(occupation(texts="[un, deux]"))).warnings
    assert "would repeat itself: 12 times" in str(warning)


def test_the_same_text_on_two_accounts_of_a_platform_is_a_warning(write: Write) -> None:
    [warning] = read(write(one(to="x"))).warnings
    assert "collectif-x and antenne-x would say the same on x" in str(warning)


def test_a_picture_without_description_is_a_warning(write: Write) -> None:
    write(PNG, "a.png")
    file = read(write(one(media="[{file: a.png}]")))
    assert "a.png has no alt text" in str(file.warnings[0])
    assert file.drafts[0].media[0].path.is_absolute()


def test_a_link_out_of_the_folder_is_not_followed(write: Write, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.png").write_bytes(PNG)
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "a.png").symlink_to(outside / "secret.png")
    path = inside / "posts.yaml"
    path.write_text(one(media="[a.png]"))
    assert "is a link out of the file's folder" in problems(path)[0]


def test_too_many_pictures_name_the_platform(write: Write) -> None:
    write(PNG, "a.png")
    path = write(one(media="[" + "{file: a.png, alt: a}," * 5 + "]"))
    assert "names 5 pictures, and X takes 4" in problems(path)[0]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
def test_a_pipe_is_no_post_file_and_no_picture(write: Write, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "tuyau.yaml")
    assert "this is no ordinary file" in problems(tmp_path / "tuyau.yaml")[0]
    os.mkfifo(tmp_path / "tuyau.png")
    assert "there is no picture tuyau.png" in problems(write(one(media="[tuyau.png]")))[0]
