"""Process supervision: where a step's reward stands, what each token is worth by hand, and that no FAIL outearns a PASS."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from tokenizers import ByteLevelBPETokenizer
from transformers import PreTrainedTokenizerFast

from assay.core.learning import GrpoAdvantage
from assay.core.types import Completion, Group, Member, Message, Outcome, Reason, Reward, Task, Verdict
from assay.learn.credit import credit
from assay.learn.process import decoder, last_tokens, process_advantages, shares
from assay.model.tiny import character_tokenizer
from assay.verify.base import judge

TEXT = "Proof. intros n. reflexivity. Qed."


def characters(tokens):
    return "x" * len(tokens)


def member(length, held, of, *, is_pass=False, reward=0.0):
    """A completion of `length` one-character tokens, with `of` steps of one character each from the first on."""
    steps = [{"start": at, "end": at + 1, "ok": at < held} for at in range(of)]
    evidence = {"steps": steps, "checked": held, "of": of}
    verdict = (
        Verdict(Outcome.PASS, 1.0, Reason.CORRECT, evidence=evidence)
        if is_pass
        else Verdict(Outcome.FAIL, held / (of + 1), Reason.WRONG_VALUE, evidence=evidence)
    )
    return Member(Completion("x" * length, (7,) * length, (-1.0,) * length), verdict, Reward(reward))


def group(*members):
    return Group(Task("t", (Message("user", "?"),), "steps", None), (4,), members)


def advantages(*members, **more):
    return [
        [round(value, 6) for value in each.tolist()] for each in process_advantages(group(*members), characters, **more)
    ]


def test_by_hand():
    # totals 1 and 1/3: mean 2/3, deviation 1/3. PASS: a share of (1/3 - 2/9) / (1/3) = 1/3 at each step and at the end.
    # FAIL: (1/3 - 2/9) / (1/3) = 1/3 at its first step, -2/3 at its second and at its end.
    found = advantages(member(4, 2, 2, is_pass=True, reward=1.0), member(4, 1, 2))
    assert found == [pytest.approx([1, 2 / 3, 1 / 3, 1 / 3]), pytest.approx([-1, -4 / 3, -2 / 3, -2 / 3])]


def test_the_first_token_has_grpos_advantage_of_the_totals():
    members = [member(9, 3, 3, is_pass=True, reward=1.0), member(5, 0, 4), member(7, 2, 6), member(3, 0, 0)]
    totals = torch.tensor([1, 0, 2 / 7, 0], dtype=torch.float64)
    expected = ((totals - totals.mean()) / totals.std(correction=0)).tolist()
    found = process_advantages(group(*members), characters)
    assert [float(each[0]) for each in found] == pytest.approx(expected)


def test_without_steps_it_is_outcome_supervision():
    bare = Verdict(Outcome.FAIL, 0.0, Reason.WRONG_VALUE)
    good = Verdict(Outcome.PASS, 1.0, Reason.CORRECT)
    members = [
        Member(Completion("xx", (7, 7), (-1.0, -1.0)), verdict, Reward(reward))
        for verdict, reward in ((good, 1.0), (bare, 0.0), (bare, 0.0), (bare, 0.0))
    ]
    outcome = credit([group(*members)], GrpoAdvantage())
    process = credit([group(*members)], GrpoAdvantage(process=True), decode=characters)
    for one, two in zip(outcome[0], process[0], strict=True):
        assert one.advantages == pytest.approx(two.advantages)


def test_a_group_of_failures_learns_from_its_steps():
    better, worse = advantages(member(4, 2, 3), member(4, 0, 3))
    assert better[0] == 1
    assert worse[0] == -1
    # the steps that hold are pushed up, what failed behind them is not
    assert better[2] < 0
    assert advantages(member(4, 1, 3), member(4, 1, 3)) == [[0, 0, 0, 0]] * 2


def test_a_kl_term_is_taken_off_at_the_last_token():
    plain = process_advantages(group(member(3, 1, 1, is_pass=True, reward=1.0), member(3, 0, 1)), characters)
    taken = process_advantages(
        group(member(3, 1, 1, is_pass=True, reward=1.0), member(3, 0, 1)), characters, taken=[1.0, 0.0]
    )
    assert float(plain[0][0]) == 1
    assert not any(float(value) for each in taken for value in each)  # a KL of 1 makes both worth the same


@st.composite
def anyones(draw):
    of = draw(st.integers(0, 40))
    is_pass = draw(st.booleans())
    held = of if is_pass else draw(st.integers(0, of))
    reward = draw(st.sampled_from([1.0, 1.1])) if is_pass else 0.0
    return member(of + draw(st.integers(1, 5)), held, of, is_pass=is_pass, reward=reward)


@given(st.lists(anyones(), min_size=2, max_size=8))
def test_no_failing_answer_earns_as_much_as_any_that_passes(members):
    floor = min((each.reward.total for each in members if each.verdict.is_pass), default=1.0)
    totals = [sum(each.reward for each in shares(one, floor, characters)) for one in members]
    first = [float(each[0]) for each in process_advantages(group(*members), characters)]
    for one, total, advantage in zip(members, totals, first, strict=True):
        assert total == pytest.approx(one.reward.total) or not one.verdict.is_pass
        for other, more, larger in zip(members, totals, first, strict=True):
            if other.verdict.is_pass and not one.verdict.is_pass:
                assert total < more
                assert advantage < larger


@given(st.lists(anyones(), min_size=2, max_size=8))
def test_the_sum_over_a_group_is_zero(members):
    assert sum(float(each[0]) for each in process_advantages(group(*members), characters)) == pytest.approx(0, abs=1e-9)


def test_more_steps_than_the_evidence_shows_stand_at_the_end():
    short = member(3, 2, 2, is_pass=True, reward=1.0)
    many = short._replace(
        verdict=Verdict(Outcome.PASS, 1.0, Reason.CORRECT, evidence={**short.verdict.evidence, "of": 9, "checked": 9})
    )
    found = shares(many, 1.0, characters)
    assert [each.token for each in found] == [0, 1, *[2] * 8]
    assert sum(each.reward for each in found) == pytest.approx(1)


def byte_level():
    made = ByteLevelBPETokenizer()
    made.train_from_iterator([TEXT, "intros n. ∀ α β, 🙂 reflexivity."] * 20, vocab_size=300, show_progress=False)
    return PreTrainedTokenizerFast(tokenizer_object=made._tokenizer)


@pytest.mark.parametrize(
    "tokenizer", [byte_level(), character_tokenizer("".join(sorted(set(TEXT + "∀αβ🙂,"))))], ids=["bytes", "characters"]
)
@pytest.mark.parametrize("text", [TEXT, "∀ α β, 🙂 reflexivity.", "🙂🙂🙂"])
def test_the_token_with_which_the_text_reaches_a_place(tokenizer, text):
    tokens = tokenizer.encode(text, add_special_tokens=False)
    decode = decoder(tokenizer)
    assert decode(tokens) == text
    ends = list(range(1, len(text) + 1))
    for end, token in zip(ends, last_tokens(tokens, ends, decode), strict=True):
        assert len(decode(tokens[: token + 1]).rstrip("\ufffd")) >= end
        assert token == 0 or len(decode(tokens[:token]).rstrip("\ufffd")) < end


def test_on_verdicts_of_the_steps_verifier():
    truth = {"checker": "math", "start": "12*7+3", "answer": "87"}
    texts = ["12*7+3 = 84+3 = 87\n\\boxed{87}", "12*7+3 = 84+3 = 90\n\\boxed{87}", "12*7+3 = 80+3 = 87\n\\boxed{87}"]
    tokenizer = character_tokenizer("".join(sorted(set("".join(texts)))))
    members = []
    for text in texts:
        tokens = tuple(tokenizer.encode(text, add_special_tokens=False))
        verdict = judge("steps", truth, text)
        members.append(Member(Completion(text, tokens, (-1.0,) * len(tokens)), verdict, Reward(float(verdict.is_pass))))
    found = credit([group(*members)], GrpoAdvantage(process=True), decode=decoder(tokenizer))[0]
    right, half, wrong = (each.advantages for each in found)
    assert right[0] > half[0] > wrong[0]
    # the reward of `84+3` stands where it ends: behind that the second answer is worth less than before
    step = members[1].verdict.evidence["steps"][0]
    place = step["end"]
    assert texts[1][step["start"] : place].strip() == "84+3"
    assert half[place - 1] > half[place]
    assert half[0] == half[place - 1]
    assert min(right) > 0 > max(wrong)


def test_parts_and_steps_do_not_go_together():
    with pytest.raises(ValidationError, match="one total"):
        GrpoAdvantage(each_part=True, process=True)
