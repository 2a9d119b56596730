"""The guides are typed from the first line to the last, and say what the command says."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from socialstrike.lifecycle import State

ROOT = Path(__file__).resolve().parents[2]
GUIDES = {"en": ROOT / "docs" / "guide.md", "fr": ROOT / "docs" / "guide.fr.md"}
_TOOL = ROOT / "tools" / "walk_guide.py"
_TYPED = re.compile(r"^\$ (.*)$", re.MULTILINE)


@pytest.fixture(scope="module")
def walks() -> Any:
    spec = importlib.util.spec_from_file_location("walk_guide", _TOOL)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("language", GUIDES)
def test_the_command_says_what_the_guide_shows(walks: Any, tmp_path: Path, language: str) -> None:
    folder = tmp_path / "walk"
    folder.mkdir()
    with walks.Walk(folder, language) as walk:
        walk.through(GUIDES[language].read_text(encoding="utf-8"))
    wrong = [typed.difference() for typed in walk.typed if not typed.right]
    assert walk.typed
    assert not wrong, "\n\n".join(wrong)


def test_both_guides_type_the_same_commands() -> None:
    def shape(language: str) -> list[list[str]]:
        typed = _TYPED.findall(GUIDES[language].read_text(encoding="utf-8"))
        # Names, texts and files are other words; nouns and options are not.
        return [re.findall(r"^\w+ [\w$]+|(?<= )--?[a-z][\w-]*", line) for line in typed]

    assert shape("fr") == shape("en")


@pytest.mark.parametrize("language", GUIDES)
def test_the_guide_explains_every_state_and_every_exit_code(language: str) -> None:
    guide = GUIDES[language].read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|", guide, re.MULTILINE) == list(State)
    codes = {int(code) for code in re.findall(r"^\| (\d) \|", guide, re.MULTILINE)}
    assert codes == {0, 1, 2, 3, 4}


@pytest.mark.parametrize(
    ("shown", "right"),
    [
        ("socialstrike 0.0.none\n", False),
        ("…\n", True),
        ("", False),
        ("socialstrike\n…\n", False),
    ],
)
def test_what_a_guide_makes_up_is_found(
    walks: Any, tmp_path: Path, shown: str, right: bool
) -> None:
    with walks.Walk(tmp_path) as walk:
        walk.through(f"```console\n$ socialstrike --version\n{shown}```")
    assert [typed.right for typed in walk.typed] == [right]


def test_a_key_that_is_shown_as_two_is_found(walks: Any, tmp_path: Path) -> None:
    head = "$ socialstrike audit head\n2 {}\n"
    with walks.Walk(tmp_path) as walk:
        walk.through(
            "<!-- clock: 2027-01-12 10:00 -->\n```console\n$ socialstrike campaigns set grève --day"
            f" 2027-01-24\n…\n{head.format('a' * 64)}{head.format('b' * 64)}```"
        )
    assert [typed.right for typed in walk.typed] == [True, True, False]


def test_another_exit_code_than_the_one_shown_is_found(walks: Any, tmp_path: Path) -> None:
    with walks.Walk(tmp_path) as walk:
        walk.through("```console\n$ socialstrike nothing\n…\n$ echo $?\n3\n```")
    [typed] = walk.typed
    assert (typed.code, typed.right) == (2, False)
