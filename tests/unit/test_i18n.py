"""Texts in the reader's language, those that were kept in English included."""

from __future__ import annotations

import pytest

from socialstrike import i18n
from socialstrike.i18n import speaking, stored, tr, translated, trn


def test_a_text_is_said_in_the_language_spoken_and_its_places_are_filled() -> None:
    text = "there is no account called {name!r}; see: socialstrike accounts list"
    assert tr(text, name="un") == "there is no account called 'un'; see: socialstrike accounts list"
    with speaking("fr"):
        said = tr(text, name="un")
    assert "'un'" in said
    assert "compte" in said
    assert i18n.language() == "en"


@pytest.mark.parametrize(("count", "said"), [(0, "0 envoi"), (1, "1 envoi"), (2, "2 envois")])
def test_a_count_follows_the_rules_of_its_language(count: int, said: str) -> None:
    with speaking("fr"):
        assert trn("{count} delivery", "{count} deliveries", count) == said


def test_what_is_kept_is_english_and_is_told_again_with_what_filled_it() -> None:
    with speaking("fr"):
        kept = stored("{label} gave no usable answer to account '{account}' ({words}); {remedy}",
                      label="X", account="un", words="no answer in time",
                      remedy=stored("it is tried again by itself"))  # fmt: skip
        said = translated(kept)
    assert kept == (
        "X gave no usable answer to account 'un' (no answer in time); it is tried again by itself"
    )
    for english in ("usable", "answer", "again"):
        assert english not in said
    assert said.startswith("X ")
    assert "un" in said


def test_two_kept_sentences_in_one_are_each_told() -> None:
    with speaking("fr"):
        said = translated("no answer in time; it is tried again by itself")
    assert said == "pas de réponse à temps\u00a0; une nouvelle tentative suivra d’elle-même"


@pytest.mark.parametrize(
    "text",
    ["", "un: deux", "est vide\u00a0; écrivez un texte", "whatever a platform says; so"],
)
def test_what_is_nobodys_or_told_already_stays_as_it_is(text: str) -> None:
    with speaking("fr"):
        assert translated(text) == text


def test_a_name_that_is_a_word_of_ours_is_not_translated() -> None:
    with speaking("fr"):
        said = translated("the account scheduled was removed meanwhile")
    assert "scheduled" in said
    assert said != "the account scheduled was removed meanwhile"
