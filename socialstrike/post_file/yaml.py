"""YAML, read as events: what is written, with its lines, and nothing it could make a machine do.

No tag, anchor or alias is obeyed, and no value gets a type: ``12:30`` stays what was written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import yaml

from socialstrike.exceptions import InvalidFile, Problem
from socialstrike.i18n import tr
from socialstrike.post_file.nodes import Fields, Items, Node, Scalar, decode, load_bytes, shown

MAX_BYTES = 5_000_000
MAX_DEPTH = 8
MAX_NODES = 300_000

# libyaml where PyYAML was built with it: ten times as fast, the same events.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# The parser compares each with all before it: a file of nothing else would take minutes.
_DIRECTIVE = re.compile(r"^%TAG\s", re.MULTILINE)
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})


def load(path: Path) -> Fields:
    """The file's one document. Raises InvalidFile where it is not plain YAML with named fields."""
    text = decode(path, load_bytes(path, MAX_BYTES))
    if directive := _DIRECTIVE.search(text):
        first = text.count("\n", 0, directive.start()) + 1
        raise _wrong(path, first, tr("tag directives (%TAG) are not used here; remove the line"))
    try:
        root = _Tree(path, yaml.parse(text, Loader=_LOADER)).document()
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1 if error.position >= 0 else None
        raise _wrong(path, line, tr("holds a character YAML does not allow; remove it")) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = " ".join(part for part in (error.context, error.problem) if part)
        line = min(mark.line + 1, len(text.splitlines())) if mark else None
        raise _wrong(
            path,
            line,
            tr(
                "this is not YAML ({said}); check the indentation and the quotes here and in"
                " the line above",
                said=shown(said),
            ),
        ) from None
    except yaml.YAMLError:
        raise _wrong(path, None, tr("holds a character YAML does not allow; remove it")) from None
    if not isinstance(root, Fields):
        raise _wrong(path, 1, tr("must begin with named fields such as campaign: and posts:"))
    return root


class _Tree:
    """Builds nodes from events; refuses what a post file has no use for."""

    def __init__(self, path: Path, events: Iterator[yaml.Event]) -> None:
        self._path = path
        self._events = events
        self._count = 0

    def document(self) -> Node:
        root: Node = Scalar("", 1, empty=True)
        documents = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._refuse(event, tr("a second document begins here; keep one per file"))
                root = self._node(next(self._events), 1)
        return root

    def _node(self, event: yaml.Event, depth: int) -> Node:
        line = _line(event)
        self._count += 1
        if self._count > MAX_NODES:
            self._refuse(event, tr("the file holds too many values; split it"))
        if depth > MAX_DEPTH:
            self._refuse(event, tr("is nested too deeply; a post file needs four levels"))
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            self._refuse(event, tr("anchors (&) and aliases (*) are not used here; quote the text"))
        if getattr(event, "tag", None):
            self._refuse(event, tr("tags (!) are not used here; quote the text"))
        if isinstance(event, yaml.ScalarEvent):
            return Scalar(event.value, line, empty=not event.style and event.value in _NULLS)
        if isinstance(event, yaml.SequenceStartEvent):
            values = []
            while not isinstance(inner := next(self._events), yaml.SequenceEndEvent):
                values.append(self._node(inner, depth + 1))
            return Items(tuple(values), line)
        return Fields(self._fields(depth), line)

    def _fields(self, depth: int) -> dict[str, Node]:
        values: dict[str, Node] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            name = self._node(event, depth + 1)
            if not isinstance(name, Scalar):
                self._refuse(event, tr("a field's name must be a single word; quote the text"))
            if name.text in values:
                self._refuse(
                    event, tr("the field {text} stands twice; keep one", text=shown(name.text))
                )
            values[name.text] = self._node(next(self._events), depth + 1)
        return values

    def _refuse(self, event: yaml.Event, message: str) -> NoReturn:
        raise _wrong(self._path, _line(event), message)


def _line(event: yaml.Event) -> int | None:
    return event.start_mark.line + 1 if event.start_mark else None


def _wrong(path: Path, line: int | None, message: str) -> InvalidFile:
    return InvalidFile([Problem(str(path), line, None, message)])
