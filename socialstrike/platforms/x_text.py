"""A post's text on X as it is compared: links written out, and without what X changes itself."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from socialstrike.i18n import stored

#: Characters of a post with its links written out: X's longest posts hold 25,000.
_LONGEST_TEXT = 200_000


def written_out(post: Mapping[str, Any], remote_id: str) -> str:
    """A post's text with its short links replaced by what they stand for.

    The link that X appends for pictures stands for nothing that was written. Raises ValueError
    where what the links stand for is longer than any post.
    """
    text: str = post["text"]
    own_media = re.compile(
        rf"https://(?:x|twitter)\.com/\w{{1,50}}/status/{re.escape(remote_id)}/(?:photo|video)/\d+"
    )
    for link in (post.get("entities") or {}).get("urls") or ():
        short: str = link["url"]
        meant: str = link.get("expanded_url", short)
        # An empty link would be found between all letters, and links in links would multiply.
        if not short or len(text) + text.count(short) * len(meant) > _LONGEST_TEXT:
            raise ValueError(stored("the links stand for more than any post holds"))
        text = text.replace(short, "" if own_media.fullmatch(meant) else meant)
    # X escapes these three and no others.
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def same(seen: str, wanted: str) -> bool:
    """Whether a post's text, written out, is the one whose comparable form is ``wanted``.

    One that is far too long is not: its normal form could take minutes.
    """
    return len(seen) <= 4 * len(wanted) + 1_000 and comparable(seen) == wanted


def comparable(text: str) -> str:
    """``text`` without what X may change by itself: spaces, a link's scheme and last slash."""
    words = unicodedata.normalize("NFC", text).split()
    return " ".join(re.sub(r"^https?://|/$", "", word) for word in words)
