"""Whatever the terminal is, or is not: no traceback, no secret on the screen, no lost work."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

posix = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell or terminal")


def shell(cli: Any, script: str) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in which ``"$@"`` is the command."""
    return subprocess.run(
        ["sh", "-c", script, "sh", *cli.line()],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=cli.folder,
        check=False,
    )


@pytest.fixture
def queued(strike: Any) -> Any:
    """A home with a queue and a log longer than what a pipe holds."""
    rows = "".join(
        f"2031-01-24T{n // 60:02}:{n % 60:02},announcement,collectif-fb,« {n} » 💥 {'é' * 300}\n"
        for n in range(300)
    )
    (strike.folder / "many.csv").write_text(f"at,kind,to,text\n{rows}", encoding="utf-8")
    assert strike.call("posts", "import", "many.csv").code == 0
    return strike


@posix
@pytest.mark.parametrize(
    "command", ["posts list", "posts list --json", "audit export", "audit list"]
)
def test_a_reader_that_goes_away_is_no_error_to_talk_about(queued: Any, command: str) -> None:
    done = shell(queued, f'"$@" {command} | head -n 1')

    assert done.stderr == ""
    assert done.stdout.count("\n") == 1


@posix
def test_with_every_stream_closed_the_work_is_done_and_the_database_stays_whole(
    strike: Any,
) -> None:
    done = shell(strike, '"$@" posts add Bonjour --to all --at +1h <&- >&- 2>&-; echo $?')

    assert done.stdout == "0\n"
    assert strike.states() == {"Bonjour": "scheduled"}
    assert strike.call("audit", "verify").code == 0


@posix
@pytest.mark.parametrize("python", ["env -u PYTHONUNBUFFERED", "env PYTHONUNBUFFERED=1"])
def test_a_full_disk_behind_the_output_is_one_sentence(strike: Any, python: str) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")

    # Python may hold output back, or not.
    done = shell(strike, f'{python} "$@" posts list >/dev/full; echo $?')

    assert done.stdout == "1\n"
    assert done.stderr == "error: a file or the output cannot be used: No space left on device\n"


def test_an_ascii_terminal_shows_what_it_can(strike: Any) -> None:
    added = strike.call("posts", "add", "Grève – « été » 💥", "--to", "all", "--at", "+1h")
    assert added.code == 0

    for command in (["posts", "list"], ["posts", "show", "1"], ["posts", "list", "--json"]):
        listed = strike.run(*command, env={"PYTHONIOENCODING": "ascii"})
        assert (listed.code, listed.err) == (0, "")
        assert "Gr?ve" in listed.out
    exported = strike.run("audit", "export", env={"PYTHONIOENCODING": "ascii"})
    assert exported.code == 0  # evidence is UTF-8 whatever the terminal


@posix
def test_an_argument_that_is_no_text_is_refused(strike: Any) -> None:
    done = shell(strike, '"$@" accounts pause "$(printf \'l\\350\')"; echo $?')

    assert done.stdout == "2\n"
    assert done.stderr.startswith("error: ")
    assert "UTF-8" in done.stderr


def test_terminal_codes_in_what_a_platform_or_a_person_wrote_are_not_passed_on(
    strike: Any,
) -> None:
    reason = "\x1b]0;titre\x07\x1b[31mrouge\u202e"

    assert strike.call("accounts", "pause", "collectif-x", "--reason", reason).code == 0

    for words in (["accounts", "list"], ["audit", "list"], ["status"]):
        shown = strike.call(*words).out
        assert "rouge" in shown
        assert not re.search("[\x1b\x07\u202e]", shown)


def typed(cli: Any, answers: list[tuple[str, str]], *words: str) -> tuple[int, str]:
    """Run a command on a terminal and type each answer once its question is on the screen."""
    import pty

    person, terminal = pty.openpty()
    process = subprocess.Popen(
        cli.line(*words), stdin=terminal, stdout=terminal, stderr=terminal, cwd=cli.folder,
        start_new_session=True,
    )  # fmt: skip
    os.close(terminal)
    watchdog = threading.Timer(40, process.kill)
    watchdog.start()
    screen = ""
    seen = 0
    try:
        while True:
            try:
                screen += os.read(person, 4096).decode()
            except OSError:  # the terminal is gone: the command has ended
                break
            # The question's last character comes once nothing typed is shown any more.
            if answers and answers[0][0] in screen[seen:] and screen.endswith(": "):
                seen = len(screen)
                os.write(person, f"{answers.pop(0)[1]}\n".encode())
        return process.wait(60), screen
    finally:
        watchdog.cancel()
        process.kill()
        process.wait(60)
        os.close(person)


@posix
def test_typed_credentials_are_sealed_and_never_shown(cli: Any, sandbox: Any) -> None:
    answers = [
        ("API key (", "cle-tapee-1"),
        ("API key secret", "secret-tape-2"),
        ("Access token:", "jeton-tape-3"),
        ("Access token secret", "secret-tape-4"),
        ("client ID", ""),
        ("refresh token", ""),
    ]
    secrets = [answer for _, answer in answers if answer]

    code, screen = typed(
        cli, answers, "accounts", "add", "x", "collectif", "--base-url", sandbox.base_url
    )

    assert code == 0, screen
    assert "collectif is added on X" in screen
    assert [secret for secret in secrets if secret in screen] == []
    assert cli.call("accounts", "check").code == 0


@posix
def test_forgetting_is_asked_about_and_a_no_keeps_the_credentials(strike: Any) -> None:
    code, screen = typed(strike, [("[y/N]", "n")], "accounts", "forget", "collectif-x")

    assert code == 2
    assert "nothing was changed" in screen
    assert strike.call("accounts", "check", "collectif-x").code == 0


def test_help_loads_neither_the_database_nor_a_client_library() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-X",
            "importtime",
            "-m",
            "socialstrike",
            "--help",
        ],
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )

    assert done.returncode == 0
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "typer" in loaded
    assert loaded & {"sqlalchemy", "alembic", "requests", "tweepy", "facebook", "uvicorn"} == set()
