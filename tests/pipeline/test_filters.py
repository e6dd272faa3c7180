"""Each filter by itself, then together: what is kept, what is removed, and by which of them."""

import pytest

from assay.pipeline.filters import FILTERS, Candidate, FilterConfig, overlap, shingles, sift

KEEP = FilterConfig(language="en", longest_paragraph=20, code_blocks=False, repetition=0.5, shortest=2, longest=50)


def answer(text, *, task="t", tokens=10, finish="stop", is_right=True, code=False):
    return Candidate(task, text, tokens, finish, is_right, code)


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("wrong", answer("So it is 4.", is_right=False)),
        ("cut", answer("So it is", finish="length")),
        ("unreadable", answer("So \ufffd\ufffd\x00 it is 4.")),
        ("unreadable", answer("  \n ")),
        ("mixed language", answer("So it is четыре и пять, because three and four are many.")),
        (
            "long paragraph",
            answer(
                "So there are many words in this one paragraph, and each of them is read before the next one can begin to be read at all."
            ),
        ),
        ("code block", answer("So:\n```\nx = 4\n```\nIt is 4.")),
        ("repetition", answer("Then four is more.\n" * 4)),
        ("too short", answer("Four.", tokens=1)),
        ("too long", answer("So it is 4.", tokens=60)),
    ],
)
def test_each_filter_removes_what_it_is_for(name, bad):
    assert FILTERS[name](bad, KEEP)
    found = sift([bad, answer("So it is four, since two and two are four.")], KEEP)
    assert found.kept == (1,)
    assert [(each.filter, each.count) for each in found.removed] == [(name, 1)]
    assert found.removed[0].examples[0]["why"]


def test_a_filter_that_is_off_removes_nothing():
    off = FilterConfig(correct=False, readable=None, cut=True, repetition=None, near_duplicates=None)
    everything = [
        answer("no", is_right=False),
        answer("a\ufffd\ufffd", task="u"),
        answer("x\n" * 9, task="v", finish="length"),
        answer("x\n" * 9, task="v"),
    ]
    assert sift(everything, off).kept == (0, 1, 2, 3)


def test_what_nothing_can_judge_is_kept():
    assert sift([answer("Tea is hot.", is_right=None)], FilterConfig()).kept == (0,)


def test_a_program_keeps_its_block_and_its_indentation():
    text = "f adds 2.\n```python\ndef f(x):\n    return x + 2\n```"
    assert sift([answer(text, code=True)], KEEP).kept == (0,)
    assert sift([answer(text)], KEEP).removed[0].filter == "code block"


def test_formulas_and_numbers_are_no_other_language():
    assert FILTERS["mixed language"](answer("So $x = y$ and 3 + 4 = 7, then \\boxed{7}."), KEEP) is None
    assert FILTERS["mixed language"](answer("3 * 4 = 12"), KEEP) is None


def test_of_near_duplicates_the_first_is_kept_and_only_within_a_prompt():
    first = "Two shelves with three boxes each hold six boxes in all, so the answer is six."
    near = first.replace("in all,", "in total,")
    config = FilterConfig(near_duplicates=0.6)
    found = sift([answer(first), answer(near), answer(first, task="other")], config)
    assert found.kept == (0, 2)
    assert found.removed[0].filter == "near-duplicate"
    assert sift([answer(first), answer(near)], FilterConfig(near_duplicates=1.0)).kept == (0, 1)


def test_at_most_so_many_of_a_prompt():
    texts = ["alpha beta gamma delta", "one two three four", "red green blue grey", "north south east west"]
    found = sift([answer(text) for text in texts], FilterConfig(per_prompt=2))
    assert found.kept == (0, 1)
    assert found.removed[0].filter == "more than wanted"
    assert found.removed[0].count == 2


def test_shingles_of_work_without_words_tell_answers_apart():
    one, other = (frozenset(shingles(text)) for text in ("so+47*79-27\n\\boxed{979}", "so+48*79-27\n\\boxed{979}"))
    assert overlap(one, other) < 1.0
    assert overlap(one, one) == 1.0
    assert overlap(frozenset(), frozenset()) == 1.0
