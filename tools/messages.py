"""The translations: every text read from the source, those of the command tree, and their files.

``python tools/messages.py`` brings the catalogues in socialstrike/locale up to date: new texts
wait there for their translation, texts that went are dropped, and the compiled form is written.
With ``--check`` it changes nothing and says what is missing.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from typer.main import get_command

from socialstrike import exceptions, i18n, lifecycle
from socialstrike.cli import app, speech

_PACKAGE = Path(exceptions.__file__).parent
_KEYWORDS = {"tr": None, "stored": None, "trn": (1, 2)}
_SOURCE = "en"
_LONG_AGO = datetime(2020, 1, 24, tzinfo=UTC)


def template() -> Catalog:
    """Every text there is, in English, with the files it stands in."""
    found = Catalog(project="socialstrike", charset="utf-8", fuzzy=False)
    for path, _, text, _, _ in sorted(_in_source(), key=lambda row: (row[0], row[1])):
        found.add(text, locations=[(f"socialstrike/{path}", 0)])
    for text in _elsewhere():
        found.add(text)
    return found


def _in_source() -> Iterator[tuple[str, int, Any, list[str], str | None]]:
    yield from extract_from_dir(
        _PACKAGE, [("**.py", "python")], keywords=_KEYWORDS, strip_comment_tags=True
    )


def _elsewhere() -> Iterator[str]:
    """The help of the commands, the default sentences of errors, and the words of states."""
    yield from _helps(get_command(app))
    kinds = [kind for kind in vars(exceptions).values() if isinstance(kind, type)]
    for kind in kinds:
        if issubclass(kind, exceptions.SocialstrikeError) and kind.__doc__:
            yield kind.__doc__.strip()
    yield from lifecycle.State
    yield from ("announcement", "occupation")


def _helps(command: Any) -> Iterator[str]:
    for holder in (command, *command.params):
        for text in (getattr(holder, "help", None), getattr(holder, "epilog", None)):
            if isinstance(text, str):
                yield from speech.paragraphs(text)
    for inner in getattr(command, "commands", {}).values():
        yield from _helps(inner)


def file_of(language: str) -> Path:
    """The catalogue of a language."""
    return _PACKAGE / "locale" / language / "LC_MESSAGES" / "socialstrike.po"


def updated(language: str) -> Catalog:
    """The language's catalogue with the texts of today; none is guessed from another."""
    path = file_of(language)
    known = Catalog(language)
    if path.exists():
        known = read_po(io.BytesIO(path.read_bytes()), locale=language)
    known.update(template(), no_fuzzy_matching=True)
    made = Catalog(
        language,
        project="socialstrike",
        version="1",
        header_comment="# The texts of socialstrike; see CONTRIBUTING.md.",
        charset="utf-8",
        # The same texts make the same file, whenever it is written.
        creation_date=_LONG_AGO,
        revision_date=_LONG_AGO,
        last_translator="socialstrike",
        fuzzy=False,
    )
    for message in known:
        if message.id:
            made[message.id] = message
    return made


def written(catalog: Catalog) -> bytes:
    """The catalogue as a .po file: the files of each text, not their lines, which change daily."""
    out = io.BytesIO()
    write_po(out, catalog, width=100, omit_header=False, include_lineno=False, sort_output=True)
    return out.getvalue()


def compiled(catalog: Catalog) -> bytes:
    """The catalogue as a .mo file, which the program reads."""
    out = io.BytesIO()
    write_mo(out, catalog)
    return out.getvalue()


def faults(catalog: Catalog) -> Iterator[str]:
    """What is missing or cannot be filled, a line each."""
    for message in catalog:
        if not message.id:
            continue
        said = message.string or ""
        texts = [said] if isinstance(said, str) else list(said)
        ids = [message.id] if isinstance(message.id, str) else list(message.id)
        if not all(texts):
            yield f"not translated: {ids[0]}"
            continue
        # One of a plural's two forms may leave its number out: "one post".
        allowed = set().union(*map(i18n.places, ids))
        needed = set.intersection(*map(i18n.places, ids))
        for text in texts:
            if not needed <= i18n.places(text) <= allowed:
                yield f"other places than the original: {text}"


def main() -> int:
    """Write or check every catalogue; 1 where something is missing."""
    wrong = []
    for language in i18n.LANGUAGES:
        if language == _SOURCE:
            continue
        catalog, path = updated(language), file_of(language)
        made = {path: written(catalog), path.with_suffix(".mo"): compiled(catalog)}
        wrong += [f"{path.name} ({language}): {fault}" for fault in faults(catalog)]
        for name, content in made.items():
            if name.exists() and name.read_bytes() == content:
                continue
            if "--check" in sys.argv:
                wrong.append(
                    f"{name.relative_to(_PACKAGE.parent)} is not up to date: make messages"
                )
            else:
                name.parent.mkdir(parents=True, exist_ok=True)
                name.write_bytes(content)
    for line in wrong:
        print(line, file=sys.stderr)  # noqa: T201  (a tool's output)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
