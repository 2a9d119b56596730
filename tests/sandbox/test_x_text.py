from __future__ import annotations

import pytest

from socialstrike.sandbox import x_text


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("", 0),
        ("grève générale", 14),
        ("gre\u0300ve", 5),  # an accent that stands apart belongs to its letter
        ("日本", 4),
        ("✊🏽", 2),
        ("👩\u200d💻", 2),
        ("🇫🇷🇫🇷", 4),
        ("https://onestla.tech/une/adresse/qui/est/vraiment/longue", 23),
        ("lire (http://a.fr).", 31),
        ("onestla.tech", 23),
        ("moi@onestla.tech", 16),
        ("fin.Début", 9),
    ],
)
def test_a_text_counts_as_on_x(text: str, units: int) -> None:
    assert x_text.length(text) == units


def test_pictures_add_a_link_to_the_text() -> None:
    text, urls = x_text.wrap("vu", picture_url="https://x.com/a/status/1/photo/1")
    assert text == f"vu {urls[0]['url']}"
    assert urls[0]["expanded_url"] == "https://x.com/a/status/1/photo/1"


def test_the_same_link_always_gets_the_same_short_form() -> None:
    assert x_text.wrap("https://a.fr/b") == x_text.wrap("https://a.fr/b")
    assert x_text.wrap("https://a.fr/b")[0] != x_text.wrap("https://a.fr/c")[0]
