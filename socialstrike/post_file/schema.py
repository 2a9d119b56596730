"""The grammar of post files as a JSON Schema, for editors that complete and check while one types.

It is made of the fields that the reader knows, and is looser than the reader: whether an account
exists, a text is short enough or a time has passed, an import alone can tell.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

from socialstrike import platforms
from socialstrike.post_file import MAX_POSTS, fed, fields, head, options, thread
from socialstrike.post_file.pictures import MAX_MEDIA
from socialstrike.post_file.schedule import ANNOUNCEMENT, OCCUPATION

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_Schema = dict[str, Any]

# A person may write a number without quotes; the reader takes both.
_TIME = r"^\s*([DJdj]\s*([+-]\s*\d{1,3})?(\s+|T)|\d{4}-\d{2}-\d{2}(\s+|[Tt]))\d{1,2}:\d{2}"
_MINUTES = "([mM]|[mM][iI][nN])"
_DURATION = rf"^\s*(\d{{1,4}}\s*[hH](\s*\d{{1,2}}\s*{_MINUTES}?)?|\d{{1,5}}\s*{_MINUTES})\s*$"
_WEB = r"^\s*https?://\S+\s*$"


def schema() -> _Schema:
    """The schema of a post file in YAML (JSON Schema, draft 2020-12)."""
    return {
        "$schema": DIALECT,
        "title": "socialstrike: post file",
        "description": "What goes out on a strike day, when, and from which accounts.",
        **_object(_HEAD, head.FIELDS, required=("posts",)),
        "$defs": {
            "post": _post(),
            "campaign": _object(_CAMPAIGN, head.CAMPAIGN_FIELDS, required=("name", "day")),
            "time": _text("A time: D-2 09:00 or 2020-01-22T09:00.", _TIME),
            "duration": _text("A duration: 30m, 2h or 1h30.", _DURATION),
            "address": _text("A web address.", _WEB),
            "thread": _THREAD,
            "media": _MEDIA,
        },
    }


def _post() -> _Schema:
    """A post; what goes with every alone is said as conditions, so that editors can tell why."""
    repeated = {"required": ["every"]}
    alone = ("from", "until", "texts", "jitter", *fed.FIELDS)
    return {
        **_object(_POST, fields.FIELDS, required=("kind", "to")),
        "oneOf": [{"required": ["text"]}, {"required": ["texts"]}],
        "if": repeated,
        "then": {
            "properties": {"kind": {"const": OCCUPATION}, "at": False},
            "not": {"anyOf": [_both(*pair) for pair in combinations(("links", "feed", "link"), 2)]},
        },
        "else": {"required": ["at"], "properties": dict.fromkeys(alone, False)},
        "dependentRequired": {"newest": ["feed"]},
    }


def _both(*names: str) -> _Schema:
    return {"required": [*names]}


def _object(
    known: dict[str, _Schema], names: tuple[str, ...], required: tuple[str, ...]
) -> _Schema:
    """An object with the reader's own fields; one that is not described here is a KeyError."""
    return {
        "type": "object",
        "properties": {name: known[name] for name in names},
        "required": [*required],
        "additionalProperties": False,
    }


def _text(description: str, pattern: str | None = None) -> _Schema:
    found: _Schema = {"description": description, "type": "string"}
    return {**found, "pattern": pattern} if pattern else found


def _ref(name: str, description: str) -> _Schema:
    return {"description": description, "$ref": f"#/$defs/{name}"}


def _list_or_one(item: _Schema, description: str, most: int) -> _Schema:
    many = {"type": "array", "items": item, "minItems": 1, "maxItems": most}
    return {"description": description, "anyOf": [item, many]}


_NAMES = _list_or_one({"type": "string", "minLength": 1}, "Names.", fields.MAX_NAMES)
_PICTURE: _Schema = {
    "anyOf": [
        {"type": "string", "minLength": 1},
        {
            "type": "object",
            "properties": {
                "file": _text("A picture or a video in the post file's own folder."),
                "alt": _text("What it shows, for who cannot see it."),
            },
            "required": ["file"],
            "additionalProperties": False,
        },
    ]
}
_MEDIA = _list_or_one(_PICTURE, "Pictures, or one video, with their alt texts.", MAX_MEDIA)
_PART: _Schema = {
    "anyOf": [
        {"type": "string", "minLength": 1},
        {
            "type": "object",
            "properties": {
                "text": _text("What this part says."),
                "media": _ref("media", "Pictures of this part."),
            },
            "required": ["text"],
            "additionalProperties": False,
        },
    ]
}
_THREAD = _list_or_one(
    _PART,
    "One text, or the parts of a thread as a list; lines that are just --- divide a text into"
    " parts too.",
    thread.MAX_PARTS,
)
_WORDS: _Schema = {"$ref": "#/$defs/thread"}
_TURNS: _Schema = {"type": "array", "items": _WORDS, "minItems": 1, "maxItems": fields.MAX_TEXTS}

_HEAD: dict[str, _Schema] = {
    "campaign": {
        "description": "The campaign, or the name of one that exists already.",
        "anyOf": [{"type": "string", "minLength": 1}, {"$ref": "#/$defs/campaign"}],
    },
    "accounts": {
        "description": "The accounts that the file expects to find, with their platforms.",
        "type": "object",
        "additionalProperties": {"enum": sorted(platforms.REGISTRY)},
    },
    "groups": {
        "description": "Names for several accounts.",
        "type": "object",
        "additionalProperties": _NAMES,
    },
    "posts": {
        "description": "What goes out.",
        "type": "array",
        "items": {"$ref": "#/$defs/post"},
        "minItems": 1,
        "maxItems": MAX_POSTS,
    },
}

_CAMPAIGN: dict[str, _Schema] = {
    "name": _text("Letters, digits, dots and hyphens.", r"^\s*\S{1,80}\s*$"),
    "day": _text("The strike day, D in the times: 2020-01-24.", r"^\s*\d{4}-\d{2}-\d{2}\s*$"),
    "timezone": _text("Such as Europe/Paris, which is the default."),
    "hashtag": _text('Added to each text that lacks it; in quotes: "#greve".', "^#"),
    "mention": _text('Kept with the campaign; in quotes: "@onestlatech".', "^@"),
    "link": _ref("address", "Goes with announcements that have no link of their own."),
    "window": {
        "description": "How long the strike is: 24h, which is the default.",
        "type": ["string", "integer"],
    },
    "announcement_lateness": _ref("duration", "How late an announcement may go out; 1h."),
    "occupation_lateness": _ref(
        "duration", "How late an occupation may go out; by default until its next time, or 30m."
    ),
}

_POST: dict[str, _Schema] = {
    "kind": {
        "description": "An announcement goes out once; an occupation may repeat itself.",
        "enum": [ANNOUNCEMENT, OCCUPATION],
    },
    "at": _ref("time", "When it goes out: D-2 09:00 or 2020-01-22T09:00."),
    "every": _ref("duration", "An occupation's interval, such as 2h."),
    "from": _ref("time", "An occupation's first time; by default the strike's beginning."),
    "until": _ref("time", "An occupation's end, not included; by default the strike's end."),
    "to": {**_NAMES, "description": "Accounts, groups, a platform's name, or all."},
    "text": {"description": "What to say.", "$ref": "#/$defs/thread"},
    "texts": {**_TURNS, "description": "What an occupation says, in turn."},
    "media": _ref("media", "Pictures, or one video, with their alt texts."),
    "variants": {
        "description": "Another text for a platform or an account.",
        "type": "object",
        "additionalProperties": {"anyOf": [_WORDS, _TURNS]},
    },
    "link": {
        "description": "A web address, or none for no link at all.",
        "anyOf": [{"$ref": "#/$defs/address"}, {"enum": [fields.NO_LINK]}],
    },
    "lateness": _ref("duration", "How late it may still go out."),
    "jitter": _ref(
        "duration", "Each time of an occupation is moved by 0 to so much, for each account anew."
    ),
    "links": _list_or_one(
        {
            "anyOf": [
                {"$ref": "#/$defs/address"},
                {
                    "type": "object",
                    "properties": {
                        "link": _ref("address", "A web address."),
                        "title": _text("Stands in for {title} in the texts."),
                    },
                    "required": ["link"],
                    "additionalProperties": False,
                },
            ]
        },
        "Each time of an occupation carries the next of these.",
        fed.MAX_LINKS,
    ),
    "feed": _text("A feed (RSS or Atom) whose newest entries the times of an occupation carry."),
    "newest": {
        "description": f"How many of the newest entries are looked at, {fed.MAX_LINKS} at most.",
        "type": ["integer", "string"],
        "pattern": "^[0-9]{1,5}$",
        "minimum": 1,
        "maximum": fed.MAX_LINKS,
    },
    "visibility": {
        "description": "Who sees it, where the platform knows such a thing (Mastodon).",
        "enum": [*options.VISIBILITIES],
    },
    "content_warning": _text("Stands before the text, which is folded (Mastodon)."),
    "language": _text("The text's language, such as fr (Mastodon, Bluesky)."),
}
