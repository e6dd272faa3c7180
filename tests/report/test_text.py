"""Text that anybody wrote, in markup and in the data block."""

import json

from hypothesis import given
from hypothesis import strategies as st

from assay.report.text import embed, number, percent, safe, short

ANYTHING = st.text(st.characters(exclude_categories=()))


@given(ANYTHING)
def test_no_markup_survives_and_nothing_invisible(text: str) -> None:
    shown = safe(text)
    assert not set(shown) & set("<>\"'")
    assert all(each.isprintable() or each in "\n\t" for each in shown)
    assert shown.replace("&lt;", "").replace("&gt;", "").replace("&amp;", "").replace("&quot;", "").replace("&#x27;", "").count("&") == 0  # fmt: skip


def test_bidi_and_control_characters_are_named() -> None:
    assert safe("a\u202eb\x00\ud800\u200b") == r"a\u{202e}b\u{0}\u{d800}\u{200b}"


@given(ANYTHING)
def test_embedded_data_cannot_end_its_script_and_comes_back_whole(text: str) -> None:
    written = embed({"text": text})
    assert written.isascii()
    assert not set(written) & set("<>&")
    assert json.loads(written) == {"text": text}


def test_numbers() -> None:
    assert number(-0.5) == "−0.500"
    assert number(0.5, "+.2f") == "+0.50"
    assert number(None) == "–"
    assert short(1e-5) == "1e-5"
    assert short(0.02) == "0.02"
    assert short(None) == "None"
    assert percent(0.0741, 2) == "7.41 %"
