"""Language consistency: the golden rows, what is counted, and any text at all."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.errors import TruthError
from assay.core.types import Outcome, Reason
from assay.verify.base import judge, judge_case, read_case
from assay.verify.text.language import LANGUAGES, SCRIPTS, count_words, reasoning, script_of

ROOT = Path(__file__).parents[3]
ROWS = [json.loads(line) for line in (ROOT / "tests/golden/text/language.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['truth']['language']}-{row['expect']}")
def test_golden(row: dict[str, Any]) -> None:
    verdict = judge("language", row["truth"], row["response"])
    assert verdict.outcome.value == row["expect"], (row["why"], dict(verdict.evidence))


def test_a_fence_ends_a_sentence() -> None:
    assert count_words("かな 漢字", "ja") == (4, 4, {})
    assert count_words("かな ```x``` 漢字", "ja") == (2, 4, {"Han": 2})  # Han alone, with no kana beside them


def test_the_score_is_the_share() -> None:
    verdict = judge("language", {"language": "zh", "at_least": 0.5}, "一二三 ok")
    assert (verdict.outcome, verdict.score) == (Outcome.PASS, 0.75)
    assert verdict.evidence == {"share": 0.75, "words": 4, "others": {"Latin": 1}}
    exactly = judge("language", {"language": "zh", "at_least": 0.75}, "一二三 ok")
    assert exactly.outcome is Outcome.PASS
    less = judge("language", {"language": "zh"}, "一二三 ok")
    assert (less.outcome, less.reason, less.score) == (Outcome.FAIL, Reason.WRONG_FORM, 0.75)


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("слово $x$ слово", 2),
        ("слово $$\nx y z\n$$ слово", 2),
        (r"слово \(abc\) \[def\] \frac{ab}{cd} \text{ef}", 1),
        (r"слово \begin{align} abc \end{align} слово", 2),
        ("слово `abc def` слово", 2),
        ("слово\n```\nabc def\n```\nслово", 2),
        ("слово https://example.org/abc слово", 2),
        ("слово 12 x y 3.5", 1),
        ("цена $5 abc\nслово $7", 3),
        ("слово `never closed", 3),
    ],
)
def test_what_is_left_out(text: str, counted: int) -> None:
    assert count_words(text, "el")[1] == counted


@pytest.mark.parametrize(
    ("response", "found"),
    [
        ("plain", "plain"),
        ("<think>a<think>b</think>c</think>d", "a\nb\nc"),
        ("<think>a</think>b", "a"),
        ("a</think>b", "a"),
        ("<think>a", "a"),
        ("x<think>a</think>b<think>c</think>", "a\nc"),
        ("<think></think>b", ""),
    ],
)
def test_the_reasoning(response: str, found: str) -> None:
    assert reasoning(response) == found


def test_scripts() -> None:
    for word, script in (
        ("abc", "Latin"),
        ("Ёж", "Cyrillic"),
        ("かな", "Kana"),
        ("漢", "Han"),
        ("12", None),
        ("ꓐ", "other"),
    ):
        assert script_of(word) == script
    assert set(LANGUAGES) == set(SCRIPTS)


def test_the_language_model_knows_every_language_and_is_not_loaded_without_need() -> None:
    code = (
        "import sys; from assay.verify.base import judge\n"
        "assert judge('language', {'language': 'zh'}, '一二三').is_pass and 'numpy' not in sys.modules\n"
        "assert judge('language', {'language': 'en'}, 'We add the numbers from one to ten.').is_pass\n"
        "from assay.verify.text.language import LANGUAGES, _identifier\n"
        "assert 'numpy' in sys.modules and {c for s in LANGUAGES.values() for c in s} <= set(_identifier().labels)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


@pytest.mark.parametrize(
    ("truth", "sentence"),
    [
        ("en", '{"language": "en", "at_least": 0.9} would be right'),
        ({}, "None is none of"),
        ({"language": "english"}, "'english' is none of af, am, ar"),
        ({"language": "en", "atleast": 1}, "unknown key 'atleast'; did you mean 'at_least'"),
        ({"language": "en", "at_least": 0}, "a number above 0 and up to 1"),
        ({"language": "en", "at_least": 1.5}, "a number above 0"),
        ({"language": "en", "at_least": True}, "a number above 0"),
        ({"language": "en", "at_least": float("nan")}, "a number above 0"),
    ],
)
def test_a_truth_that_cannot_be_read(truth: Any, sentence: str) -> None:
    with pytest.raises(TruthError) as caught:
        read_case("language", truth)
    assert sentence in str(caught.value)


CASES = [read_case("language", {"language": each, "at_least": 0.3}) for each in ("en", "zh", "ru")]
PIECES = st.sampled_from(
    ["word ", "слово ", "字", "`", "$", "\\(", "```\n", "<think>", "</think>", "\\end{", "\n", ". "]
)


@given(
    st.one_of(
        st.text(), st.binary().map(lambda each: each.decode("utf-8", "surrogateescape")), st.lists(PIECES).map("".join)
    )
)
def test_any_text_gets_a_verdict(text: str) -> None:
    for case in CASES:
        verdict = judge_case(case, text)
        assert not verdict.is_void, verdict.evidence


@pytest.mark.parametrize(
    "piece", ["a", "a ", "the ", "$", "`", "```\n", "\\(", "\\begin{a}", "\\a{", "https://", "<think>", "字", "$a\n"]
)
def test_no_text_makes_it_slow(piece: str) -> None:
    start = time.process_time()
    for case in CASES[:2]:
        judge_case(case, piece * (200_000 // len(piece)))
    assert judge_case(CASES[0], "word " * 60_000).reason is Reason.LIMIT
    assert time.process_time() - start < 5
