"""Queries that lenient judges take: the battery finds the flaw in each, and none in the room's own verifier.

The flawed ones run the reply by plain sqlite3, each with one leniency that people have.
"""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from assay.audit.attacks.sql import ATTACKS, EQUIVALENTS
from assay.audit.report import AuditReport
from assay.audit.run import audit
from assay.audit.samples import QUERIES
from assay.core.types import Message, Outcome, Reason, Task, Verdict
from assay.verify.base import judge
from assay.verify.pool import JudgeRequest

TASKS = [Task(f"sql-{at}", (Message("user", "Query."),), "sql", truth) for at, truth in enumerate(QUERIES)]
LIGHT = tuple(each for each in ATTACKS if not each.is_heavy)
Rows = list[tuple[Any, ...]]


def whole(text: str) -> str:
    """The reply itself, or its only fence, without thinking; nothing else."""
    text = re.sub(r"^\s*<think>.*?</think>", "", text, flags=re.S).strip()
    fences = re.findall(r"^```(?:sql)?\n(.*?)\n```$", text, flags=re.S | re.M)
    if "```" in text and (
        len(fences) != 1 or text.count("```") != 2 or not text.startswith("```") or not text.endswith("```")
    ):
        raise ValueError
    return fences[0] if fences else text


def last_fence(text: str) -> str:
    return re.findall(r"```\w*\n(.*?)(?:\n```|$)", text, flags=re.S)[-1] if "```" in text else text


def anywhere(text: str) -> str:
    """The first SELECT in the reply, thinking, comments and quotes included."""
    return re.search(r"SELECT[^;`]*", text, flags=re.S)[0].removesuffix("*/")  # type: ignore[index]


def fetched(connection: sqlite3.Connection, query: str) -> Rows:
    return list(connection.execute(query))


def of_the_last(connection: sqlite3.Connection, query: str) -> Rows:
    """All statements, the rows of the last one."""
    rows: Rows = []
    for each in query.split(";"):
        if each.strip():
            rows = list(connection.execute(each))
    return rows


def of_the_first(connection: sqlite3.Connection, query: str) -> Rows:
    return list(connection.execute(query.split(";")[0]))


def bags(gold: Rows, rows: Rows, is_ordered: bool) -> bool:
    return gold == rows if is_ordered else Counter(gold) == Counter(rows)


def sets(gold: Rows, rows: Rows, is_ordered: bool) -> bool:
    return set(gold) == set(rows)


def counts(gold: Rows, rows: Rows, is_ordered: bool) -> bool:
    return len(gold) == len(rows)


def firsts(gold: Rows, rows: Rows, is_ordered: bool) -> bool:
    return gold[:1] == rows[:1]


def shortest(gold: Rows, rows: Rows, is_ordered: bool) -> bool:
    """The columns that both have, by zip."""
    pairs = zip(sorted(gold, key=str), sorted(rows, key=str), strict=False)
    return len(gold) == len(rows) and all(a == b for pair in pairs for a, b in zip(*pair, strict=False))


def is_plain(query: str) -> bool:
    """No second statement, nothing of chance, the clock or the schema: as a careful author would list it."""
    bare = re.sub(r"--[^\n]*|/\*.*?\*/", " ", query, flags=re.S).strip().removesuffix(";")
    forbidden = (
        r"random|now|current_|localtime|unixepoch|'N' \|\||version|rowid\(|changes|sqlite_|pragma_|\ufeff|\0|\ud800"
    )
    return bool(re.match(r"(?i)(select|with)\b", bare)) and ";" not in bare and not re.search(forbidden, bare)


def anything(query: str) -> bool:
    return True


FLAWED: dict[str, tuple[Callable[..., Any], ...]] = {
    # (reading, what may run, running, comparing, which instances)
    "runs_all_statements": (whole, anything, of_the_last, bags, slice(None)),
    "runs_the_first_statement": (whole, anything, of_the_first, bags, slice(None)),
    "last_fence_wins": (last_fence, is_plain, fetched, bags, slice(None)),
    "select_anywhere": (anywhere, is_plain, fetched, bags, slice(None)),
    "anything_may_be_read": (whole, anything, fetched, bags, slice(None)),
    "one_instance": (whole, is_plain, fetched, bags, slice(1, 2)),
    "as_sets": (whole, is_plain, fetched, sets, slice(None)),
    "by_count": (whole, is_plain, fetched, counts, slice(None)),
    "by_the_first_row": (whole, is_plain, fetched, firsts, slice(None)),
    "by_shared_columns": (whole, is_plain, fetched, shortest, slice(None)),
}  # type: ignore[dict-item]


class Flawed:
    """What sqlite refuses is no answer."""

    def __init__(self, *parts: Any) -> None:
        self.parts = parts

    def judge_many(self, requests: Sequence[JudgeRequest]) -> list[Verdict]:
        return [self._verdict(each.truth, each.response) for each in requests]

    def _verdict(self, truth: Mapping[str, Any], response: str) -> Verdict:
        read, may_run, run, compare, which = self.parts
        try:
            query = read(response)
            found = []
            for instance in truth["tables"]["instances"][which]:
                with closing(filled(truth, instance)) as connection:
                    gold = list(connection.execute(truth["gold_sql"]))
                    connection.set_progress_handler(lambda: 1, 2_000_000)
                    found.append(compare(gold, run(connection, query), truth.get("order_matters", False)))
            if may_run(query) and all(found):
                return Verdict(Outcome.PASS, 1.0, Reason.CORRECT)
        except (sqlite3.Error, sqlite3.Warning, ValueError, TypeError, IndexError):
            pass
        return Verdict(Outcome.FAIL, 0.0, Reason.WRONG_VALUE)


class Trusting(Flawed):
    """Nobody looks at what sqlite says: a query that cannot be run is our fault."""

    def _verdict(self, truth: Mapping[str, Any], response: str) -> Verdict:
        try:
            with closing(filled(truth, truth["tables"]["instances"][1])) as connection:
                connection.set_progress_handler(lambda: 1, 2_000_000)
                connection.execute(response).fetchall()
        except Exception:  # noqa: BLE001 - what it trips over is the point
            return Verdict(Outcome.VOID, 0.0, Reason.VERIFIER_ERROR)
        return Verdict(Outcome.FAIL, 0.0, Reason.WRONG_VALUE)


class Own:
    def judge_many(self, requests: Sequence[JudgeRequest]) -> list[Verdict]:
        return [judge(each.verifier, each.truth, each.response) for each in requests]


def filled(truth: Mapping[str, Any], instance: Mapping[str, Any]) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.executescript(truth["tables"]["schema"])
    for table, rows in instance.items():
        connection.executemany(f"insert into {table} values ({', '.join('?' * len(rows[0]))})", rows)
    return connection


@cache
def audited(name: str) -> AuditReport:
    return audit(TASKS, judges=Flawed(*FLAWED[name]), battery=LIGHT)


@pytest.mark.parametrize("name", sorted(FLAWED))
def test_each_leniency_is_found(name: str) -> None:
    assert {hole.kind for hole in audited(name).holes} - {"truth"}


@pytest.mark.parametrize("attack", [each.name for each in LIGHT])
def test_each_attack_breaks_something(attack: str) -> None:
    assert [name for name in FLAWED if any(hole.attack == attack for hole in audited(name).holes)]


def test_bombs_break_a_judge_that_trusts_its_engine() -> None:
    """Those that would only hold such a judge for hours are left out."""
    bombs = next(each for each in ATTACKS if each.is_heavy)
    brief = replace(
        bombs, craft=lambda task, witness: [each for each in bombs.craft(task, witness) if "WITH" not in each]
    )
    found = audit(TASKS, judges=Trusting(), battery=(brief,))
    assert {hole.kind for hole in found.holes} >= {"void"}


def test_the_careful_ones_are_clean() -> None:
    careful = audit(TASKS, judges=Flawed(whole, is_plain, fetched, bags, slice(None)), battery=LIGHT)
    assert careful.is_clean, [(hole.attack, hole.text[:200]) for hole in careful.holes]
    own = audit(TASKS, judges=Own(), battery=(*ATTACKS, *EQUIVALENTS))
    assert own.is_clean, [(hole.attack, hole.text[:200]) for hole in own.holes]
    assert not own.refusals, [each.text for each in own.refusals]
    assert own.attacks_tried > 250


def test_other_verifiers_are_left_alone() -> None:
    for attack in (*ATTACKS, *EQUIVALENTS):
        assert not list(attack.craft(Task("t", (), "math", "5"), None))  # type: ignore[arg-type]
        assert not list(attack.craft(Task("t", (), "sql", {"gold_sql": 5}), None))  # type: ignore[arg-type]


def test_every_near_query_is_wrong_on_some_instance() -> None:
    """The attacks decide what is wrong by plain sqlite; the verifier must agree about every one."""
    near = next(each for each in ATTACKS if each.name == "sql_near")
    for task in TASKS:
        texts = list(near.craft(task, None))  # type: ignore[arg-type]
        assert len(texts) >= 5
        for text in texts:
            assert judge("sql", task.truth, text).outcome is Outcome.FAIL
