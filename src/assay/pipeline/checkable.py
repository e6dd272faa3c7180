"""What a program can check in an answer that it cannot judge as a whole: named, each with the verifier that checks it.

From the description's `[parts]` each comes with its truth, ready for a task file. From prompts it is read off their words (a
number of words, JSON, citations, ids of records); there the truth is whole only where every prompt asks for the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from assay.core.errors import ConfigError, TruthError, UnknownName
from assay.core.types import Json
from assay.pipeline.description import PartsSection
from assay.verify.base import read_case

FEWEST = 0.5
"""The share of prompts that must ask for a part before it is named."""


@dataclass(frozen=True, slots=True)
class Part:
    """`truth` None: the verifier needs more than is said here (the tables, the schema, each row's own number)."""

    what: str
    verifier: str
    truth: Json
    seen: str  # where it is asked for


def parts_of(asked: PartsSection, prompts: Sequence[str]) -> list[Part]:
    """The description's parts and then those that the prompts ask for besides. Raises ConfigError for a part that no
    verifier can read."""
    found = [*_described(asked)]
    known = {_kind(each) for each in found}
    for each in _asked(prompts):
        if _kind(each) not in known:
            found.append(each)
            known |= {"grounded"} & {each.verifier}  # ids of records and of sources are one part, asked for twice
    return found


def _kind(part: Part) -> str:
    """Two parts of a kind ask for the same."""
    return part.what.partition(":")[0] if part.verifier == "instructions" else part.verifier


def gate_of(parts: Iterable[Part]) -> Json:
    """All parts whose truth is whole, as a truth of `gate`; None where there is none."""
    whole = [{"verifier": each.verifier, "truth": each.truth} for each in parts if each.truth is not None]
    return {"parts": whole} if whole else None


def _described(asked: PartsSection) -> Iterable[Part]:
    checks: list[tuple[str, Json]] = []
    for name, unit in (("words", "words"), ("sentences", "sentences")):
        least, most = getattr(asked, f"min_{name}"), getattr(asked, f"max_{name}")
        if least is not None and most is not None and least > most:
            raise ConfigError(f"parts.min_{name} = {least} is above parts.max_{name} = {most}: no answer could be both")
        checks += [(what, check) for what, check in _length(unit, least, most)]
    if asked.keywords:
        checks.append(
            (f"words that must stand there: {', '.join(asked.keywords)}", _check("existence", keywords=asked.keywords))
        )
    if asked.forbidden:
        found = _check("forbidden_words", forbidden_words=asked.forbidden)
        checks.append((f"words that must not: {', '.join(asked.forbidden)}", found))
    checks += [(f"{check.get('id')}", check) for check in asked.checks]
    for what, check in checks:
        yield _whole(what, "instructions", {"checks": [check]})
    if asked.fields or asked.json_schema is not None:
        schema: dict[str, Json] = asked.json_schema or {"type": "object", "required": list(asked.fields)}
        what = f"required fields: {', '.join(asked.fields)}" if asked.fields else "schema: the answer's JSON"
        yield _whole(what, "structured", {"schema": schema})
    if asked.citations:
        yield Part(f"citations: each of the {asked.citations} exists", "grounded", None, "description")
    if asked.language is not None:
        yield _whole(f"language: {asked.language}", "language", {"language": asked.language})
    if asked.format is not None:
        yield _whole(f"form: {asked.format}", "format", {"grammar": asked.format})


def _whole(what: str, verifier: str, truth: Json) -> Part:
    try:
        read_case(verifier, truth)
    except (TruthError, UnknownName) as error:
        raise ConfigError(f"parts: {error}") from None
    return Part(what, verifier, truth, "description")


def _length(unit: str, least: int | None, most: int | None) -> Iterable[tuple[str, Json]]:
    if least is not None and most is not None and unit == "words":
        yield (
            f"length: {least} to {most} words",
            {"id": "count:word_count_range", "min_words": least, "max_words": most},
        )
        return
    key, number = f"length_constraints:number_{unit}", f"num_{unit}"
    if least is not None:
        yield f"length: at least {least} {unit}", {"id": key, number: least, "relation": "at least"}
    if most is not None:
        yield f"length: at most {most} {unit}", {"id": key, number: most + 1, "relation": "less than"}


def _check(name: str, **arguments: tuple[str, ...]) -> Json:
    return {"id": f"keywords:{name}", **{key: list(words) for key, words in arguments.items()}}


class Ask(NamedTuple):
    """Words of a prompt that ask for something checkable. `truth` makes the verifier's truth of what the pattern caught."""

    pattern: re.Pattern[str]
    what: str
    verifier: str
    truth: Callable[[str], Json] | None = None
    varying: str = "so many"  # stands in `what` where the prompts ask for different ones


def _words(most: bool, unit: str) -> Callable[[str], Json]:
    def truth(caught: str) -> Json:
        number = int(caught)
        return {"checks": [check for _, check in _length(unit, *((None, number) if most else (number, None)))]}

    return truth


MOST, LEAST = (
    r"(?:at most|no more than|up to|maximum of|not exceed(?:ing)?|within)",
    r"(?:at least|minimum of|no fewer than)",
)
CODES = {"English": "en", "French": "fr", "German": "de", "Italian": "it", "Spanish": "es", "Portuguese": "pt"}
CODES |= {"Dutch": "nl", "Polish": "pl", "Russian": "ru", "Chinese": "zh", "Japanese": "ja", "Korean": "ko"}
ASKS = (
    Ask(
        re.compile(rf"\b{MOST} (\d+) words\b", re.I), "length: at most {} words", "instructions", _words(True, "words")
    ),
    Ask(
        re.compile(rf"\b{LEAST} (\d+) words\b", re.I),
        "length: at least {} words",
        "instructions",
        _words(False, "words"),
    ),
    Ask(
        re.compile(rf"\b{MOST} (\d+) sentences\b", re.I),
        "length: at most {} sentences",
        "instructions",
        _words(True, "sentences"),
    ),
    Ask(
        re.compile(rf"\b{LEAST} (\d+) sentences\b", re.I),
        "length: at least {} sentences",
        "instructions",
        _words(False, "sentences"),
    ),
    Ask(
        re.compile(rf"\b(?:write|answer|reply|respond|summari[sz]e it) in ({'|'.join(CODES)})\b"),
        "language: {}",
        "language",
        lambda caught: {"language": CODES[caught]},
        "the one that the prompt names",
    ),
    Ask(re.compile(r"\bJSON\b"), "schema: a JSON object with its required fields", "structured"),
    Ask(
        re.compile(r"\b(?:cit(?:e|ing|ations?)|sources? in brackets|\[\d+\])", re.I),
        "citations: each source exists",
        "grounded",
    ),
    Ask(
        re.compile(
            r"\b(?:order|invoice|ticket|case|customer|tracking|product) (?:id|number|no\.)s?\b|\b[A-Z]{2,}-\d{2,}\b"
        ),
        "citations: each id of a record exists",
        "grounded",
    ),
    Ask(re.compile(r"\bbullet(?:s| points?| list)\b", re.I), "form: bullet points", "instructions"),
)


def _asked(prompts: Sequence[str]) -> Iterable[Part]:
    for ask in ASKS:
        hits = [found for prompt in prompts if (found := ask.pattern.search(prompt))]
        if not hits or len(hits) < FEWEST * len(prompts):
            continue
        caught = sorted({found.group(1) for found in hits if ask.pattern.groups})
        what = ask.what.format(caught[0] if len(caught) == 1 else ask.varying)
        truth = None
        if ask.truth is not None and len(caught) == 1 and len(hits) == len(prompts):
            truth = ask.truth(caught[0])
        yield Part(what, ask.verifier, truth, f"{len(hits)} of {len(prompts)} prompts")
