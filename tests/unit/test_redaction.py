"""No secret and no control character gets through, whatever shape it comes in."""

from __future__ import annotations

import base64
import io
import json
import logging
import time
from urllib.parse import quote

import pytest

from socialstrike import redaction
from socialstrike.redaction import RedactingFilter, printable, quiet_libraries, redact, remember

SECRET = 'p@ss/w+rd="é€'


@pytest.fixture(autouse=True)
def _no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_known", redaction._Index())


def _logged(log: logging.Logger, write: object) -> str:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(RedactingFilter())
    log.addHandler(handler)
    try:
        write(log)  # type: ignore[operator]
    finally:
        log.removeHandler(handler)
    return stream.getvalue()


@pytest.mark.parametrize(
    "spelling",
    [
        SECRET,
        quote(SECRET, safe=""),
        quote(quote(SECRET, safe=""), safe=""),
        base64.b64encode(SECRET.encode()).decode(),
        json.dumps(SECRET),
        repr(SECRET),
    ],
)
def test_a_given_secret_is_found_in_every_spelling(spelling: str) -> None:
    assert spelling not in redact(f"before {spelling} after", [SECRET])
    assert redact(f"before {spelling} after", [SECRET]).startswith("before ")
    assert redact(f"before {spelling} after", [SECRET]).endswith(" after")


@pytest.mark.parametrize("before", ["", "u", "us", "use"])
@pytest.mark.parametrize("after", ["", "x", "xy", "xyz"])
def test_a_secret_is_found_inside_base64_wherever_it_begins(before: str, after: str) -> None:
    secret = "a-rather-long-secret"
    encoded = base64.b64encode(f"{before}{secret}{after}".encode()).decode()

    shown = redact(encoded, [secret])

    assert redaction.REDACTED in shown
    assert len(shown.replace(redaction.REDACTED, "")) <= 12


def test_the_longer_of_two_secrets_that_begin_alike_is_taken_out_whole() -> None:
    assert redact("abcdefghij", ["abcdef", "abcdefghij"]) == redaction.REDACTED


def test_short_values_do_not_tear_holes_into_words() -> None:
    assert redact("to be or not to be", ["be", "or", ""]) == "to be or not to be"


def test_a_remembered_secret_is_redacted_everywhere_from_then_on() -> None:
    assert "hunter2hunter2" in redact("it is hunter2hunter2")
    remember("hunter2hunter2")
    assert redact("it is hunter2hunter2.") == f"it is {redaction.REDACTED}."


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("GET /me?access_token=EAABsbCS1iHg&fields=id", "EAABsbCS1iHg"),
        ('{"access_token": "zzz123456"}', "zzz123456"),
        ("Authorization: Bearer abc.def-ghi_jkl", "abc.def-ghi_jkl"),
        ("{'Authorization': 'Basic dXNlcjpwYXNz'}", "dXNlcjpwYXNz"),
        ('OAuth oauth_nonce="99887766", oauth_token="12-ab", oauth_signature="s%3D"', "12-ab"),
        ('OAuth oauth_nonce="99887766", oauth_token="12-ab", oauth_signature="s%3D"', "s%3D"),
        ("client_secret=very%20secret", "very%20secret"),
        ("refresh_token: bWFueS1ieXRlcw", "bWFueS1ieXRlcw"),
        ("the token EAAGm0PX4ZCpsBAKZCZAhN0x1yLZBq9 expired", "EAAGm0PX4ZCpsBAKZCZAhN0x1yLZBq9"),
        ("1234567-AbCdEfGhIjKlMnOpQrStUvWxYz0123456789", "AbCdEfGhIjKlMnOp"),
        ("Bearer abcdefghijklmnop", "abcdefghijklmnop"),
    ],
)
def test_what_looks_like_a_credential_is_redacted_unknown(text: str, hidden: str) -> None:
    assert hidden not in redact(text)
    assert redaction.REDACTED in redact(text)


def test_plain_sentences_stay_as_they_are() -> None:
    text = "X refused the credentials of account 'collectif-x' (401: Unauthorized); 2020-01-24"
    assert redact(text) == text


def test_redacting_twice_changes_nothing_more() -> None:
    once = redact("Authorization: Bearer abc.def-ghi and access_token=abcdef")
    assert redact(once) == once


def test_thousands_of_secrets_and_hostile_text_cost_little() -> None:
    for number in range(2000):
        remember(f"{number:06}-secret-{'x' * 20}")
    hostile = "oauth_" * 10_000 + "access_token" * 5_000 + "Authorization: " * 5_000
    text = f"{hostile}001999-secret-{'x' * 20}"

    begin = time.perf_counter()
    shown = redact(text)

    assert "001999-secret" not in shown
    assert time.perf_counter() - begin < 3


def test_control_and_reordering_characters_are_stripped() -> None:
    assert printable("a\x1b[31mb\x9b2Jc\u202ed\u2066e\r\x00f") == "a[31mb2Jcdef"
    assert printable("tab\tand\nnewline stay, so do é and 日本") == (
        "tab\tand\nnewline stay, so do é and 日本"
    )


def test_the_filter_cleans_message_arguments_extras_and_traceback() -> None:
    remember("hunter2hunter2")

    def fail(log: logging.Logger) -> None:
        try:
            int("hunter2hunter2\x1b[2J")
        except ValueError:
            log.exception("with %s", "hunter2hunter2", extra={"note": "hunter2hunter2"})

    shown = _logged(logging.getLogger("test.redaction.traceback"), fail)

    assert "hunter2" not in shown
    assert "\x1b" not in shown
    assert "invalid literal" in shown
    assert "Traceback" in shown
    assert shown.count(redaction.REDACTED) >= 2


def test_extras_of_a_record_are_cleaned() -> None:
    remember("hunter2hunter2")
    record = logging.makeLogRecord({"msg": "hello", "note": "hunter2hunter2", "number": 7})

    assert RedactingFilter().filter(record)

    assert record.__dict__["note"] == redaction.REDACTED
    assert record.__dict__["number"] == 7


def test_a_record_whose_arguments_do_not_fit_is_shown_without_failing() -> None:
    def write(log: logging.Logger) -> None:
        log.warning("%d things", "several")

    assert "%d things" in _logged(logging.getLogger("test.redaction.unfit"), write)


@pytest.mark.parametrize("name", ["tweepy", "requests_oauthlib", "oauthlib", "urllib3"])
def test_the_libraries_write_nothing_below_warning_even_under_a_debug_root(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(), "level", logging.DEBUG)
    logging.getLogger(name).setLevel(logging.DEBUG)

    quiet_libraries()

    assert not logging.getLogger(f"{name}.anything").isEnabledFor(logging.INFO)
    assert logging.getLogger(name).isEnabledFor(logging.WARNING)
