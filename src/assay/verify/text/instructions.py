"""Instructions that a program can check: PASS when every one of them holds.

The truth is `{"checks": [{"id": str, ...arguments}]}`, or a row of IFEval (arXiv 2311.07911): `{"instruction_id_list": [...],
"kwargs": [...]}`, where an argument that is null is not given, and `key` and `prompt` are passed over. The 32 ids are a
closed list: IFEval's 24 that need no model, and eight of our own. `language:response_language` is judged by the language
verifier. An unknown id, a missing or an unknown argument is an error when tasks are read.

Judged is the reply without its thinking. A reply without one word holds no instruction: saying nothing would keep every
prohibition. On a FAIL the score is the share that holds, for reports (IFEval's instruction-level accuracy).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.core.errors import TruthError, did_you_mean
from assay.core.types import Finding, Json, Outcome, Reason
from assay.verify.base import failed
from assay.verify.extract import visible
from assay.verify.text import instructions_form, instructions_words
from assay.verify.text.instruction import Instruction, Told
from assay.verify.text.language import LanguageVerifier
from assay.verify.text.words import has_word

INSTRUCTIONS: Mapping[str, Instruction] = {
    each.id: each for each in (*instructions_words.INSTRUCTIONS, *instructions_form.INSTRUCTIONS)
}
LANGUAGE = "language:response_language"
MOST_CHECKS = 64
LONGEST_REPLY = 200_000  # characters; a longer one keeps no instruction that anyone gave
ROW = ("instruction_id_list", "kwargs", "key", "prompt")
ORDERED = (("min_words", "max_words"), ("n_start", "n_end"), ("nth_paragraph", "num_paragraphs"))
"""Pairs of arguments of which the first must not be above the second: no reply could hold them."""

_LANGUAGE = LanguageVerifier()


@dataclass(frozen=True, slots=True)
class Asked:
    """One instruction with its arguments read."""

    id: str
    instruction: Instruction | None  # None: the language verifier
    arguments: Any

    def tell(self, text: str, prompt: str) -> Told:
        if self.instruction is not None:
            return self.instruction.check(text, self.arguments)
        finding = _LANGUAGE.check(self.arguments, text, prompt)
        return Told(finding.outcome is Outcome.PASS, finding.score)


class InstructionsVerifier:
    name = "instructions"
    version = "1"
    fingerprint = hashlib.sha256(
        b"".join(
            (Path(__file__).parent / f"{name}.py").read_bytes()
            for name in ("instructions", "instruction", "instructions_form", "instructions_words", "language", "words")
        )
    ).hexdigest()[:12]

    def read(self, truth: Json) -> tuple[Asked, ...]:
        checks = list_checks(truth)
        if not 0 < len(checks) <= MOST_CHECKS:
            raise TruthError(f"instructions: 1 to {MOST_CHECKS} checks would be right, not {len(checks)}")
        return tuple(read_check(f"instructions: check {number}", each) for number, each in enumerate(checks, 1))

    def check(self, truth: tuple[Asked, ...], response: str, prompt: str = "") -> Finding:
        text = visible(response, only_thinking=True)
        if text is None or not has_word(text[:LONGEST_REPLY]):
            return failed(Reason.NO_ANSWER, found="no word")
        if len(text) > LONGEST_REPLY:
            return failed(Reason.LIMIT, found=f"more than {LONGEST_REPLY} characters")
        told = [(each, each.tell(text, prompt)) for each in truth]
        evidence: dict[str, Json] = {
            "checks": [{"id": each.id, "holds": result.holds, "found": result.found} for each, result in told]
        }
        held = sum(result.holds for _, result in told)
        if held == len(told):
            return Finding(Outcome.PASS, Reason.CORRECT, None, evidence)
        return Finding(Outcome.FAIL, Reason.WRONG_FORM, None, evidence, held / len(told))


def list_checks(truth: Json) -> list[Json]:
    """The checks of either layout, as `{"id": ..., arguments}`. Raises TruthError."""
    if isinstance(truth, dict) and "instruction_id_list" in truth:
        for key in truth:
            if key not in ROW:
                raise TruthError(f"instructions: unknown key {key!r}{did_you_mean(key, ROW)}; known: {', '.join(ROW)}")
        names, given = truth["instruction_id_list"], truth.get("kwargs")
        if not isinstance(names, list) or not isinstance(given, list) or len(names) != len(given):
            raise TruthError("instructions: instruction_id_list and kwargs: two lists of one length would be right")
        return [_row_check(name, each, number) for number, (name, each) in enumerate(zip(names, given, strict=True), 1)]
    if not isinstance(truth, dict) or set(truth) != {"checks"} or not isinstance(truth["checks"], list):
        raise TruthError('instructions: {"checks": [{"id": name, ...arguments}]} would be right')
    return truth["checks"]


def _row_check(name: Json, given: Json, number: int) -> Json:
    if given is None:
        given = {}
    if not isinstance(given, dict) or "id" in given:
        raise TruthError(f"instructions: kwargs {number}: an object of arguments would be right")
    return {"id": name} | {key: value for key, value in given.items() if value is not None}


def read_check(where: str, check: Json) -> Asked:
    name = check.get("id") if isinstance(check, dict) else None
    if not isinstance(name, str):
        raise TruthError(f'{where}: {{"id": name, ...arguments}} would be right')
    given = {key: value for key, value in check.items() if key != "id"}
    if name == LANGUAGE:
        try:
            return Asked(name, None, _LANGUAGE.read(given))
        except TruthError as error:
            raise TruthError(f"{where}: {error}") from error
    if name not in INSTRUCTIONS:
        raise TruthError(f"{where}: unknown id {name!r}{did_you_mean(name, INSTRUCTIONS)}")
    instruction = INSTRUCTIONS[name]
    arguments = instruction.read(where, given)
    for low, high in ORDERED:
        if low in arguments and high in arguments and arguments[low] > arguments[high]:
            raise TruthError(f"{where}: {name}: {low} {arguments[low]} is above {high} {arguments[high]}")
    if "n_end" in arguments and arguments["n_end"] > len(arguments["prompt_to_repeat"].split()):
        raise TruthError(f"{where}: {name}: n_end {arguments['n_end']} is behind the text's last word")
    for key, relation in (("relation", "less than"), ("let_relation", "less than"), ("capital_relation", "less than")):
        threshold = next((value for each, value in arguments.items() if isinstance(value, int)), None)
        if arguments.get(key) == relation and threshold == 1 and name.startswith("length_constraints"):
            raise TruthError(f"{where}: {name}: less than 1 can hold for no reply")
    return Asked(name, instruction, arguments)
