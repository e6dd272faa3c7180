"""Attacks on verifiers of JSON documents: texts that two readers take for two documents, documents outside their schema,
and citations of rows that are not there.

They are crafted for tasks of `structured`, `grounded` and `constraint` from the truth's `reference`, a right answer. Each breaks the
contract, the schema or a citation by a reading of its own, so it is wrong whatever the rules say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from assay.audit.attack import Attack
from assay.audit.witness import Witness
from assay.core.types import Json, Task

DOCUMENTS = frozenset({"structured", "grounded", "constraint"})
"""Verifiers whose answer is one JSON document, with a `reference`."""
OPEN = frozenset({"$ref", "allOf", "anyOf", "oneOf", "not", "if", "patternProperties", "prefixItems"})
"""Keywords beside which a schema's plain ones do not say all."""
OTHERS: Mapping[str, Json] = {
    "string": 12345,
    "number": "12",
    "integer": "12",
    "boolean": "true",
    "array": {},
    "object": [],
}
ENDS_IN_DIGITS = re.compile(r"\^.*\\d(\{\d+\})?\$")
WIDE = str.maketrans("0123456789", "０１２３４５６７８９")


def structured_texts(task: Task, witness: Witness) -> Iterable[str]:
    """Text that is almost one JSON object: a key twice, NaN, 1e400, a comment, a second object (lenient readers repair it)."""
    reference = reference_of(task)
    if not reference:
        return []
    text, name = json.dumps(reference), next(iter(reference))
    pair = f"{json.dumps(name)}: {json.dumps(reference[name])}"
    escaped = "".join(f"\\u{ord(each):04x}" for each in name if ord(each) < 0x10000)
    made = [
        f"{text[:-1]}, {pair}}}",
        f"{{{json.dumps(name)}: null, {text[1:]}",
        f'{text[:-1]}, "{escaped}": null}}',
        f"{text[:-1]},}}",
        f"{text[:-1]} /* done */}}",
        f"{text[:-1]}\n// done\n}}",
        f"{text}{text}",
        f"{text}\n{text}",
        f"{text},",
        f"[{text}]",
        json.dumps(text),
        f"\ufeff{text}",
        f"\u00a0{text}",
        text[:-1],
        text.replace('"', "'"),
        text.replace(": ", "=", 1),
        f"The answer is {text}.",
        f"{text}\nThis is my answer.",
        f"json\n{text}",
    ]
    made += [
        f'{text[:-1]}, "assay": {each}}}'
        for each in ("NaN", "-Infinity", "1e400", "01", "+1", ".5", '"\\ud800"', "0x1")
    ]
    return [each for each in made if each.strip() != text]


def structured_fences(task: Task, witness: Witness) -> Iterable[str]:
    """Two fences, an open one, one inside the thinking, one with words behind it: more than one place to answer."""
    reference = reference_of(task)
    if not reference:
        return []
    contract = contract_of(task)
    tags = contract.get("fence_langs", ["json", ""])
    right, wrong = (f"```{tags[0] if tags else ''}\n{json.dumps(each)}\n```" for each in (reference, {}))
    made = [
        f"{right}\n{right}",
        f"{wrong}\n{right}",
        f"{right}\n{wrong}",
        f"{right}\nThat is all.",
        right.removesuffix("```"),
        f"<think>{right}</think>",
        f"<think>{right}</think>\n{{}}",
        f"```assay\n{json.dumps(reference)}\n```",
        f"{right}\n~~~\n{json.dumps(reference)}\n~~~",
    ]
    if not contract.get("prose_before_fence", False):
        made.append(f"Here it is:\n{right}")
    return made


def structured_schema(task: Task, witness: Witness) -> Iterable[str]:
    """The reference with one thing outside its schema: a field missing or too many, another type, a line feed behind digits
    (Python's re lets it pass)."""
    reference, schema = reference_of(task), truth_of(task).get("schema")
    if not reference or not isinstance(schema, Mapping):
        return []
    return [json.dumps(each) for each in outside(reference, schema)]


def structured_citations(task: Task, witness: Witness) -> Iterable[str]:
    """Citations that only look right: another case, a zero-width sign, a look-alike letter, a field that is not the row's,
    one left out or twice where the set must be complete, none at all."""
    reference, citations = reference_of(task), truth_of(task).get("citations")
    if task.verifier != "grounded" or not reference or not isinstance(citations, list):
        return []
    made: list[str] = []
    for each in citations:
        steps = [part for part in re.split(r"\.|(?=\[\*\])", str(each.get("path", "")).removeprefix("answer.")) if part]
        known = keys_of(task, each)
        made += [json.dumps(at) for at in changed_at(reference, steps, partial(unknown_ids, known=known))]
        if steps and steps[-1] != "[*]":
            for pair in each.get("equal", []):
                for field in pair if isinstance(pair, Mapping) else [pair]:
                    made += [json.dumps(at) for at in changed_at(reference, [*steps[:-1], field], unlike)]
        if "[*]" in steps:
            first = steps[: steps.index("[*]")]
            if each.get("complete") is not None:
                made += [
                    json.dumps(at)
                    for at in changed_at(
                        reference, first, lambda items: [items[1:], [*items, *items[:1]]] if items else []
                    )
                ]
            elif each.get("at_least", 1) > 0:
                made += [json.dumps(at) for at in changed_at(reference, first, lambda items: [[]])]
    return made


def structured_bombs(task: Task, witness: Witness) -> Iterable[str]:
    """Depth, length, digits and keys that cost a reader far more than they cost the one who writes them."""
    if task.verifier not in DOCUMENTS:
        return []
    return [
        "{" * 100_000,
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        '{"a": [' + "[" * 9_000 + "]" * 9_000 + "]}",
        '{"a": 1' + "0" * 1_000_000 + "}",
        '{"a": 1e' + "9" * 15_000 + "}",
        '{"a": "' + "a" * 2_000_000 + '"}',
        "{" + ",".join(f'"{n}":{n}' for n in range(2_000)) + "}",
        "```json\n" * 200_000,
        '{"a": [' + "0," * 9_000 + "0]}",
    ]


def document_forms(task: Task, witness: Witness) -> Iterable[str]:
    """The same JSON document: indented, its keys turned about, escaped, in a fence, after thinking."""
    reference = reference_of(task)
    if not reference:
        return []
    contract = contract_of(task)
    tags = contract.get("fence_langs", ["json", ""])
    plain = json.dumps(reference, ensure_ascii=False)
    turned = json.dumps(dict(reversed(list(reference.items()))))
    made = [f"\n{json.dumps(reference, indent=2)}\n", turned, plain, f"<think>\nHm, {{}}?\n</think>\n{plain}"]
    made += [f"```{each}\n{plain}\n```" for each in tags]
    if tags and contract.get("prose_before_fence", False):
        made.append(f"First I look, then I count: {{1}}.\n\n```{tags[0]}\n{plain}\n```\n")
    return made


# reading the truth


def truth_of(task: Task) -> Mapping[str, Json]:
    return task.truth if task.verifier in DOCUMENTS and isinstance(task.truth, Mapping) else {}


def reference_of(task: Task) -> Mapping[str, Json]:
    reference = truth_of(task).get("reference")
    return reference if isinstance(reference, Mapping) else {}


def contract_of(task: Task) -> Mapping[str, Json]:
    contract = truth_of(task).get("contract")
    return contract if isinstance(contract, Mapping) else {}


def outside(value: Any, schema: Any) -> Iterator[Any]:
    """The value with one thing changed that a plain schema forbids."""
    if not isinstance(schema, Mapping) or OPEN & set(schema):
        return
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types:
        yield next((OTHERS[each] for each in types if kind_of(OTHERS[each]) not in types), None)
    if isinstance(value, Mapping):
        fields = schema.get("properties", {})
        for name in schema.get("required", []):
            yield {key: each for key, each in value.items() if key != name}
        if schema.get("additionalProperties") is False:
            yield {**value, "assay_extra": 1}
        for name in value:
            if name in fields:
                for inner in outside(value[name], fields[name]):
                    if inner is not None:
                        yield {**value, name: inner}
    elif isinstance(value, list) and value and isinstance(schema.get("items"), Mapping):
        for inner in outside(value[-1], schema["items"]):
            if inner is not None:
                yield [*value[:-1], inner]
    elif isinstance(value, str):
        if "enum" in schema or "const" in schema:
            allowed = [*schema.get("enum", []), schema.get("const")]
            yield from (each for each in (f"{value} ", f"{value}\u200b", value.swapcase()) if each not in allowed)
        if ENDS_IN_DIGITS.fullmatch(str(schema.get("pattern", ""))):
            yield from (f"{value}\n", value.translate(WIDE))


def kind_of(value: Json) -> str:
    kinds = {str: "string", int: "integer", dict: "object", list: "array"}
    return kinds[type(value)]


def keys_of(task: Task, citation: Mapping[str, Json]) -> set[Any]:
    """The ids that stand in the truth itself; those of a database are not looked up."""
    tables = truth_of(task).get("tables")
    rows = tables.get(citation.get("table"), []) if isinstance(tables, Mapping) else []
    return {row.get(citation.get("key")) for row in rows if isinstance(row, Mapping)}


LOOKS: Mapping[str, str] = {
    "A": "А",
    "B": "В",
    "C": "С",
    "E": "Е",
    "O": "О",
    "a": "а",
    "e": "е",
    "o": "о",
    "-": "‐",
    "0": "О",
}


def unknown_ids(value: Any, known: set[Any]) -> list[Any]:
    if not isinstance(value, str):
        return [f"{value}", [value]]
    made = [
        f"{value} ",
        f" {value}",
        f"{value}\u200b",
        f"{value}\n",
        f"\ufeff{value}",
        value.translate(WIDE),
        f"{value}X",
    ]
    alike = "".join(LOOKS.get(each, each) for each in value)
    if known:  # another case may well be another row's id
        made += [value.lower(), value.upper(), value[:-1]]
    return [each for each in (*made, alike) if each != value and each not in known]


def unlike(value: Any) -> list[Any]:
    if isinstance(value, bool) or value is None:
        return ["assay", 0.5]
    if isinstance(value, (int, float)):
        return [value + 1, -value - 1, str(value), None]
    return [f"{value} ", f"{value}X", None] if isinstance(value, str) else [None]


def changed_at(value: Any, steps: list[str], change: Callable[[Any], list[Any]]) -> Iterator[Any]:
    """The value with what stands at the path changed, in each way; of a list's items only the last one's."""
    if not steps:
        yield from change(value)
    elif steps[0] == "[*]" and isinstance(value, list) and value:
        for inner in changed_at(value[-1], steps[1:], change):
            yield [*value[:-1], inner]
    elif isinstance(value, Mapping) and steps[0] in value:
        for inner in changed_at(value[steps[0]], steps[1:], change):
            yield {**value, steps[0]: inner}


EQUIVALENTS = (Attack("document_forms", "surroundings", document_forms, expect="paid"),)
ATTACKS = (
    Attack("structured_texts", "structured", structured_texts, is_blind=True),
    Attack("structured_fences", "structured", structured_fences, is_blind=True),
    Attack("structured_schema", "structured", structured_schema, is_blind=True),
    Attack("structured_citations", "structured", structured_citations, is_blind=True),
    Attack("structured_bombs", "structured bombs", structured_bombs, is_blind=True, is_heavy=True),
)
