"""The form of a response, whatever its content: PASS when a named grammar holds.

The truth is `{"grammar": name}`, or the bare name:
- `boxed`: exactly one `\\boxed{...}` that closes, with something in it;
- `think_answer`: `<think>...</think>` and then `<answer>...</answer>`, each tag once, nothing but white space before,
  between and after, and neither part blank (the template of DeepSeek-R1, arXiv 2501.12948, table 1).

A form says nothing about being right: see `reward/rule.py` for what it may earn, and why not by itself.
Tags are matched exactly as written, by position and not by regular expression: no response makes this slow. The same tags in
capitals or with blanks inside are tags that a lenient reader would take, so they may not stand beside the right ones.
"""

from __future__ import annotations

from collections.abc import Callable

from assay.core.errors import TruthError, did_you_mean
from assay.core.types import Finding, Json, Reason
from assay.verify.base import failed, passed
from assay.verify.extract import extract

TAGS = ("<think>", "</think>", "<answer>", "</answer>")


def boxed(response: str) -> Finding:
    field = extract(response, "boxed")
    if field.text is None:
        return failed(field.reason or Reason.NO_ANSWER)
    return passed(field.text) if field.text.strip() else failed(Reason.NO_ANSWER, field.text)


def think_answer(response: str) -> Finding:
    at = []
    for tag in TAGS:
        first = response.find(tag)
        if first < 0:
            return failed(Reason.NO_ANSWER, missing=tag)
        if response.find(tag, first + 1) >= 0:
            return failed(Reason.AMBIGUOUS, repeated=tag)
        at.append(first)
    if count_tags(response) != len(TAGS):
        return failed(Reason.AMBIGUOUS, repeated="a tag in another spelling")
    if at != sorted(at):
        return failed(Reason.MALFORMED, found="tags out of order")
    think, think_end, answer, answer_end = at
    before = response[:think]
    thought = response[think + len(TAGS[0]) : think_end]
    between = response[think_end + len(TAGS[1]) : answer]
    answered = response[answer + len(TAGS[2]) : answer_end]
    after = response[answer_end + len(TAGS[3]) :]
    for place, text in (("before <think>", before), ("between the parts", between), ("after </answer>", after)):
        if text.strip():
            return failed(Reason.MALFORMED, answered.strip(), found=f"text {place}")
    if not thought.strip() or not answered.strip():
        return failed(Reason.NO_ANSWER, found="a blank part")
    return passed(answered.strip())


def count_tags(response: str) -> int:
    """Think and answer tags in any spelling: `<Answer>`, `</ think >`."""
    count, at = 0, response.find("<")
    while at >= 0:
        name, closed, _ = response[at + 1 : at + 24].partition(">")
        if closed and name.strip().removeprefix("/").strip().casefold() in ("think", "answer"):
            count += 1
        at = response.find("<", at + 1)
    return count


GRAMMARS: dict[str, Callable[[str], Finding]] = {"boxed": boxed, "think_answer": think_answer}


class FormatVerifier:
    name = "format"
    version = "2"

    def read(self, truth: Json) -> Callable[[str], Finding]:
        if isinstance(truth, str):
            truth = {"grammar": truth}
        if not isinstance(truth, dict) or set(truth) != {"grammar"} or not isinstance(truth["grammar"], str):
            raise TruthError(f'format: {{"grammar": one of {", ".join(GRAMMARS)}}} would be right')
        name = truth["grammar"]
        if name not in GRAMMARS:
            raise TruthError(
                f"format: unknown grammar {name!r}{did_you_mean(name, GRAMMARS)}; known: {', '.join(GRAMMARS)}"
            )
        return GRAMMARS[name]

    def check(self, truth: Callable[[str], Finding], response: str, prompt: str = "") -> Finding:
        return truth(response)
