"""Alerts without a network: which addresses, what is told when, in which words."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from socialstrike import alerts, audit, i18n, redaction
from socialstrike.alerts import KINDS, Alert, Book, Entry, Facts, Kind, Tally
from socialstrike.alerts.deriving import SENT, Stand
from socialstrike.config import RehearsalSettings, Settings
from socialstrike.exceptions import InvalidFile, InvalidInput
from socialstrike.expiry import Expiry

NOW = datetime(2027, 1, 24, 12, 0, tzinfo=UTC)
GATHER = timedelta(seconds=30)
TOKEN = "s3cr3tT0kenOfTheChannel"


def entry(seq: int, event: str, ago: float = 60, **facts: Any) -> Entry:
    return Entry(seq, NOW - timedelta(seconds=ago), event, facts)


def stand(state: str = "failed", **changes: Any) -> Stand:
    usual = Stand(state, False, "collectif-x", NOW, "On bloque tout", "X refused it; retry")
    return replace(usual, **changes)


def facts(**changes: Any) -> Facts:
    return replace(Facts(now=NOW), **changes)


def book(*entries: Entry) -> Book:
    made = Book()
    made.take(entries)
    return made


def told(of: Book, at: Facts, wanted: Collection[Kind] = KINDS) -> list[tuple[str, object]]:
    return [
        (one.kind, one.delivery or one.account or one.campaign)
        for one in alerts.alerts(of, at, wanted)
    ]


# What is told -------------------------------------------------------------------------------


def test_each_event_becomes_the_alert_of_its_kind() -> None:
    of = book(
        entry(1, "delivery.scheduled", delivery=1),
        entry(2, "delivery.failed", delivery=1),
        entry(3, "delivery.parked", delivery=2),
        entry(4, "delivery.missed", delivery=3),
        entry(5, "delivery.disappeared", delivery=4),
        entry(6, "account.paused", account="a", platform="x"),
        entry(7, "stop"),
        entry(8, "delivery.uncertain", delivery=5),
    )
    at = facts(
        deliveries={
            1: stand("failed"),
            2: stand("parked"),
            3: stand("missed"),
            4: stand("published", gone=True),
            5: stand("uncertain"),
        },
        paused={"a": "the token ended"},
        stopped=True,
    )

    assert told(of, at) == [
        ("failed", 1),
        ("uncertain", 2),
        ("missed", 3),
        ("gone", 4),
        ("paused", "a"),
        ("stopped", None),
    ]


@pytest.mark.parametrize(
    ("event", "settled"),
    [
        ("delivery.failed", facts(deliveries={1: stand("published")})),
        ("delivery.parked", facts(deliveries={1: stand("scheduled")})),
        ("delivery.disappeared", facts(deliveries={1: stand("published", gone=False)})),
        ("delivery.disappeared", facts(deliveries={1: stand("retracted", gone=True)})),
        ("account.paused", facts(paused={})),
        ("stop", facts(stopped=False)),
    ],
)
def test_what_has_settled_itself_is_no_news(event: str, settled: Facts) -> None:
    assert told(book(entry(1, event, delivery=1, account="a")), settled) == []


def test_nothing_is_told_twice_and_what_fails_anew_is_told_anew() -> None:
    of = book(entry(1, "delivery.failed", delivery=1))
    at = facts(deliveries={1: stand()})
    assert told(of, at) == [("failed", 1)]

    of.take([entry(2, SENT, about="failed", count=1, through=1)])
    assert told(of, at) == []

    of.take([entry(3, "delivery.failed", delivery=1)])
    assert told(of, at) == [("failed", 1)]


def test_one_kind_that_was_told_leaves_the_others_waiting() -> None:
    of = book(
        entry(1, "delivery.missed", delivery=1),
        entry(2, "delivery.failed", delivery=2),
        entry(3, SENT, about="failed", count=1, through=2),
    )

    assert told(of, facts(deliveries={1: stand("missed"), 2: stand()})) == [("missed", 1)]


def test_only_what_an_address_wants_is_told() -> None:
    of = book(entry(1, "delivery.failed", delivery=1), entry(2, "stop"))
    at = facts(deliveries={1: stand()}, stopped=True, tallies=[Tally(None, 10, 0)])

    assert told(of, at, {"stopped"}) == [("stopped", None)]


def test_what_happened_over_a_day_ago_is_no_news() -> None:
    of = book(entry(1, "delivery.failed", ago=86_401, delivery=1))
    at = facts(deliveries={1: stand()})

    assert told(of, at) == []


# What time brings ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "mark"), [(15, None), (14, 14), (8, 14), (7, 7), (2, 7), (1, 1), (0, 1), (-1, 1)]
)
def test_an_access_that_ends_is_told_at_fourteen_seven_and_one_day(
    days: int, mark: int | None
) -> None:
    at = facts(expiries=[Expiry("a", "x", NOW + timedelta(days=days), 0, timedelta(days=days))])

    found = alerts.alerts(Book(), at, KINDS)

    assert [one.days for one in found] == ([] if mark is None else [mark])


def test_each_mark_of_an_access_is_told_once_and_a_new_end_anew() -> None:
    end = NOW + timedelta(days=6)
    of = book(entry(1, SENT, about="expiry", account="a", ends_at=audit.stamp(end), days=7))
    expiry = Expiry("a", "x", end, 0, timedelta(days=6))

    assert told(of, facts(expiries=[expiry])) == []
    later = replace(facts(expiries=[expiry]), now=NOW + timedelta(days=5, hours=1))
    assert told(of, later) == [("expiry", "a")]
    another = replace(expiry, at=end + timedelta(hours=1))
    assert told(of, facts(expiries=[another])) == [("expiry", "a")]


@pytest.mark.parametrize(
    ("planned", "out", "short"),
    [(0, 0, False), (1, 0, True), (10, 9, True), (11, 10, False), (100, 91, False), (20, 18, True)],
)
def test_a_shortfall_is_told_where_one_in_ten_is_not_out(
    planned: int, out: int, short: bool
) -> None:
    found = alerts.alerts(Book(), facts(tallies=[Tally("jour", planned, out)]), KINDS)

    assert [(one.planned, one.out) for one in found] == ([(planned, out)] if short else [])


def test_a_shortfall_is_told_again_after_an_hour_and_only_where_it_grew() -> None:
    def of(ago: float, short: int) -> Book:
        return book(entry(1, SENT, ago=ago, about="behind", campaign="jour", planned=short, out=0))

    at = facts(tallies=[Tally("jour", 20, 10)])
    assert told(of(3599, 5), at) == []
    assert told(of(3601, 5), at) == [("behind", "jour")]
    assert told(of(3601, 10), at) == []
    assert told(of(86_401, 10), at) == [("behind", "jour")]
    assert told(of(60, 10), facts(tallies=[Tally("autre", 20, 10)])) == [("behind", "autre")]


# When ---------------------------------------------------------------------------------------


def test_what_happens_together_is_gathered_and_messages_keep_their_distance() -> None:
    at = facts(deliveries={1: stand(), 2: stand()})

    def ripe(*entries: Entry) -> bool:
        of = book(*entries)
        return alerts.ripe(of, alerts.alerts(of, at, KINDS), NOW, GATHER)

    assert not ripe()
    assert not ripe(entry(1, "delivery.failed", ago=29, delivery=1))
    assert ripe(entry(1, "delivery.failed", ago=30, delivery=1))
    assert ripe(
        entry(1, "delivery.failed", ago=30, delivery=1), entry(2, "delivery.failed", 1, delivery=2)
    )
    before = entry(1, SENT, ago=119, about="missed", count=1, through=0)
    assert not ripe(before, entry(2, "delivery.failed", ago=40, delivery=1))
    before = replace(before, at=NOW - timedelta(seconds=120))
    assert ripe(before, entry(2, "delivery.failed", ago=40, delivery=1))
    ahead = replace(before, at=NOW + timedelta(hours=1))  # the clock was set back since
    assert ripe(ahead, entry(2, "delivery.failed", ago=-3600, delivery=1))


# In words -----------------------------------------------------------------------------------


def failed(count: int, **changes: Any) -> list[Alert]:
    usual = Alert(
        "failed", NOW, delivery=7, account="collectif-x", at=NOW, text="On bloque", why="refused"
    )
    return [replace(usual, **changes) for _ in range(count)]


def test_five_hundred_failures_are_one_message_with_a_short_list() -> None:
    title, body = alerts.message(failed(500))

    assert title == "socialstrike: 500 deliveries failed"
    assert body.count("\n- ") == 11
    assert body.endswith("\n- and 490 more")
    assert "socialstrike posts list --state failed" in body
    assert "- collectif-x, due 2027-01-24 12:00 UTC, delivery 7: “On bloque” – refused" in body


def test_a_message_holds_every_kind_and_begins_with_what_stops_everything() -> None:
    title, body = alerts.message(
        [
            *failed(1),
            Alert("behind", campaign="jour", planned=20, out=15),
            Alert("expiry", account="a", platform="x", at=NOW, days=7),
            Alert("stopped", NOW, why="the strike is called off"),
        ]
    )

    assert title.startswith("socialstrike: the emergency stop is pulled, one delivery failed")
    assert body.startswith("The emergency stop is pulled; to do: socialstrike start\n- the strike")
    assert "- jour: 15 of 20 are out that were due by now" in body
    assert "- a on x: within 7 days, at 2027-01-24 12:00 UTC" in body


def test_a_message_holds_the_beginning_of_a_text_no_secret_and_no_control() -> None:
    redaction.remember(TOKEN)
    [alert] = failed(1, text="\x1b[31mrouge " + "mot " * 30, why=f"refused {TOKEN} \x07")

    title, body = alerts.message([alert])

    assert TOKEN not in title + body
    assert all(character.isprintable() or character == "\n" for character in title + body)
    assert len(body.partition("“")[2].partition("”")[0]) <= 40


def test_every_kind_has_its_words() -> None:
    for kind in KINDS:
        title, body = alerts.message([Alert(kind, NOW, why="why", at=NOW, days=1)])
        assert title.startswith("socialstrike: ")
        assert "socialstrike " in body


def test_a_message_is_in_the_language_spoken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "_current", "fr")
    monkeypatch.setattr("socialstrike.alerts.wording.trn", lambda one, many, count, **_: "ÉCHEC")

    assert alerts.message(failed(2))[0].endswith("ÉCHEC")


# The file -----------------------------------------------------------------------------------


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def write(settings: Settings, text: str, mode: int = 0o600) -> Path:
    path = settings.home / "alerts.txt"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def test_a_file_has_an_address_a_line_with_tags_before_it_and_comments(settings: Settings) -> None:
    path = write(
        settings,
        f"# who is told\n\njson://user:pass@127.0.0.1:8000/{TOKEN}\n"
        f"failed, gone = ntfys://ntfy.example.org/{TOKEN}\nstopped=tgram://12345:{TOKEN * 2}/99/\n",
    )

    found = alerts.read(path)

    assert alerts.place(settings) == path
    assert alerts.written(settings)
    assert [(one.line, one.shown, sorted(one.about)) for one in found] == [
        (3, "json://127.0.0.1", sorted(KINDS)),
        (4, "ntfys://ntfy.example.org", ["failed", "gone"]),
        (5, "tgram://…", ["stopped"]),
    ]
    assert TOKEN not in repr(found)


def test_a_token_in_the_place_of_a_host_is_not_shown(settings: Settings) -> None:
    secret = {
        "ntfys://abcdefgh12345678": "ntfys://…",
        "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js": "discord://…",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general": "slack://…",
        "mailto://someone:passwort99@example.org": "mailto://example.org",
        "https://discord.com/api/webhooks/4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js": "https://…",
    }
    found = alerts.read(write(settings, "\n".join(secret)))

    assert [one.shown for one in found] == list(secret.values())


def test_all_that_is_wrong_is_told_at_once_with_its_line_and_no_address(
    settings: Settings,
) -> None:
    path = write(
        settings,
        f"nothing {TOKEN}\nfaild,missed=json://127.0.0.1/{TOKEN}\nnope://{TOKEN}.example/x\n",
    )

    with pytest.raises(InvalidFile) as raised:
        alerts.read(path)

    assert [problem.line for problem in raised.value.problems] == [1, 2, 3]
    assert "faild" in str(raised.value)
    assert "nope" in str(raised.value)
    assert TOKEN not in str(raised.value)


@pytest.mark.skipif("os.name != 'posix'", reason="Windows knows no such permissions")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_file_that_others_can_read_is_refused(settings: Settings, mode: int) -> None:
    path = write(settings, f"json://127.0.0.1/{TOKEN}\n", mode)

    with pytest.raises(InvalidInput, match="chmod 600"):
        alerts.read(path)


def test_a_rehearsal_has_no_address(settings: Settings) -> None:
    path = write(settings, "json://127.0.0.1/x")

    assert alerts.place(RehearsalSettings(home=settings.home, alerts_file=path)) is None


def test_no_address_is_no_trouble_and_a_named_file_that_is_missing_is(settings: Settings) -> None:
    assert alerts.place(settings) is None
    assert not alerts.written(settings)
    write(settings, "# none yet\n")
    assert not alerts.written(settings)
    with pytest.raises(InvalidInput, match="SOCIALSTRIKE_ALERTS_FILE"):
        alerts.place(settings.model_copy(update={"alerts_file": settings.home / "other"}))


def test_an_address_that_was_read_is_in_no_log_record(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.handler.addFilter(redaction.RedactingFilter())
    [one] = alerts.read(write(settings, f"json://someone:passwort99@127.0.0.1:8000/{TOKEN}"))

    logging.getLogger("any").warning("to %s with passwort99 or %s", one.url, TOKEN)

    assert TOKEN not in caplog.text
    assert "passwort99" not in caplog.text
