"""Every text a person meets goes through the catalogue, and the catalogue lacks nothing."""

from __future__ import annotations

import ast
import copy
import functools
import importlib.util
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import socialstrike
from socialstrike import i18n

_PACKAGE = Path(socialstrike.__file__).parent
_TOOL = Path(__file__).parents[2] / "tools" / "messages.py"
_THROUGH = {"tr", "trn", "stored", "translated"}
#: Functions that print what they are given; the table's rows are data.
_PRINTING = {"line", "note", "error", "warning", "busy", "confirm"}


@pytest.fixture(scope="module")
def messages() -> Any:
    spec = importlib.util.spec_from_file_location("messages", _TOOL)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def updated(messages: Any) -> Callable[[str], Any]:
    """The catalogue as the source would have it; reading the whole source takes seconds."""
    return functools.cache(messages.updated)


@pytest.mark.parametrize("language", [one for one in i18n.LANGUAGES if one != "en"])
def test_no_text_lacks_its_translation_and_the_files_are_those_of_the_source(
    messages: Any, updated: Callable[[str], Any], language: str
) -> None:
    catalog = updated(language)
    assert list(messages.faults(catalog)) == []
    path = messages.file_of(language)
    assert path.read_bytes() == messages.written(catalog), "run: make messages"
    assert path.with_suffix(".mo").read_bytes() == messages.compiled(catalog), "run: make messages"


def test_a_text_without_its_translation_is_found(
    messages: Any, updated: Callable[[str], Any]
) -> None:
    catalog = copy.deepcopy(updated("fr"))
    catalog.add("there is {count} of it", string="il y en a {nombre}")
    catalog.add("never translated")
    found = "\n".join(messages.faults(catalog))
    assert "other places than the original: il y en a {nombre}" in found
    assert "not translated: never translated" in found


def _sources() -> list[Path]:
    own_world = _PACKAGE / "sandbox"
    return [path for path in sorted(_PACKAGE.rglob("*.py")) if own_world not in path.parents]


@pytest.mark.parametrize("path", _sources(), ids=lambda path: str(path.relative_to(_PACKAGE)))
def test_no_sentence_is_raised_or_printed_past_the_catalogue(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    errors = _error_names()
    missed = [
        f"{path.name}:{text.lineno}: {_plain(text)}"
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and (_name(call) in errors or _prints(call))
        for text in _sentences(call)
    ]
    assert missed == []


@pytest.mark.parametrize("path", _sources(), ids=lambda path: str(path.relative_to(_PACKAGE)))
def test_no_text_hides_inside_a_formatted_string(path: Path) -> None:
    # There the catalogue's reader finds it with some versions of Python and not with others.
    tree = ast.parse(path.read_text(encoding="utf-8"))
    hidden = [
        f"{path.name}:{call.lineno}"
        for formatted in ast.walk(tree)
        if isinstance(formatted, ast.JoinedStr)
        for call in ast.walk(formatted)
        if isinstance(call, ast.Call)
        and _name(call) in _THROUGH
        and isinstance(call.args[0], ast.Constant)
    ]
    assert hidden == []


def _error_names() -> set[str]:
    from socialstrike import exceptions
    from socialstrike.platforms import base

    named = {**vars(exceptions), **vars(base)}
    kinds = {name for name, kind in named.items() if isinstance(kind, type)}
    return {name for name in kinds if issubclass(named[name], exceptions.SocialstrikeError)} | {
        "BadParameter"
    }


def _prints(call: ast.Call) -> bool:
    function = call.func
    return (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
        and function.value.id == "output"
        and function.attr in _PRINTING
    )


def _name(call: ast.Call) -> str:
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _sentences(call: ast.Call) -> Iterator[ast.Constant | ast.JoinedStr]:
    """The literals of a call that hold words and did not go through the catalogue."""
    waiting: list[ast.AST] = [*call.args, *(keyword.value for keyword in call.keywords)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Call) and _name(node) in _THROUGH:
            continue
        if isinstance(node, ast.Constant | ast.JoinedStr) and re.search(
            r"[A-Za-z]{3,} +[a-z]{2,}", _plain(node)
        ):
            yield node
        elif isinstance(node, ast.Call | ast.IfExp | ast.BoolOp | ast.BinOp | ast.Starred):
            waiting += ast.iter_child_nodes(node)


def _plain(text: ast.Constant | ast.JoinedStr) -> str:
    if isinstance(text, ast.Constant):
        return text.value if isinstance(text.value, str) else ""
    return "".join(part.value for part in text.values if isinstance(part, ast.Constant))
