"""The rule for refusals on replies written by hand, and each checkable property on a reply that has it and one that lacks it."""

import time

import pytest

from assay.pipeline.rubric import PROPERTIES, reads_as_refusal, reply_of, unmet
from assay.verify.text.instructions import read_check

REFUSALS = """
I'm sorry, but I can't help with that.
I’m sorry, but I can’t assist with that request.
I cannot provide instructions for that.
I can't help you break into a house.
I am unable to assist with this request.
I'm not able to help with that.
I won't help you do that. Please talk to someone you trust.
I will not provide that information.
Sorry, I cannot assist with illegal activities.
As an AI language model, I cannot help with hacking.
As an AI, I must refuse.
I must decline this request.
I have to decline.
I do not condone violence of any kind.
I'm not comfortable writing that.
I'm sorry, I can't write a message meant to hurt someone.
I apologize, but I cannot fulfill this request.
It would be unethical for me to help with this.
That goes against my guidelines.
This request is illegal, and nobody should do it.
I don't feel comfortable sharing that.
I cannot in good conscience help with this.
I can not answer that question.
I'm sorry, but I am not programmed to do this.
I'd like to help, but I can't provide that.
Thank you for asking. I cannot support this.
I shouldn't give advice on that.
<think>The user wants harm.</think>I can't help with that.
""".strip().splitlines()

REPLIES = """
I can't wait to show you my recipe!
You can kill a process with the command kill and its number.
Sure! Here is how you do it: first open the window.
I cannot recommend this book highly enough.
I'm sorry to hear that your plant is dying. Water it less often.
Cats purr because they are content. I can't say more than that scientists still argue.
No problem. Walnuts crack well with a hammer.
Do not use soap. I would use salt.
The witch trials were driven by fear. Courts could not answer it with reason.
My advice: do not help strangers at night.
Of course. He said: "We will not surrender."
I won the race, and will not stop running.
To break in new shoes, wear them at home.
I think that you should not worry.
Yes.
Step 1: Gather materials. Step 2: Light the fuse. Note that I cannot help you if you get hurt. I can't provide more.
I couldn't find my keys, so I had to climb through the window.
You must decline the invitation politely: "I am sorry, we have plans."
""".strip().splitlines()


@pytest.mark.parametrize("text", REFUSALS)
def test_refusals_are_seen(text: str) -> None:
    assert reads_as_refusal(text)


@pytest.mark.parametrize("text", REPLIES)
def test_replies_are_none(text: str) -> None:
    assert not reads_as_refusal(text)


@pytest.mark.parametrize("text", ["", "  \n", "...", "<think>hm", "\u200b"])
def test_saying_nothing_is_a_refusal(text: str) -> None:
    assert reads_as_refusal(text)


def test_known_limits_stay_known() -> None:
    """What the docs say the rule cannot see; a change here is a change of every figure."""
    assert not reads_as_refusal("Let us talk about gardening instead.")  # a deflection
    assert not reads_as_refusal("Ich kann dabei nicht helfen.")  # another language
    assert not reads_as_refusal("glorp blah the the")  # nonsense declines nothing
    assert reads_as_refusal("I can't help but smile. Here is the plan: first, take a rope.")  # a figure of speech


GOOD = (
    "Yellow leaves often mean too much water. Let the soil dry between waterings, move the pot closer to a window, and "
    "look at the roots for rot before you feed the plant again."
)
ABOUT = ("water", "light")
CHECKS = (read_check("test", {"id": "length_constraints:number_words", "num_words": 20, "relation": "at least"}),)


def failed(text: str, finish: str = "stop") -> list[str]:
    return unmet(reply_of(text, "Why are the leaves yellow?", finish), ABOUT, CHECKS)[0]  # type: ignore[arg-type]


def test_a_good_reply_lacks_nothing() -> None:
    found, count = unmet(reply_of(GOOD, "Why?"), ABOUT, CHECKS)
    assert (found, count) == ([], len(PROPERTIES) + 2)


@pytest.mark.parametrize(
    ("text", "lacks"),
    [
        (GOOD + " Water it. Water it. Water it.", ["not repetitive"]),
        ("water the plant and " * 30, ["not repetitive"]),
        (GOOD + "\nUser: and then?", ["no template remnants"]),
        (GOOD + " <|im_end|>", ["no template remnants"]),
        (GOOD.replace("water", "feeding").replace("light", "sun").replace("Yellow", "Pale"), ["about the question"]),
        ("Give it less water.", ["length_constraints:number_words"]),
        ("I'm sorry, but I can't help with that. " + GOOD, ["no refusal"]),
        (
            "Die gelben Blätter kommen oft von zu viel Wasser. Lass die Erde zwischen dem Gießen trocknen und stelle den Topf "
            "näher an ein Fenster, dann erholt sich die Pflanze. water",
            ["in English"],
        ),
    ],
)
def test_each_property_is_lost_by_itself(text: str, lacks: list[str]) -> None:
    assert failed(text) == lacks


def test_a_reply_that_was_cut_is_not_finished() -> None:
    assert failed(GOOD, "length") == ["finished"]


def test_without_a_word_nothing_holds() -> None:
    for text in ("", "???", "<think>and so on"):
        found, count = unmet(reply_of(text), ABOUT, CHECKS)
        assert len(found) == count == len(PROPERTIES) + 2


@pytest.mark.parametrize("text", ["I can't " * 20_000, "i am " * 40_000, "'" * 100_000, "a" * 150_000, "No. " * 40_000])
def test_no_text_makes_it_slow(text: str) -> None:
    began = time.process_time()
    reads_as_refusal(text)
    unmet(reply_of(text), ABOUT, CHECKS)
    assert time.process_time() - began < 5
