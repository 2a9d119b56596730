"""The documents keep their promises: links lead somewhere, pages stay short, words are defined."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from socialstrike.lifecycle import State

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    path
    for folder in (".", "docs", "docs/decisions", "sample_posts")
    for path in (ROOT / folder).glob("*.md")
)
DECISIONS = sorted((ROOT / "docs" / "decisions").iterdir())
SAMPLES = sorted(
    path.relative_to(ROOT / "sample_posts").as_posix()
    for path in (ROOT / "sample_posts").rglob("*")
    if path.is_file() and path.name != "README.md"
)
#: What is read by people or installed with the product, and so must hold on every machine.
TRAVELS = sorted(
    path
    for pattern in (
        "*.md",
        "*.toml",
        "*.txt",
        "Makefile",
        ".ci/*",
        "docs/**/*",
        "migrations/**/*",
        "sample_posts/**/*",
        "socialstrike/**/*",
        "tools/*",
    )
    for path in ROOT.glob(pattern)
    if path.is_file() and path.suffix not in {".mo", ".png", ".pyc"}
)

_FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
_HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
_OWN_FOLDER = re.compile(r"/(?:home|root|Users)/|[A-Z]:\\Users\\")


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _anchors(document: Path) -> set[str]:
    """The anchors a Markdown viewer gives the headings: lower case, hyphens for spaces."""
    headings = _HEADING.findall(_FENCE.sub("", document.read_text(encoding="utf-8")))
    words = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.strip().replace(" ", "-") for heading in words}


@pytest.mark.parametrize("document", DOCUMENTS, ids=_name)
def test_every_relative_link_leads_to_a_file_and_a_heading(document: Path) -> None:
    broken = []
    for link in _LINK.findall(_FENCE.sub("", document.read_text(encoding="utf-8"))):
        if re.match(r"[a-z][a-z0-9+.-]*:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        inside = target.is_relative_to(ROOT) and target.exists()
        if not inside or (anchor and anchor not in _anchors(target)):
            broken.append(link)
    assert not broken, f"{_name(document)} links to what is not there: {broken}"


def test_decisions_are_numbered_in_order_and_fit_thirty_lines() -> None:
    assert DECISIONS
    for number, decision in enumerate(DECISIONS, start=1):
        lines = decision.read_text(encoding="utf-8").splitlines()
        assert re.fullmatch(rf"{number:04}(-[a-z0-9]+)+\.md", decision.name)
        assert lines[0].startswith(f"# {number}. "), decision.name
        assert len(lines) <= 30, f"{decision.name} has {len(lines)} lines"


def test_the_changelog_tells_what_is_unreleased() -> None:
    headings = _HEADING.findall((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    assert headings[1] == "[Unreleased]"


def test_there_are_samples() -> None:
    assert SAMPLES


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_samples_readme_says_what_each_sample_is_for(sample: str) -> None:
    assert sample in (ROOT / "sample_posts" / "README.md").read_text(encoding="utf-8")


def test_the_glossary_explains_every_state_in_the_order_of_the_code() -> None:
    glossary = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    section = glossary.partition("## States of a delivery")[2].partition("\n## ")[0]
    assert re.findall(r"^- \*\*(\w+)\*\*: ", section, re.MULTILINE) == list(State)


@pytest.mark.parametrize("path", TRAVELS, ids=_name)
def test_no_file_names_a_folder_of_its_authors_machine(path: Path) -> None:
    found = _OWN_FOLDER.findall(path.read_text(encoding="utf-8"))
    assert not found, f"{_name(path)} names {found}"
