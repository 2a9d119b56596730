"""No secret and no control character gets through, whatever shape it comes in."""

from __future__ import annotations

import base64
import io
import json
import logging
import os
import re
import subprocess
import sys
import time
from typing import Any
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
        re.sub("%..", lambda found: found[0].lower(), quote(SECRET, safe="")),
        SECRET.encode().hex(),
        SECRET.encode().hex().upper(),
        SECRET[::-1],
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


@pytest.mark.parametrize("length", [12, 20, 39])
def test_the_beginning_of_a_secret_that_was_cut_off_is_taken_out(length: int) -> None:
    secret = "Zx9-" * 10
    shown = redact(f"token {secret[:length]}… too long", [secret])
    assert shown == f"token {redaction.REDACTED}… too long"


def test_a_few_letters_that_a_secret_begins_with_are_words_like_others() -> None:
    assert redact("collectif-fb says", ["collectif-x-and-more"]) == "collectif-fb says"
    assert redact("https://mastodon.test", ["https://mastodon.social"]) == "https://mastodon.test"


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

    begin = time.process_time()
    shown = redact(text)

    assert "001999-secret" not in shown
    assert time.process_time() - begin < 3


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


@pytest.mark.parametrize("name", redaction._LIBRARIES)
def test_the_libraries_write_nothing_below_warning_even_under_a_debug_root(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(), "level", logging.DEBUG)
    logging.getLogger(name).setLevel(logging.DEBUG)

    quiet_libraries()

    assert not logging.getLogger(f"{name}.anything").isEnabledFor(logging.INFO)
    assert logging.getLogger(name).isEnabledFor(logging.WARNING)


def test_a_record_whose_words_cannot_be_told_is_shown_by_its_kind() -> None:
    class Broken:
        def __str__(self) -> str:
            raise RuntimeError("hunter2hunter2")

    def write(log: logging.Logger) -> None:
        log.warning(Broken())

    assert "Broken" in _logged(logging.getLogger("test.redaction.broken"), write)


@pytest.mark.parametrize(
    "breaking",
    [
        "raise RuntimeError(secret)",
        "import threading; t = threading.Thread(target=int, args=(secret,)); t.start(); t.join()",
        "Final = type('Final', (), {'__del__': lambda self: int(secret)}); Final()",
        "import warnings; warnings.warn(f'odd: {secret}')",
        "import logging; logging.getLogger('foreign').warning('odd: %s', secret)",
        "import asyncio, logging; logging.error('odd', exc_info=ValueError(secret))",
        "raise ExceptionGroup(secret, [ValueError(secret)]) from KeyError(secret)",
        "error = ValueError('odd'); error.add_note(secret); raise error",
    ],
)
def test_what_python_itself_says_of_a_fault_holds_no_secret(breaking: str) -> None:
    begin = (
        "import base64; from socialstrike.redaction import guard_process, remember;"
        " secret = base64.b64decode('aHVudGVyMmh1bnRlcjI=').decode();"
        " remember(secret); guard_process()\n"
    )
    line = [sys.executable, "-W", "default", "-c", begin + breaking]
    done = subprocess.run(line, capture_output=True, text=True, timeout=100, check=False)

    assert "hunter2" not in done.stdout + done.stderr
    assert redaction.REDACTED in done.stderr
    # Without the guard it would be there, so the test can fail.
    bare = begin.replace("; guard_process()", "").replace("guard_process, ", "")
    line = [sys.executable, "-W", "default", "-c", bare + breaking]
    done = subprocess.run(line, capture_output=True, text=True, timeout=100, check=False)
    assert "hunter2" in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="core files are a matter of POSIX")
def test_a_guarded_process_that_is_aborted_leaves_no_core_file(tmp_path: Any) -> None:
    line = (
        "import os; from socialstrike.redaction import guard_process; guard_process(); os.abort()"
    )
    folder = tmp_path / "folder"
    folder.mkdir()
    done = subprocess.run([sys.executable, "-c", line], cwd=folder, timeout=100, check=False)
    assert done.returncode < 0
    assert list(folder.iterdir()) == []
