"""Look-ups that a platform would have go on without end, or fill the memory."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.hostile.bench import Bench, listing, ok


@listing
def test_a_look_up_reads_so_many_pages_and_no_more(bench: Bench) -> None:
    page = bench.page(bench.post(rest=',"none":1').replace("Hello", "Other"), more='"n"')

    bench.lost("find", *bench.first, ok(page))
    # Mastodon's are smaller.
    pages = 25 if bench.platform == "mastodon" else 10
    assert len(bench.requests) == pages + len(bench.first)


@pytest.mark.parametrize("bench", ["x", "facebook"], indirect=True)
@pytest.mark.parametrize("more", ["{}", "[]", "1.5", "true", '""', f'"{"n" * 3000}"'])
def test_a_next_page_that_is_nowhere_is_no_end(bench: Bench, more: str) -> None:
    bench.fails_to_find(bench.page(bench.post().replace("Hello", "Other"), more=more))


@listing
def test_a_page_larger_than_asked_for_is_none(bench: Bench) -> None:
    bench.fails_to_find(bench.page(*[bench.post()] * 101))


@pytest.mark.parametrize(
    "links",
    [
        [{"url": "", "expanded_url": "y" * 1000}] * 50,
        [{"url": "l", "expanded_url": "l" * 50}] * 20,
        [{"url": "Hello", "expanded_url": "y" * 4_000_000}],
        [{"url": "H", "expanded_url": {}}],
        [{"url": 1}],
        ["url"],
        [None],
        {"url": "H"},
    ],
)
def test_links_that_multiply_or_are_none_end_the_look_up(tmp_path: Path, links: Any) -> None:
    bench = Bench("x", tmp_path)
    rest = f',"entities":{{"urls":{json.dumps(links)}}}'
    tracemalloc.start()
    try:
        bench.fails_to_find(bench.page(bench.post(rest=rest)))
        assert tracemalloc.get_traced_memory()[1] < 60_000_000
    finally:
        tracemalloc.stop()
        bench.close()
