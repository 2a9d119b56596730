"""The command's last door: whatever breaks behind it, one line, an exit code, and no secret."""

from __future__ import annotations

import pytest

from socialstrike import redaction
from socialstrike.cli import main, service
from socialstrike.exceptions import (
    DatabaseError,
    InvalidInput,
    SocialstrikeError,
    VerificationFailed,
)

SECRET = "jeton-inoubliable-42"


def fail_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def broken(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(service, "opened", broken)


def ended(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as end:
        main(words)
    assert isinstance(end.value.code, int)
    printed = capsys.readouterr()
    assert printed.out == ""
    return end.value.code, printed.err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SocialstrikeError("raté"), 1),
        (DatabaseError("raté"), 1),
        (InvalidInput("raté"), 2),
        (VerificationFailed("raté"), 4),
    ],
)
def test_an_error_of_the_house_is_its_sentence_and_its_exit_code(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: SocialstrikeError,
    code: int,
) -> None:
    fail_with(monkeypatch, error)

    assert ended(capsys, "status") == (code, "error: raté\n")


def test_an_error_of_the_system_says_where(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fail_with(monkeypatch, OSError(28, "No space left on device", "log.csv"))

    assert ended(capsys, "status") == (
        1,
        "error: log.csv cannot be used: No space left on device\n",
    )


@pytest.mark.parametrize("words", [["status"], ["--verbose", "status"], ["status", "-v"]])
def test_a_fault_of_ours_is_told_without_the_secrets_it_carries(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    redaction.remember(SECRET)
    fail_with(monkeypatch, RuntimeError(f"GET /?access_token=abcdef123456 and {SECRET}"))

    code, said = ended(capsys, *words)

    assert code == 1
    assert said.startswith("error: a fault of socialstrike itself: RuntimeError")
    assert ("Traceback" in said) is (len(words) > 1)
    assert SECRET not in said
    assert "abcdef123456" not in said


def test_a_known_secret_is_taken_out_of_messages_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    redaction.remember(SECRET)
    fail_with(monkeypatch, InvalidInput(f"the platform said: {SECRET}\x1b[31m"))

    assert ended(capsys, "status") == (2, f"error: the platform said: {redaction.REDACTED}[31m\n")
