"""Texts: how long platforms count them, whether they carry the hashtag, how to print them safely.

X counts with the weights of twitter-text, version 3: https://developer.x.com/en/docs/counting-characters.
Everything here is linear in the text's length, because the texts come from files nobody has read.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from importlib import resources

X_URL_LENGTH = 23

# All code points weigh two, but those of these ranges, which weigh one.
_HEAVY = re.compile("[^\0-\u10ff\u2000-\u200d\u2010-\u201f\u2032-\u2037]")

_LATIN_ACCENTS = (
    "\xc0-\xd6\xd8-\xf6\xf8-\u024f\u0253\u0254\u0256\u0257\u0259\u025b\u0263\u0268\u026f\u0272"
    "\u0289\u028b\u02bb\u0300-\u036f\u1e00-\u1eff"
)
_NOT_IN_HOSTS = (
    r"!'#%&()*+,\\/:;<=>?@\[\]^{|}~$"
    "\x09-\x0d\x20\x85\xa0\u1680\u180e\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
    "\ufffe\ufeff\uffff"
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
)
_HOST = re.compile(f"[^{_NOT_IN_HOSTS}]++")
_APART = re.compile(f"[{_NOT_IN_HOSTS}]")
_BEFORE_URL = re.compile("[^A-Za-z0-9@＠$#＃\ufffe\ufeff\uffff]")
_PROTOCOL = re.compile(r"https?://", re.IGNORECASE)
_LATIN = f"-0-9a-zA-Z{_LATIN_ACCENTS}"
_LATIN_LABELS = re.compile(f"(?<![{_LATIN}])(?:[{_LATIN}]++\\.)++")
_TLD_LABEL = re.compile("[0-9a-zA-Z]++")
_TLD_GOES_ON = re.compile("[0-9a-zA-Z@+-]")
_PUNYCODE_TLD = re.compile("[xX][nN]--[-0-9a-zA-Z]++")
_PORT = re.compile(r":[0-9]++")
_PATH_CHARS = f"a-zA-Z0-9\u0400-\u04ff{_LATIN_ACCENTS}!*';:=+,.$/%#\\[\\]\u2013_~@|&\\-"
_PATH = re.compile(
    f"/(?:[{_PATH_CHARS}]++"
    f"|\\((?:[{_PATH_CHARS}]++\\)|[{_PATH_CHARS}]*+\\([{_PATH_CHARS}]++\\)[{_PATH_CHARS}]*+\\)))*+"
)
_NOT_LAST_IN_PATH = "!*';:,.$%[]\u2013~@|&"
_QUERY = re.compile(r"\?[a-zA-Z0-9!?*'@();:&=+$/%#\[\]_.,~|-]++")
_NOT_LAST_IN_QUERY = "!?*'@();:+$%[].,~|"
_TCO = re.compile(r"https?://t\.co/([a-z0-9]+)", re.IGNORECASE)

# Hexadecimal code points and ranges, as the official counter of 2021 takes them; a newer emoji
# therefore counts a little more here. Joined emoji and flags that nobody has may count less.
# These have a plain and a coloured form: U+FE0F after them chooses the coloured one.
_STYLED = (
    "00a9 00ae 203c 2049 2122 2139 2194-2199 21a9-21aa 231a-231b 2328 23cf 23ed-23ef "
    "23f1-23f2 23f8-23fa 24c2 25aa-25ab 25b6 25c0 25fb-25fe 2600-2604 260e 2611 2614-2615 "
    "2618 261d 2620 2622-2623 2626 262a 262e-262f 2638-263a 2640 2642 2648-2653 265f-2660 "
    "2663 2665-2666 2668 267b 267f 2692-2697 2699 269b-269c 26a0-26a1 26aa-26ab 26b0-26b1 "
    "26bd-26be 26c4-26c5 26c8 26cf 26d1 26d3-26d4 26e9-26ea 26f0-26f5 26f7-26fa 26fd 2702 "
    "2708-2709 270c-270d 270f 2712 2714 2716 271d 2721 2733-2734 2744 2747 2757 2763-2764 "
    "27a1 2934-2935 2b05-2b07 2b1b-2b1c 2b50 2b55 3030 303d 3297 3299 1f004 1f170-1f171 "
    "1f17e-1f17f 1f202 1f21a 1f22f 1f237 1f321 1f324-1f32c 1f336 1f37d 1f396-1f397 "
    "1f399-1f39b 1f39e-1f39f 1f3cb-1f3ce 1f3d4-1f3df 1f3f3 1f3f5 1f3f7 1f43f 1f441 1f4fd "
    "1f549-1f54a 1f56f-1f570 1f573-1f579 1f587 1f58a-1f58d 1f590 1f5a5 1f5a8 1f5b1-1f5b2 "
    "1f5bc 1f5c2-1f5c4 1f5d1-1f5d3 1f5dc-1f5de 1f5e1 1f5e3 1f5e8 1f5ef 1f5f3 1f5fa 1f6cb "
    "1f6cd-1f6cf 1f6e0-1f6e5 1f6e9 1f6f0 1f6f3"
)
# People and their hands take a skin tone; elsewhere the tone is an emoji of its own.
_TONED = (
    "261d 26f7 26f9 270a-270d 1f385 1f3c2-1f3c4 1f3c7 1f3ca-1f3cc 1f442-1f443 1f446-1f450 "
    "1f466-1f469 1f46e 1f470-1f478 1f47c 1f481-1f483 1f485-1f487 1f4aa 1f574-1f575 1f57a "
    "1f590 1f595-1f596 1f645-1f647 1f64b-1f64f 1f6a3 1f6b4-1f6b6 1f6c0 1f6cc 1f918-1f91c "
    "1f91e-1f91f 1f926 1f930-1f939 1f93d-1f93e 1f9b5-1f9b6 1f9b8-1f9b9 1f9d1-1f9dd"
)


def _class(code_points: str) -> str:
    ranges = (part.partition("-") for part in code_points.split())
    return "".join(
        re.escape(chr(int(first, 16))) + (f"-{chr(int(last, 16))}" if last else "")
        for first, _, last in ranges
    )


_EMOJI_ONE = (
    f"(?:[{_class(_TONED)}][\U0001f3fb-\U0001f3ff]|[{_class(_STYLED)}]\ufe0f"
    "|[\U0001f300-\U0001f3fa\U0001f400-\U0001faff])"
)
_EMOJI = re.compile(
    "[0-9#*]\ufe0f?\u20e3"
    "|[\U0001f1e6-\U0001f1ff]{2}"
    "|\U0001f3f4[\U000e0061-\U000e007a]{2,6}\U000e007f"
    f"|{_EMOJI_ONE}(?:\u200d{_EMOJI_ONE})*+"
)

_ESCAPES = re.compile(
    "(?:\x1b\\[|\x9b)[0-?]*+[ -/]*+[@-~]?"  # CSI: colours, cursor, erasing
    "|(?:\x1b[]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*+(?:\x07|\x1b\\\\|\x9c)?"  # OSC, DCS
    "|\x1b[ -/]*+[0-~]?"
)
# C0 but tab and newline, C1, marks and overrides of direction, separators a terminal may obey.
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
_FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_DIRECTIONS = re.compile("[\n\u2029\u202a-\u202e\u2066-\u2069]")
_CLOSING = {"\u202c": "\u202a\u202b\u202d\u202e", "\u2069": "\u2066\u2067\u2068"}
_OPENING = frozenset("".join(_CLOSING.values()))


def x_length(text: str) -> int:
    """The length X counts, of 280: twitter-text v3 weights, URLs 23, an emoji sequence 2."""
    text = unicodedata.normalize("NFC", text)
    total = position = 0
    for start, end in urls(text):
        total += _weight(text[position:start]) + X_URL_LENGTH
        position = end
    return total + _weight(text[position:])


def x_at_most(text: str) -> int:
    """Never less than ``x_length``: no URL is without a dot, and no emoji weighs more than its
    parts.
    """
    text = unicodedata.normalize("NFC", text)
    return _plain_weight(text) + X_URL_LENGTH * text.count(".")


def graphemes(text: str) -> int:
    """How many characters a reader sees: extended grapheme clusters, as Unicode defines them."""
    if text.isascii():
        return len(text) - text.count("\r\n")
    import regex  # noqa: PLC0415  # 30 ms that a text in plain ASCII need not cost

    return sum(1 for _ in regex.finditer(r"\X", text))


def has_hashtag(text: str, hashtag: str) -> bool:
    """Whether ``text`` carries ``hashtag`` as a whole hashtag, whatever the case."""
    wanted = _folded(hashtag.lstrip("#＃"))
    return any(_folded(found) == wanted for found in _hashtags(unicodedata.normalize("NFC", text)))


def with_hashtag(text: str, hashtag: str) -> str:
    """``text`` carrying ``hashtag``: added at the end where it is lacking, else unchanged.

    It joins a last line, and gets a line of its own under a text of several lines.
    """
    if has_hashtag(text, hashtag):
        return text
    body = text.rstrip()
    if not body:
        return hashtag
    last_line = body.rpartition("\n")[2].lstrip()
    joins = "\n" not in body or last_line.startswith(("#", "@"))
    return f"{body}{' ' if joins else chr(10)}{hashtag}"


def is_hashtag(hashtag: str) -> bool:
    """Whether ``hashtag`` is one hashtag: #, then letters, digits and underscores, one a letter."""
    body = unicodedata.normalize("NFC", hashtag).removeprefix("#")
    return (
        hashtag.startswith("#")
        and len(body) <= 100
        and any(char.isalpha() for char in body)
        and _hashtag_end(body, 0) == len(body)
    )


def printable(text: str) -> str:
    """``text`` without what a terminal would obey: escapes, controls but newline and tab, bidi."""
    return _SURROGATE.sub("\ufffd", _UNPRINTABLE.sub("", _ESCAPES.sub("", text)))


def forbidden_character(text: str) -> tuple[int, str] | None:
    """The first character no post may hold: (its index, its name such as U+0007), or None.

    Controls but \\n and \\t, lone surrogates, and the code points X refuses whole texts for.
    """
    found = _FORBIDDEN.search(text)
    return (found.start(), f"U+{ord(found[0]):04X}") if found else None


def unclosed_direction(text: str) -> tuple[int, str] | None:
    """The first bidirectional control without its other half in the same line, or None.

    As forbidden_character tells it. In pairs they belong to texts that mix scripts; a half turns
    around whatever stands after the text: a hashtag, a link, somebody else's words.
    """
    opened: list[tuple[int, str]] = []
    for control in _DIRECTIONS.finditer(text):
        char = control[0]
        if char in _CLOSING:
            if not opened or opened[-1][1] not in _CLOSING[char]:
                return control.start(), f"U+{ord(char):04X}"
            opened.pop()
        elif char in _OPENING:
            opened.append((control.start(), char))
        elif opened:  # the end of a line ends them too
            break
    return (opened[0][0], f"U+{ord(opened[0][1]):04X}") if opened else None


def _weight(text: str) -> int:
    if not _HEAVY.search(text):
        return len(text)  # of most texts; each emoji holds something heavy
    # Emoji hide inside sequences of code points that weigh more on their own.
    total = position = 0
    for emoji in _EMOJI.finditer(text):
        total += _plain_weight(text[position : emoji.start()])
        total += 2
        position = emoji.end()
    return total + _plain_weight(text[position:])


def _plain_weight(text: str) -> int:
    return len(text) + len(_HEAVY.findall(text))


def _folded(hashtag: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", hashtag).casefold())


def _hashtags(text: str) -> Iterator[str]:
    spans = urls(text)
    url_start, url_end = next(spans, (len(text), len(text)))
    for sign in re.finditer("[#＃]", text):
        start = sign.end()
        while url_end < start:
            url_start, url_end = next(spans, (len(text), len(text)))
        if url_start < start:
            continue  # an address's fragment is no hashtag
        before = text[start - 2 : start - 1]
        if before and (before in "&_" or unicodedata.category(before)[0] in "LMN"):
            continue
        end = _hashtag_end(text, start)
        if end > start and not text.startswith(("#", "＃", "://"), end):
            yield text[start:end]


def _hashtag_end(text: str, start: int) -> int:
    end = start
    while end < len(text) and (text[end] in "_·" or unicodedata.category(text[end])[0] in "LMN"):
        end += 1
    return end


def urls(text: str) -> Iterator[tuple[int, int]]:
    """The spans (start, end) X shortens. One pass over the runs of characters a host may hold."""
    position = 0  # where to look on
    used = 0  # where the last address ended
    while run := _dotted(text, position):
        protocol = _protocol_before(text, run.start(), used)
        found = _domain(text, run, protocol is not None, used)
        if found is None:
            position = run.end()
            continue
        start, end = found
        path, used = _tail(text, end)
        position = used
        if not _encodable(text[start:end]):
            continue
        if protocol is None:
            if text[start - 1 : start] not in ("-", "_", ".", "/"):
                yield from _bare(text, start, end, position if path else None)
        elif tco := _TCO.match(text, protocol):
            if len(tco[1]) <= 40:
                yield protocol, _query_end(text, tco.end())
        else:
            yield protocol, position


def _dotted(text: str, position: int) -> re.Match[str] | None:
    """The next run of characters a host may hold that has a dot in it.

    Found from its dot, and not word by word: a third of what counting a text cost.
    """
    start = text.find(".", position)
    if start < 0:
        return None
    apart = _apart()
    while start > position and text[start - 1] not in apart:
        start -= 1
    return _HOST.match(text, start)


@cache
def _apart() -> frozenset[str]:
    """The characters that no host may hold."""
    return frozenset(_APART.findall("".join(map(chr, range(0x10000)))))


def _protocol_before(text: str, host: int, floor: int) -> int | None:
    for start in (host - 8, host - 7):
        if start >= floor and _PROTOCOL.fullmatch(text, start, host):
            return start if _may_start(text, start, floor) else None
    return None


def _may_start(text: str, start: int, floor: int) -> bool:
    # The character before an address belongs to no other address and does not make it a word.
    return start == 0 or (start > floor and bool(_BEFORE_URL.match(text, start - 1)))


def _domain(text: str, run: re.Match[str], fixed: bool, floor: int) -> tuple[int, int] | None:
    """The first domain of a run, as long as it can be: (start, end).

    ``fixed``: it begins with the run, because a protocol stands before it.
    """
    labels = run[0].split(".")
    starts = [run.start()]
    for label in labels:
        starts.append(starts[-1] + len(label) + 1)
    top = 0
    candidates: list[tuple[int, int, int]] = []  # first label, top-level label, where that ends
    ends = [0] * len(labels)
    for i in range(len(labels) - 2, -1, -1):
        following = i + 1
        ends[following] = _tld_end(text, starts[following], starts[following + 1] - 1)
        if not _is_label(labels[following]):
            top = 0
        if not top and ends[following] and "_" not in labels[i]:
            top = following
        last = top or (following if ends[following] else 0)
        if last:
            candidates.append((i, last, ends[last]))
    for i, last, end in reversed(candidates):
        stop = starts[i + 1] - 1
        underscore = text.rfind("_", starts[i], stop) if last == i + 1 else -1
        begin = max(starts[i], underscore + 1)
        if stop == begin or text[stop - 1] in "-_":
            continue
        if fixed:
            whole = i == 0 and begin == starts[0] and text[begin] not in "-_"
            return (begin, end) if whole else None
        for start in range(begin, stop):
            if text[start] not in "-_" and _may_start(text, start, floor):
                # The official counter would rather take a first non-Latin letter as what precedes.
                precedes = start == 0 and stop > 1 and _BEFORE_URL.match(text)
                return (1 if precedes and text[1] not in "-_" else start), end
    return None


def _is_label(label: str) -> bool:
    return bool(label) and label[0] not in "-_" and label[-1] not in "-_"


def _tld_end(text: str, start: int, stop: int) -> int:
    """Where the top-level domain that begins a label ends; 0 where none does."""
    if punycode := _PUNYCODE_TLD.match(text, start, stop):
        return punycode.end()
    if ascii_label := _TLD_LABEL.match(text, start, stop):
        end = ascii_label.end()
        return end if ascii_label[0].lower() in _tlds() and not _TLD_GOES_ON.match(text, end) else 0
    for end in range(min(stop, start + 20), start, -1):
        if text[start:end].lower() in _tlds() and not _TLD_GOES_ON.match(text, end):
            return end
    return 0


@cache
def _tlds() -> frozenset[str]:
    lines = resources.files(__package__).joinpath("tlds.txt").read_text("utf-8").splitlines()
    return frozenset(" ".join(line for line in lines if not line.startswith("#")).split())


def _tail(text: str, end: int) -> tuple[bool, int]:
    """What follows a domain that ends at ``end``: (is there a path, where the address ends)."""
    if port := _PORT.match(text, end):
        end = port.end()
    path = _PATH.match(text, end)
    if path:
        end = end + max(1, len(path[0].rstrip(_NOT_LAST_IN_PATH)))
    return bool(path), _query_end(text, end)


def _query_end(text: str, end: int) -> int:
    query = _QUERY.match(text, end)
    kept = query[0].rstrip(_NOT_LAST_IN_QUERY) if query else ""
    return end + len(kept)


def _bare(text: str, start: int, end: int, path_end: int | None) -> Iterator[tuple[int, int]]:
    """Without a protocol only a domain's Latin parts are addresses; the last one has the path."""
    spans: list[tuple[int, int]] = []
    domain = text[start:end]
    for labels in _LATIN_LABELS.finditer(domain):
        stop = _tld_end(domain, labels.end(), len(domain))
        dot = labels.end() - 1
        while not stop and (previous := domain.rfind(".", labels.start(), dot)) >= 0:
            stop = _tld_end(domain, previous + 1, dot)
            dot = previous
        if stop:
            spans.append((start + labels.start(), start + stop))
    if spans and path_end is not None:
        spans[-1] = (spans[-1][0], path_end)
    yield from spans


def _encodable(domain: str) -> bool:
    """Whether every label fits the 63 bytes the name system allows it."""
    for label in domain.split("."):
        if len(label) > 63:
            return False
        if not label.isascii() and len(label.lower().encode("punycode")) > 59:
            return False
    # What claims to be encoded already must be Latin throughout.
    return not domain.startswith("xn--") or any(_bare(domain, 0, len(domain), None))
