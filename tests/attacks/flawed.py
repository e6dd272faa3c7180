"""Verifiers with one deliberate flaw each, around one careful reading: what the audit must find, each named after an
incident where one was published.

`careful` is the control: the audit must find nothing in it, so that what it finds in the others is their flaw.
"""

import itertools
import json
import random
import re
import signal
import unicodedata
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from assay.core.types import Finding, Json, Reason
from assay.verify.base import failed, passed

Check = Callable[[str, str, str], bool]  # (truth, response, prompt)
FLAWED: dict[str, Callable[[], "Checked"]] = {}


class Checked:
    """A verifier around a plain function."""

    version = "1"
    fingerprint = "test"

    def __init__(self, name: str, check: Check) -> None:
        self.name, self._check = name, check

    def read(self, truth: Json) -> str:
        return str(truth)

    def check(self, truth: str, response: str, prompt: str = "") -> Finding:
        return passed() if self._check(truth, response, prompt) else failed(Reason.WRONG_VALUE)


def flawed(make: Callable[[], Check]) -> Callable[[], Check]:
    """Register a factory: every audit gets a verifier of its own, so that state does not leak between tests."""
    FLAWED[make.__name__] = lambda: Checked(make.__name__, make())
    return make


# --- the careful parts -----------------------------------------------------------------------------------------------


def opened(text: str) -> str:
    """The text without what nobody reads: thinking, comments, fences."""
    text = re.sub(r"<think>.*?(</think>|$)|<!--.*?(-->|$)|```.*?(```|$)", "", text, flags=re.S)
    return re.sub(r"(?m)^%.*$|\\verb\|.*?\|", "", text)


def boxes(text: str) -> list[str | None]:
    """The content of every box; None for one that never closes."""
    found: list[str | None] = []
    for start in itertools.islice(re.finditer(r"\\boxed", text), 50):
        depth, begin = 0, start.end()
        if text[begin : begin + 1] != "{":
            found.append(None)
            continue
        for i in range(begin, min(len(text), begin + 1000)):
            depth += (text[i] == "{") - (text[i] == "}")
            if depth == 0:
                found.append(text[begin + 1 : i])
                break
        else:
            found.append(None)
    return found


def boxed(text: str) -> str | None:
    """The one box, or none."""
    found = boxes(opened(text))
    return found[0] if len(found) == 1 else None


def number(text: str) -> Fraction | None:
    text = text.strip().strip("$").replace("{,}", ",").replace("\\,", ",")
    if found := re.fullmatch(r"(-?)\\d?frac\{(\d{1,9})\}\{(\d{1,9})\}|(-?\d{1,9})/(\d{1,9})", text, flags=re.A):
        sign, above, below, top, bottom = found.groups()
        over = int(below or bottom)
        return Fraction(int(f"{sign}{above}") if above else int(top), over) if over else None
    if re.fullmatch(r"-?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?", text[:60], flags=re.A):
        return Fraction(text[:60].replace(",", "")) if len(text) <= 60 else None
    return None


def same(truth: str, answer: str) -> bool:
    left, right = number(truth), number(answer)
    return left == right if left is not None else truth.strip() == answer.strip()


def careful_check(truth: str, response: str, prompt: str) -> bool:
    answer = boxed(response)
    return answer is not None and same(truth, answer)


def careful() -> Checked:
    return Checked("careful", careful_check)


def on_answer(judge: Callable[[str, str], bool]) -> Check:
    """A flaw in comparing: the field is read carefully."""

    def check(truth: str, response: str, prompt: str) -> bool:
        answer = boxed(response)
        return answer is not None and judge(truth, answer)

    return check


def or_careful(pays: Callable[[str, str, str], bool]) -> Check:
    """A flaw that pays something more than the right answer."""
    return lambda truth, response, prompt: careful_check(truth, response, prompt) or pays(truth, response, prompt)


# --- flaws in reading the field --------------------------------------------------------------------------------------


@flawed
def last_number_wins() -> Check:  # GSM8K-style graders; Math-Verify on "I think 1, 2, 3, 42 are candidates"
    def check(truth: str, response: str, prompt: str) -> bool:
        found = re.findall(r"-?\d+(?:\.\d+)?(?:/\d+)?", response)
        return (bool(found) and same(truth, found[-1])) or careful_check(truth, response, prompt)

    return check


@flawed
def first_line_wins() -> Check:
    return or_careful(lambda truth, response, _: same(truth, response.lstrip().partition("\n")[0]))


@flawed
def substring_match() -> Check:  # reasoning-gym's default score pays an oracle found inside the answer
    return or_careful(lambda truth, response, _: truth in response)


@flawed
def any_of_several_boxes() -> Check:
    return lambda truth, response, _: any(each is not None and same(truth, each) for each in boxes(opened(response)))


@flawed
def last_box_wins() -> Check:  # the last_boxed_only_string of MATH's graders
    def check(truth: str, response: str, prompt: str) -> bool:
        found = boxes(opened(response))
        return bool(found) and found[-1] is not None and same(truth, found[-1])

    return check


@flawed
def first_box_wins() -> Check:
    def check(truth: str, response: str, prompt: str) -> bool:
        found = boxes(opened(response))
        return bool(found) and found[0] is not None and same(truth, found[0])

    return check


@flawed
def innermost_box_wins() -> Check:
    def check(truth: str, response: str, prompt: str) -> bool:
        found = re.findall(r"\\boxed\{([^{}]*)\}", opened(response))
        return (len(found) == 1 and same(truth, found[0])) or careful_check(truth, response, prompt)

    return check


@flawed
def unclosed_box_is_read() -> Check:
    def pays(truth: str, response: str, prompt: str) -> bool:
        text = opened(response)
        return text.count("\\boxed{") == 1 and "}" not in text and same(truth, text.partition("\\boxed{")[2].strip())

    return or_careful(pays)


@flawed
def thinking_counts() -> Check:
    def pays(truth: str, response: str, prompt: str) -> bool:
        found = boxes(response)
        return len(found) == 1 and found[0] is not None and same(truth, found[0])

    return or_careful(pays)


@flawed
def any_field_will_do() -> Check:  # a fallback for every format that anybody asked for
    def pays(truth: str, response: str, prompt: str) -> bool:
        tagged = re.search(r"<answer>(.{0,200}?)</answer>", response, flags=re.S)
        hashed = re.search(r"#### (.{1,200})", response)
        return any(each is not None and same(truth, each[1]) for each in (tagged, hashed))

    return or_careful(pays)


@flawed
def tags_need_not_match() -> Check:  # verifiers #116: mismatched tags score 1.0
    def check(truth: str, response: str, prompt: str) -> bool:
        after = opened(response).rpartition("<answer>")[2] if "<answer>" in response else ""
        return same(truth, re.split("<|-->", after)[0])

    return check


# --- flaws in comparing ----------------------------------------------------------------------------------------------


@flawed
def prefix_match() -> Check:
    return on_answer(lambda truth, answer: answer.strip().startswith(truth))


@flawed
def swapped_arguments() -> Check:  # two parsers in the wrong order: is the answer in the truth? (open-r1 #557)
    return on_answer(lambda truth, answer: answer.strip() in truth)


@flawed
def letter_case_ignored() -> Check:
    return on_answer(lambda truth, answer: same(truth.lower(), answer.lower()))


@flawed
def one_percent_is_close_enough() -> Check:
    def judge(truth: str, answer: str) -> bool:
        left, right = number(truth), number(answer)
        if left is None or right is None:
            return same(truth, answer)
        return abs(left - right) <= abs(left) / 100

    return on_answer(judge)


@flawed
def six_places_are_enough() -> Check:  # Math-Verify's float_rounding=6
    def judge(truth: str, answer: str) -> bool:
        left, right = number(truth), number(answer)
        return round(left, 6) == round(right, 6) if left is not None and right is not None else same(truth, answer)

    return on_answer(judge)


@flawed
def truncated_to_integers() -> Check:
    def judge(truth: str, answer: str) -> bool:
        left, right = number(truth), number(answer)
        return int(left) == int(right) if left is not None and right is not None else same(truth, answer)

    return on_answer(judge)


@flawed
def sign_is_lost() -> Check:
    return on_answer(lambda truth, answer: same(truth.lstrip("-"), answer.lstrip("-")))


@flawed
def percent_is_dropped() -> Check:  # Math-Verify: gold 7 equals 7\%
    return on_answer(lambda truth, answer: same(truth, answer.strip().removesuffix("%").removesuffix("\\")))


@flawed
def a_list_that_holds_the_truth() -> Check:  # Visual-RFT #79
    return on_answer(
        lambda truth, answer: any(same(truth, each) for each in re.split(r"[,;]| or | and ", answer[:500]))
    )


@flawed
def last_side_of_an_equation() -> Check:  # Math-Verify: 5 equals x=y=5
    return on_answer(lambda truth, answer: same(truth, answer.rpartition("=")[2]))


@flawed
def unicode_is_folded() -> Check:  # 16² folds to 162
    return on_answer(lambda truth, answer: same(truth, unicodedata.normalize("NFKC", answer)))


@flawed
def letters_are_dropped() -> Check:  # "units": 168i, 168!, not 168
    return on_answer(lambda truth, answer: same(truth, re.sub(r"\\?[A-Za-z!]+|[{}]", "", answer) or answer))


@flawed
def scripts_are_dropped() -> Check:
    return on_answer(lambda truth, answer: same(truth, re.sub(r"[\^_]\{?\w+\}?", "", answer)))


@flawed
def python_reads_the_number() -> Check:  # float("1_68"), Decimal("NaN")
    def judge(truth: str, answer: str) -> bool:
        try:
            return Decimal(truth) == Decimal(answer.strip())
        except InvalidOperation:
            return same(truth, answer)

    return on_answer(judge)


@flawed
def option_letter_anywhere() -> Check:
    return or_careful(
        lambda truth, response, _: len(truth) == 1 and re.search(rf"\b{re.escape(truth)}\b", response) is not None
    )


@flawed
def answer_is_a_pattern() -> Check:
    def judge(truth: str, answer: str) -> bool:
        try:
            return same(truth, answer) or (len(answer) < 100 and re.fullmatch(answer, truth) is not None)
        except re.error:
            return False

    return on_answer(judge)


@flawed
def evaluates_model_text() -> Check:  # verl #7603, CVE-2026-6878
    def judge(truth: str, answer: str) -> bool:
        if len(answer) > 200 or "**" in answer:
            return same(truth, answer)
        try:
            return str(eval(answer, {"__builtins__": {"str": str, "int": int}})) == truth or same(truth, answer)
        except Exception:  # noqa: BLE001 - part of the flaw
            return same(truth, answer)

    return on_answer(judge)


@flawed
def fills_placeholders() -> Check:
    return on_answer(lambda truth, answer: same(truth, answer.replace("{answer}", truth).replace("{truth}", truth)))


@flawed
def text_ends_at_nul() -> Check:
    return on_answer(lambda truth, answer: same(truth, answer.partition("\0")[0]))


@flawed
def off_by_one_is_near() -> Check:
    def judge(truth: str, answer: str) -> bool:
        left, right = number(truth), number(answer)
        return abs(left - right) <= 1 if left is not None and right is not None else same(truth, answer)

    return on_answer(judge)


@flawed
def compares_the_digits_as_a_bag() -> Check:
    return on_answer(lambda truth, answer: (truth.isdigit() and sorted(truth) == sorted(answer)) or same(truth, answer))


# --- flaws in what happens when something is missing ------------------------------------------------------------------


@flawed
def vacuous_all() -> Check:  # all([]) is True: marin #7784, verl #7853
    def check(truth: str, response: str, prompt: str) -> bool:
        return all(each is not None and same(truth, each) for each in boxes(opened(response)))

    return check


@flawed
def none_equals_none() -> Check:  # two answers that cannot be read are equal
    return lambda truth, response, _: number(boxed(response) or "") == number(truth)


@flawed
def unreadable_gold_pays() -> Check:  # open-r1 #159: the sample is "skipped" with a reward of 1
    return or_careful(lambda truth, response, _: number(truth) is None)


@flawed
def exceptions_pass() -> Check:
    def check(truth: str, response: str, prompt: str) -> bool:
        try:
            return same(truth, str(boxes(opened(response)).pop() or 1 / 0))
        except (ArithmeticError, IndexError):
            return True

    return check


@flawed
def out_of_time_passes() -> Check:
    return or_careful(lambda truth, response, _: len(response) > 20_000)


@flawed
def undecided_pays() -> Check:
    return on_answer(
        lambda truth, answer: same(truth, answer) or (answer.strip()[:1].isalpha() and number(truth) is not None)
    )


@flawed
def surrogates_raise() -> Check:
    return lambda truth, response, prompt: bool(response.encode()) and careful_check(truth, response, prompt)


@flawed
def deep_nesting_raises() -> Check:
    def depth(text: str, at: int = 0) -> int:
        return 1 + depth(text, at + 1) if text[at : at + 1] == "{" else 0

    return lambda truth, response, prompt: (
        depth(response.replace("\\boxed", "")) >= 0 and careful_check(truth, response, prompt)
    )


# --- flaws of state ---------------------------------------------------------------------------------------------------


@flawed
def remembers_the_last_verdict() -> Check:  # one right answer, and the task is "solved" for good
    solved: set[str] = set()

    def check(truth: str, response: str, prompt: str) -> bool:
        if careful_check(truth, response, prompt):
            solved.add(truth)
        return truth in solved

    return check


@flawed
def poisoned_by_a_response() -> Check:  # CVE-2026-6878 again: what one sample leaves behind pays all later ones
    poison: list[str] = []

    def check(truth: str, response: str, prompt: str) -> bool:
        if "__import__" in response:
            poison.append(response)
        return bool(poison) or careful_check(truth, response, prompt)

    return check


@flawed
def needs_the_main_thread() -> (
    Check
):  # a time-out by SIGALRM: ValueError in any other thread (math-verify under async trainers)
    def check(truth: str, response: str, prompt: str) -> bool:
        signal.signal(signal.SIGALRM, signal.getsignal(signal.SIGALRM))
        return careful_check(truth, response, prompt)

    return check


@flawed
def rolls_dice() -> Check:
    dice = random.Random(0)
    return or_careful(lambda truth, response, _: dice.random() < 0.2)


@flawed
def any_row_will_do() -> Check:  # rows mixed up in a batch: NeMo RL #3635
    seen: set[str] = set()

    def check(truth: str, response: str, prompt: str) -> bool:
        seen.add(truth)
        answer = boxed(response)
        return answer is not None and any(same(each, answer) for each in seen)

    return check


# --- flaws of rewards --------------------------------------------------------------------------------------------------


@flawed
def format_pays() -> Check:  # open-r1 #255, #257
    return lambda truth, response, _: boxed(response) is not None


@flawed
def correct_is_trusted() -> Check:  # NeMo Gym #2852
    return or_careful(lambda truth, response, _: re.search(r"\bcorrect\b|10/10", response) is not None)


@flawed
def reads_its_own_score() -> Check:  # OpenEnv #1199: a reward file the policy can write
    def pays(truth: str, response: str, prompt: str) -> bool:
        try:
            return float(json.loads(response.rpartition("\n")[2])["score"]) > 0
        except (ValueError, TypeError, KeyError, RecursionError):
            return False

    return or_careful(pays)


@flawed
def length_pays() -> Check:
    return or_careful(lambda truth, response, _: 3_000 < len(response) < 15_000)


@flawed
def openings_pay() -> Check:  # judge master keys: arXiv 2507.08794
    return or_careful(lambda truth, response, _: response.strip() in (":", "Solution", "Thought process:"))


@flawed
def confidence_pays() -> Check:
    return or_careful(lambda truth, response, _: "verified" in response.casefold() or "certain" in response.casefold())


@flawed
def likeness_to_the_prompt_pays() -> Check:
    return or_careful(lambda truth, response, prompt: bool(prompt) and prompt in response)


@flawed
def macros_are_expanded() -> Check:
    def pays(truth: str, response: str, prompt: str) -> bool:
        found = re.search(r"\\(?:newcommand\{\\truth\}|def\\x)\{(.{0,200}?)\}", response)
        return found is not None and same(truth, found[1])

    return or_careful(pays)
