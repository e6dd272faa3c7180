"""Instructions: the golden rows, truths that cannot be read, IFEval's own layout, and any text at all."""

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.errors import TruthError
from assay.core.types import Outcome, Reason
from assay.verify.base import judge, judge_case, label, read_case
from assay.verify.text.instructions import INSTRUCTIONS, InstructionsVerifier

PASS, FAIL = Outcome.PASS, Outcome.FAIL
ROOT = Path(__file__).parents[3]
ROWS = [json.loads(line) for line in (ROOT / "tests/golden/text/instructions.jsonl").read_text().splitlines()]

IFEVAL = {  # the ids and the argument names of IFEval's registry that need no language model
    "keywords:existence": {"keywords"},
    "keywords:frequency": {"keyword", "frequency", "relation"},
    "keywords:forbidden_words": {"forbidden_words"},
    "keywords:letter_frequency": {"letter", "let_frequency", "let_relation"},
    "length_constraints:number_sentences": {"num_sentences", "relation"},
    "length_constraints:number_paragraphs": {"num_paragraphs"},
    "length_constraints:number_words": {"num_words", "relation"},
    "length_constraints:nth_paragraph_first_word": {"num_paragraphs", "nth_paragraph", "first_word"},
    "detectable_content:number_placeholders": {"num_placeholders"},
    "detectable_content:postscript": {"postscript_marker"},
    "detectable_format:number_bullet_lists": {"num_bullets"},
    "detectable_format:constrained_response": set(),
    "detectable_format:number_highlighted_sections": {"num_highlights"},
    "detectable_format:multiple_sections": {"section_spliter", "num_sections"},
    "detectable_format:json_format": set(),
    "detectable_format:title": set(),
    "combination:two_responses": set(),
    "combination:repeat_prompt": {"prompt_to_repeat"},
    "startend:end_checker": {"end_phrase"},
    "startend:quotation": set(),
    "change_case:capital_word_frequency": {"capital_frequency", "capital_relation"},
    "change_case:english_capital": set(),
    "change_case:english_lowercase": set(),
    "punctuation:no_comma": set(),
}
ONE_OF_EACH = {row["check"]["id"]: row["check"] for row in ROWS}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['check']['id']}-{row['expect']}")
def test_golden(row: dict[str, Any]) -> None:
    verdict = judge("instructions", {"checks": [row["check"]]}, row["response"])
    assert verdict.outcome.value == row["expect"], (row["why"], dict(verdict.evidence))


def test_the_golden_set_is_large_enough() -> None:
    counts = Counter((row["check"]["id"], row["expect"]) for row in ROWS)
    assert len(INSTRUCTIONS) == 32
    for name in INSTRUCTIONS:
        assert counts[name, "pass"] >= 3, name
        assert counts[name, "fail"] >= 5, name


def test_letters_are_counted_one_by_one() -> None:
    verdict = judge("instructions", {"checks": [{"id": "change_case:english_capital"}]}, "AB 1 C!")
    assert verdict.evidence["checks"][0]["found"] == {"letters": 3}


def test_ifevals_24_have_its_names_and_arguments() -> None:
    assert len(IFEVAL) == 24
    assert {name: set(INSTRUCTIONS[name].arguments) for name in IFEVAL} == IFEVAL


@pytest.mark.parametrize("name", sorted(INSTRUCTIONS))
@pytest.mark.parametrize("nothing", ["", " \n", "...", "\u200b", "<think>a plan</think>", "<think>never ends", "?!"])
def test_an_empty_answer_fails_all(name: str, nothing: str) -> None:
    verdict = judge("instructions", {"checks": [ONE_OF_EACH[name]]}, nothing)
    assert (verdict.outcome, verdict.reason, verdict.score) == (FAIL, Reason.NO_ANSWER, 0.0)


def test_pass_needs_all_and_the_evidence_lists_each() -> None:
    truth = {
        "checks": [{"id": "punctuation:no_comma"}, {"id": "count:word_count_range", "min_words": 2, "max_words": 3}]
    }
    good = judge("instructions", truth, "two words")
    assert (good.outcome, good.score) == (PASS, 1.0)
    half = judge("instructions", truth, "one, two")
    assert (half.outcome, half.reason, half.score) == (FAIL, Reason.WRONG_FORM, 0.5)
    assert half.evidence == {
        "checks": [
            {"id": "punctuation:no_comma", "holds": False, "found": {"at": 3}},
            {"id": "count:word_count_range", "holds": True, "found": 2},
        ]
    }
    assert judge("instructions", truth, "one, two, three, four").score == 0.0


def test_a_row_of_ifeval_is_a_truth() -> None:
    truth: dict[str, Any] = {
        "key": 1000,
        "prompt": "Write in German, without commas.",
        "instruction_id_list": [
            "punctuation:no_comma",
            "length_constraints:number_words",
            "language:response_language",
        ],
        "kwargs": [{"num_words": None}, {"relation": "at least", "num_words": 6.0}, {"language": "de"}],
    }
    assert judge("instructions", truth, "Heute gehen wir mit den Kindern in den Wald.").outcome is PASS
    english = judge("instructions", truth, "Today we go into the wood with the children.")
    assert [each["holds"] for each in english.evidence["checks"]] == [True, True, False]
    assert judge(
        "instructions", truth | {"kwargs": [None, *truth["kwargs"][1:]]}, "Wir gehen heute in den Wald."
    ).is_pass


@pytest.mark.parametrize(
    ("truth", "sentence"),
    [
        (None, '{"checks": [{"id": name, ...arguments}]} would be right'),
        ([], '{"checks"'),
        ({"checks": []}, "1 to 64 checks would be right, not 0"),
        ({"checks": [{"id": "startend:quotation"}] * 65}, "not 65"),
        ({"checks": ["startend:quotation"]}, 'check 1: {"id": name'),
        (
            {"checks": [{"id": "startend:quotations"}]},
            "unknown id 'startend:quotations'; did you mean 'startend:quotation'",
        ),
        ({"checks": [{"id": "keywords:existence"}]}, "the argument 'keywords' is missing (a list of 1 to 100 texts"),
        (
            {"checks": [{"id": "keywords:existence", "keyword": ["a"]}]},
            "unknown argument 'keyword'; did you mean 'keywords'",
        ),
        ({"checks": [{"id": "keywords:existence", "keywords": []}]}, "keywords: a list of 1 to 100 texts"),
        ({"checks": [{"id": "keywords:existence", "keywords": ["..."]}]}, "each with a word in it"),
        ({"checks": [{"id": "startend:quotation", "mark": "'"}]}, "unknown argument 'mark'; it takes none"),
        (
            {"checks": [{"id": "length_constraints:number_words", "num_words": 5, "relation": "more than"}]},
            'relation: "less than" or "at least" would be right, not \'more than\'',
        ),
        ({"checks": [{"id": "length_constraints:number_words", "num_words": 0, "relation": "at least"}]}, "from 1 to"),
        (
            {"checks": [{"id": "length_constraints:number_words", "num_words": True, "relation": "at least"}]},
            "from 1 to",
        ),
        (
            {"checks": [{"id": "length_constraints:number_words", "num_words": 1, "relation": "less than"}]},
            "for no reply",
        ),
        (
            {"checks": [{"id": "count:word_count_range", "min_words": 5, "max_words": 4}]},
            "min_words 5 is above max_words 4",
        ),
        ({"checks": [ONE_OF_EACH["copy:copy_span"] | {"n_end": 99}]}, "n_end 99 is behind the text's last word"),
        ({"checks": [{"id": "format:line_template", "template": "no place"}]}, 'at least one "{}"'),
        ({"checks": [{"id": "language:response_language", "language": "qq"}]}, "language: 'qq' is none of"),
        ({"instruction_id_list": ["startend:quotation"], "kwargs": []}, "two lists of one length"),
        ({"instruction_id_list": ["startend:quotation"], "kwargs": [3]}, "kwargs 1: an object"),
        ({"instruction_id_list": [3], "kwargs": [{}]}, 'check 1: {"id": name'),
        ({"instruction_id_list": [], "kwargs": [], "promt": ""}, "unknown key 'promt'; did you mean 'prompt'"),
    ],
)
def test_a_truth_that_cannot_be_read(truth: Any, sentence: str) -> None:
    with pytest.raises(TruthError) as caught:
        read_case("instructions", truth)
    assert str(caught.value).startswith("instructions: ")
    assert sentence in str(caught.value)


ALL = read_case("instructions", {"checks": list(ONE_OF_EACH.values())})
PIECES = st.sampled_from(
    ["***\n", "Section 1\n", "P.S. ", "[a] ", "*b* ", '"', "{", "]", "- c\n", "x. ", "\n\n", "\\", "<<t>>", "é"]
)


@given(
    st.one_of(
        st.text(), st.binary().map(lambda each: each.decode("utf-8", "surrogateescape")), st.lists(PIECES).map("".join)
    )
)
def test_any_text_gets_a_verdict(text: str) -> None:
    verdict = judge_case(ALL, text)
    assert verdict.outcome in (PASS, FAIL), verdict.evidence
    assert 0.0 <= verdict.score < 1.0  # small letters and capitals alike cannot be had
    json.dumps(dict(verdict.evidence))


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "a.",
        "*",
        "*a",
        "[",
        "[a",
        "<<",
        "(",
        '"',
        "\n",
        "- ",
        "P.S.",
        "Section 1\n",
        "a\u200b",
        "```\n",
        "Dr. ",
        "é. ",
        "***\n",
    ],
)
def test_no_text_makes_it_slow(piece: str) -> None:
    start = time.process_time()
    assert judge_case(ALL, piece * (200_000 // len(piece))).outcome is FAIL
    assert judge_case(ALL, "word" * 60_000).reason is Reason.LIMIT
    assert time.process_time() - start < 5


def test_the_label_follows_every_file_it_is_made_of() -> None:
    assert label(InstructionsVerifier()) == f"instructions@1#{InstructionsVerifier.fingerprint}"
