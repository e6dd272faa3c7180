"""What is a word, a sentence, a phrase: the rules of the page, by example and by property."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.verify.text.words import find_phrase, has_word, paragraphs, sentences, words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("don't stop", ["don't", "stop"]),
        ("a well-known fact", ["a", "well-known", "fact"]),
        ("3.5 and 1,000", ["3.5", "and", "1,000"]),
        ("end. Next", ["end", "Next"]),
        ("_so_ a_b", ["so", "a", "b"]),
        ("你好 ok", ["你", "好", "ok"]),
        ("a\u200bb \u200b", ["ab"]),
        ("है सभी", ["है", "सभी"]),
        ("e\u0301te\u0301 \u0301", ["e\u0301te\u0301"]),
        ("'quoted' -x- --", ["quoted", "x"]),
        ("... ?! \u200b", []),
    ],
)
def test_words(text: str, found: list[str]) -> None:
    assert words(text) == found
    assert has_word(text) == bool(found)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("One. Two! Three?", 3),
        ("Dr. Smith met J. R. Doe at 3.50 p.m. today.", 1),
        ("He left at 5 p.m. She stayed.", 2),
        ("Use e.g. this. Or that.", 2),
        ("1. First\n2. Second", 1),
        ("No end\n\nbut a blank line", 2),
        ("Wait... what? Yes.", 2),
        ("“Gut.” Er ging.", 2),
        ("一。二！三？", 3),
        ("यह एक है। यह दो है।", 2),
        (". ! ? ...", 0),
        ("", 0),
        ("a.b.c", 1),
    ],
)
def test_sentences(text: str, count: int) -> None:
    assert len(sentences(text)) == count


def test_paragraphs() -> None:
    assert paragraphs("a\nb\n \t\n\n\nc\n") == ["a\nb", "c"]
    assert paragraphs("\n\n") == []


@pytest.mark.parametrize(
    ("text", "phrase", "count"),
    [
        ("Tea, tea; steam", "tea", 2),
        ("the old  bridge", "Old bridge", 1),
        ("aa aa aa", "aa aa", 1),
        ("北京大学", "京大", 1),
        ("_tea_ *tea*", "tea", 2),
        ("C++ and C", "C++", 1),
        ("tea", "", 0),
    ],
)
def test_phrases(text: str, phrase: str, count: int) -> None:
    assert len(find_phrase(text, phrase)) == count


@given(st.text())
def test_words_hold_no_white_space_and_sentences_no_more_words_than_the_text(text: str) -> None:
    found = words(text)
    assert not any(sign.isspace() for word in found for sign in word)
    assert sum(len(words(each)) for each in sentences(text)) == len(found)
