"""The JSON Schema of post files: it knows what the reader knows, and stands in the repository."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from socialstrike.post_file import fields, head, schema
from tests.unit.packs import HEAD, one, problems

ROOT = Path(__file__).parents[2]
SCHEMA = schema.schema()
VALIDATOR = Draft202012Validator(SCHEMA)


class _Loader(yaml.SafeLoader):
    """YAML as editors read it: a date is text."""


_Loader.yaml_implicit_resolvers = {
    sign: [(tag, pattern) for tag, pattern in found if not tag.endswith(":timestamp")]
    for sign, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def errors(text: str) -> list[str]:
    """What an editor would mark in the file ``text``."""
    found = yaml.load(text, Loader=_Loader)
    return ["/".join(map(str, error.absolute_path)) for error in VALIDATOR.iter_errors(found)]


def test_the_file_in_the_repository_is_the_schema_and_is_sound() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    kept = (ROOT / "docs" / "post-file.schema.json").read_text("utf-8")
    assert json.loads(kept) == SCHEMA, "run: socialstrike posts schema > docs/post-file.schema.json"


def test_the_schema_and_the_reader_know_the_same_fields_and_describe_each() -> None:
    objects: list[tuple[dict[str, Any], tuple[str, ...]]] = [
        (SCHEMA, head.FIELDS),
        (SCHEMA["$defs"]["campaign"], head.CAMPAIGN_FIELDS),
        (SCHEMA["$defs"]["post"], fields.FIELDS),
    ]
    for found, names in objects:
        assert tuple(found["properties"]) == names
        assert found["additionalProperties"] is False
        assert all(one["description"] for one in found["properties"].values())
    described = (vars(schema)[name] for name in ("_HEAD", "_CAMPAIGN", "_POST"))
    assert [{*known} for known in described] == [{*names} for _, names in objects]


@pytest.mark.parametrize(
    "pack", sorted(p.name for p in (ROOT / "sample_posts").glob("*.yaml")), ids=str
)
def test_the_sample_packs_are_without_fault(pack: str) -> None:
    assert errors((ROOT / "sample_posts" / pack).read_text("utf-8")) == []


OCCUPATION = {"kind": "occupation", "at": "", "every": "1h30", "text": "", "texts": "[a, b]"}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"at": "2020-01-22T09:00", "link": "none", "lateness": "45 min"},
        {"at": "J-2 09:00", "to": "[a, b]", "media": "[{file: a.png, alt: b}]"},
        {"text": "[un, {text: deux, media: [a.png]}]", "variants": "{x: [un, deux], y: trois}"},
        {"visibility": "unlisted", "content_warning": "x", "language": "fr"},
        OCCUPATION,
        {**OCCUPATION, "from": "D 00:00", "until": "D 24:00", "jitter": "5m"},
        {**OCCUPATION, "feed": "https://a.example/feed", "newest": "12"},
        {**OCCUPATION, "links": "[https://a.example/, {link: https://b.example/, title: b}]"},
    ],
)
def test_what_the_reader_takes_is_without_fault(fields: dict[str, str]) -> None:
    assert errors(one(**fields)) == []


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"kind": "anouncement"}, "posts/0/kind"),
        ({"at": "demain"}, "posts/0/at"),
        ({"at": ""}, "posts/0"),
        ({"to": ""}, "posts/0"),
        ({"texte": "x"}, "posts/0"),
        ({"texts": "[a]"}, "posts/0"),
        ({"text": ""}, "posts/0"),
        ({"link": "onestla.tech"}, "posts/0/link"),
        ({"media": "[{alt: b}]"}, "posts/0/media"),
        ({"jitter": "5m"}, "posts/0"),
        ({"feed": "a.xml"}, "posts/0"),
        ({"visibility": "secret"}, "posts/0/visibility"),
        ({**OCCUPATION, "kind": "announcement"}, "posts/0/kind"),
        ({**OCCUPATION, "at": "D 09:00"}, "posts/0"),
        ({**OCCUPATION, "every": "2 hours"}, "posts/0/every"),
        ({**OCCUPATION, "newest": "3"}, "posts/0"),
        ({**OCCUPATION, "newest": "0", "feed": "a.xml"}, "posts/0/newest"),
        ({**OCCUPATION, "links": "[https://a.example/]", "feed": "a.xml"}, "posts/0"),
        ({**OCCUPATION, "links": "[{title: a}]"}, "posts/0/links"),
    ],
)
def test_what_an_editor_marks_the_reader_refuses_too(
    fields: dict[str, str], where: str, tmp_path: Path
) -> None:
    text = one(**fields)
    assert where in errors(text)
    (tmp_path / "posts.yaml").write_text(text, "utf-8")
    assert problems(tmp_path / "posts.yaml")


def test_what_is_wrong_above_the_posts_is_marked() -> None:
    assert errors(HEAD.replace("greve", "une grève") + "posts: [" + "]") != []
    for wrong in (
        "campaign: {name: a}",
        "accounts: {a: twitter}",
        "groups: {a: {b: c}}",
        "tags: a",
    ):
        assert errors(f"{wrong}\nposts:\n  - {{kind: announcement, at: D 09:00, to: a, text: b}}\n")
