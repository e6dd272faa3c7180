"""The `structured` verifier: one JSON document that keeps its contract, its schema and every business rule.

    {"contract": {"kind": "one_json_object", "max_bytes", "max_depth", "fence_langs", "prose_before_fence"},
     "schema": {...}, "tables": {name: [rows]}, "rules": [{"name", "expr"} or {"name", "python"}, ...], "reference": {...}}

The document first (`reply`, `document`), then the schema, then the rules in order: the first that does not hold is the
reason, with its name and the path of the part that breaks it. `reference` is a right answer, never shown to the policy:
`assay tasks check` judges it, and the audit attacks with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from assay.core.errors import TruthError, did_you_mean
from assay.core.types import Finding, Json, Reason
from assay.verify.base import failed, passed
from assay.verify.structured.document import Document, Malformed, read_document
from assay.verify.structured.evaluate import Run
from assay.verify.structured.reply import Contract, cut_document, read_contract
from assay.verify.structured.rules import Broken, Rule, broken, read_rules
from assay.verify.structured.schema import Schema
from assay.verify.structured.tables import Table, read_tables

KIND = "one_json_object"
KEYS = ("contract", "schema", "tables", "rules", "reference")
SHOWN = 2000  # characters of the document kept in a verdict
NAMED = 20  # rules named as broken


@dataclass(frozen=True, slots=True)
class StructuredTruth:
    contract: Contract
    schema: Schema | None
    tables: Mapping[str, Table]
    rules: tuple[Rule, ...]


class StructuredVerifier:
    name = "structured"
    version = "1"

    def read(self, truth: Json) -> StructuredTruth:
        check_keys(truth, KEYS, self.name)
        if truth.get("schema") is None and not truth.get("rules"):
            raise TruthError("a structured truth needs a schema or rules, or any object would do")
        return read_structured(truth, read_tables(truth.get("tables")))

    def locate(self, truth: Json, folder: Path) -> Json:
        return located_rules(truth, folder)

    def check(self, truth: StructuredTruth, response: str, prompt: str = "") -> Finding:
        text, found = open_document(truth, response)
        if isinstance(found, Finding):
            return found
        run = Run(found.value, truth.tables)
        return concluded(text, broken(truth.rules, found, run))


def check_keys(truth: Json, keys: tuple[str, ...], name: str) -> None:
    if not isinstance(truth, Mapping):
        raise TruthError(f"a {name} truth is an object with {', '.join(keys[:4])}, not {truth!r}"[:200])
    for key in truth:
        if key not in keys:
            raise TruthError(f"unknown key {key!r} in a {name} truth{did_you_mean(key, keys)}")
    if "reference" in truth and not isinstance(truth["reference"], Mapping):
        raise TruthError("reference: a right answer, as a JSON object, would be right")


def read_structured(truth: Mapping[str, Json], tables: Mapping[str, Table]) -> StructuredTruth:
    """What `structured` and `grounded` share. Raises TruthError."""
    source = truth.get("schema")
    schema = None if source is None else Schema(source)
    return StructuredTruth(
        read_contract(truth.get("contract"), KIND), schema, tables, read_rules(truth.get("rules"), tables, source)
    )


def open_document(truth: StructuredTruth, response: str) -> tuple[str, Document | Finding]:
    """The document's text and what it says, or the FAIL of its form."""
    cut = cut_document(response, truth.contract)
    if cut.text is None:
        return "", failed(cut.reason or Reason.MALFORMED, None, rule="contract", path="", detail=cut.detail)
    text = cut.text.strip(" \t\r\n")
    try:
        document = read_document(text, truth.contract.max_depth)
    except Malformed as error:
        return text, failed(Reason.MALFORMED, text[:SHOWN], rule="contract", path="", detail=str(error))
    mismatch = truth.schema.mismatch(document.decimals) if truth.schema is not None else None
    if mismatch is not None:
        return text, failed(Reason.WRONG_FORM, text[:SHOWN], rule="schema", path=mismatch.path, detail=mismatch.detail)
    return text, document


def concluded(text: str, found: Iterable[Broken]) -> Finding:
    """PASS when nothing is broken; else the first, and the names of them all where there are more."""
    wrong = list(found)
    if not wrong:
        return passed(text[:SHOWN])
    first = wrong[0]
    more: dict[str, Json] = {"broken": [each.rule for each in wrong[:NAMED]]} if len(wrong) > 1 else {}
    return failed(first.reason, text[:SHOWN], rule=first.rule, path=first.path, detail=first.detail, **more)


def located_rules(truth: Json, folder: Path) -> Json:
    """The truth with its predicates' files found from `folder`, where its task file lies."""
    if not isinstance(truth, Mapping) or not isinstance(truth.get("rules"), list):
        return truth
    rules = [
        {**each, "python": located(each["python"], folder)}
        if isinstance(each, Mapping) and isinstance(each.get("python"), str) and ".py:" in each["python"]
        else each
        for each in truth["rules"]
    ]
    return {**truth, "rules": rules}


def located(path: str, folder: Path) -> str:
    """A path of a truth: relative to its task file's folder."""
    return str(folder / Path(path).expanduser())
