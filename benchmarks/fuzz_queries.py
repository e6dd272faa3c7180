"""Mutated replies against `sql` and `constraint`: no exception, no VOID, and nothing paid that plain Python refuses.

    python benchmarks/fuzz_queries.py --replies 10000 --seed 0

Every reply begins as a right answer to one of the golden truths and is changed one to four times: tokens, numbers, joins,
fences, second statements, functions that a query may not use; for plans, as `fuzz_structured` changes documents. What a
verifier passes is held against a reference written here without its code: queries by plain sqlite3 and a list of what may
not stand in them, plans by a Python function for each truth.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import re
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import fuzz_structured as documents
from fuzz_structured import Refused, need

from assay.verify.base import Case, judge_case, read_case

GOLDEN = Path(__file__).resolve().parents[1] / "tests/golden/structured"
TRUTHS = {name: json.loads((GOLDEN / f"{name}_truths.json").read_text()) for name in ("sql", "constraint")}

# the reference for queries

TOKEN = re.compile(r"""--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|"[^"]*"|`[^`]*`|\[[^\]]*\]|\w+|[^\s\w]""", re.DOTALL)
FORBIDDEN = re.compile(
    r"(?i)random(blob)?|current_(date|time|timestamp)|load_extension|sqlite_\w+|pragma_\w+|last_insert_rowid|(total_)?changes"
    r"|fts\w*|dbstat"
)
AFTER = {
    "SELECT", "DISTINCT", "ALL", "WHERE", "AND", "OR", "NOT", "ON", "BY", "IN", "THEN", "ELSE", "WHEN", "CASE", "IS", "LIKE",
    "BETWEEN", "HAVING", "LIMIT", "OFFSET", "FROM",
}  # fmt: skip
PRESENT = {"now", "subsec", "subsecond", "localtime", "utc"}
DATES = {"date", "time", "datetime", "julianday", "unixepoch", "strftime", "timediff"}


def query_of(reply: str, prose: bool, langs: tuple[str, ...]) -> str:
    text = reply
    if not re.match(r"(?i)[ \t\r\n]*(select\b|with\s+\w+\s*(\(|\bas\b)|with\s+recursive\s+\w+|--|/\*)", text):
        text = documents.unthought(text) if "think" in text.lower() else text
    lines, inside, spans = text.split("\n"), None, []
    for number, line in enumerate(lines):
        mark = re.match(r" {0,3}(`{3,}|~{3,})[ \t\r]*([^`\r]*?)[ \t\r]*$", line)
        if mark and inside is None:
            inside = (number, mark[1], mark[2].lower())
        elif mark and inside and mark[1].startswith(inside[1]) and not mark[2]:
            spans.append((*inside, number))
            inside = None
    need(inside is None and len(spans) <= 1)
    if spans:
        start, _, tag, end = spans[0]
        need(tag in langs and not "\n".join(lines[end + 1 :]).strip(" \t\r\n"))
        need(prose or not "\n".join(lines[:start]).strip(" \t\r\n"))
        text = "\n".join(lines[start + 1 : end])
    try:
        need(len(text.encode()) <= 20_000)
    except UnicodeEncodeError:
        raise Refused from None
    return text


def is_right_query(name: str, reply: str) -> bool:
    truth = TRUTHS["sql"][name]
    contract = truth.get("contract", {})
    try:
        prose, langs = contract.get("prose_before_fence", False), contract.get("fence_langs", ["sql", "sqlite", ""])
        query = query_of(reply, prose, tuple(langs))
        need(len(query.encode()) <= contract.get("max_bytes", 20_000))
        tokens = [each for each in TOKEN.findall(query) if not each.startswith(("--", "/*"))]
        if tokens and tokens[-1] == ";":
            tokens.pop()
        need(bool(tokens) and tokens[0].lower() in ("select", "with") and ";" not in tokens and "\0" not in query)
        need(not any(map(is_forbidden, ["", *tokens], tokens)))
        need("\ufeff" not in tokens and ("/", "*") not in pairwise(tokens))  # a comment that never ends
        quoted = {each[1:-1].lower() for each in tokens if each[0] in "'\"`["}
        need(not (quoted & PRESENT and DATES & {each.lower() for each in tokens}))
        results = [compared(truth, instance, query) for instance in truth["tables"]["instances"]]
    except Refused:
        return False
    return all(same for same, _ in results) and any(full for _, full in results)


def is_forbidden(before: str, word: str) -> bool:
    """CURRENT_DATE behind a name is that column's new name."""
    named = re.search(r"[\w\"`\])]$", before) and before.upper() not in AFTER
    if named and word.upper().startswith("CURRENT_"):
        return False
    return FORBIDDEN.fullmatch(word.strip('"`[]')) is not None


def compared(truth: Any, instance: Any, query: str) -> tuple[bool, bool]:
    """Whether the rows are the gold query's, also with scans reversed where its own do not change; whether it has any."""
    gold, back = (rows(truth, instance, truth["gold_sql"], way) for way in (0, 1))
    found = rows(truth, instance, query, 0)
    ordered = truth["order_matters"]
    same = alike(gold, found, ordered)
    if same and alike(gold, back, ordered):
        same = alike(gold, rows(truth, instance, query, 1), ordered)
    return same, bool(gold[1])


def rows(truth: Any, instance: Any, query: str, way: int) -> tuple[int, list[tuple[Any, ...]]]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(truth["tables"]["schema"])
        for table, lines in instance.items():
            for line in lines:
                row = [bytes.fromhex(each["__bytes__"]) if isinstance(each, dict) else each for each in line]
                connection.execute(f"insert into {table} values ({', '.join('?' * len(row))})", row)
        connection.commit()
        connection.execute(f"pragma reverse_unordered_selects = {way}")
        connection.execute("pragma query_only = 1")
        left = [300]

        def tick() -> bool:
            left[0] -= 1
            return left[0] < 0

        connection.set_progress_handler(tick, 1000)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 5_000)
        try:
            cursor = connection.execute(query)
            need(cursor.description is not None)
            found = cursor.fetchmany(10_001)
        except (sqlite3.Error, sqlite3.Warning):
            raise Refused from None
    need(len(found) <= 10_000)
    return len(cursor.description), found


def alike(left: tuple[int, list[Any]], right: tuple[int, list[Any]], ordered: bool) -> bool:
    if left[0] != right[0] or len(left[1]) != len(right[1]):
        return False
    if ordered:
        return all(map(same_row, left[1], right[1]))
    rest = list(right[1])
    for row in left[1]:  # each row meets one of its own; quadratic, and plain to see
        at = next((number for number, each in enumerate(rest) if same_row(row, each)), None)
        if at is None:
            return False
        del rest[at]
    return True


def same_row(left: Any, right: Any) -> bool:
    def same(a: Any, b: Any) -> bool:
        if type(a) is float and type(b) is float:
            return math.isclose(a, b, rel_tol=1e-11, abs_tol=1e-11)
        return bool(a == b)

    return all(map(same, left, right))


# the reference for plans

WEIGHTS = {"A": (6, 7), "B": (5, 5), "C": (5, 4), "D": (0, 1), "a": (9, 9)}
USES = {"J1": (("M1", 3), ("M2", 2)), "J2": (("M1", 2), ("M2", 4)), "J3": (("M2", 1),)}
EDGES = ("uv", "vw", "wu", "wx", "xy")


def load(room: int, apart: tuple[str, ...] = (), least: int = 0) -> Callable[[Any], None]:
    def check(answer: Any) -> None:
        documents.only(answer, {"items", "value"})
        items = documents.texts(answer["items"])
        need(all(each in WEIGHTS for each in items) and len(set(items)) == len(items))
        need(sum(WEIGHTS[each][0] for each in items) <= room and not any(set(pair) <= set(items) for pair in apart))
        need(documents.whole(answer["value"]) == sum(WEIGHTS[each][1] for each in items) >= least)

    return check


def jobs(latest: int) -> Callable[[Any], None]:
    def check(answer: Any) -> None:
        documents.only(answer, {"starts", "makespan"})
        documents.only(answer["starts"], set(USES))
        busy: dict[str, list[tuple[int, int]]] = {}
        ends = []
        for job, tasks in USES.items():
            starts = answer["starts"][job]
            need(isinstance(starts, list) and len(starts) == len(tasks))
            free = 0
            for start, (machine, minutes) in zip(starts, tasks, strict=True):
                begins = int(documents.whole(start))
                need(begins >= free)
                free = begins + minutes
                busy.setdefault(machine, []).append((begins, free))
            ends.append(free)
        need(all(a[1] <= b[0] for taken in busy.values() for a, b in pairwise(sorted(taken))))
        need(documents.whole(answer["makespan"]) == max(ends) <= latest)

    return check


def colours(most: int, used: int) -> Callable[[Any], None]:
    def check(answer: Any) -> None:
        documents.only(answer, {"colours", "used"})
        documents.only(answer["colours"], set("uvwxy"))
        found = {node: documents.whole(each) for node, each in answer["colours"].items()}
        need(all(1 <= each <= most for each in found.values()))
        need(all(found[one] != found[other] for one, other in EDGES))
        need(documents.whole(answer["used"]) == len(set(found.values())) <= used)

    return check


def grid(name: str) -> Callable[[Any], None]:
    problem = TRUTHS["constraint"][name]["problem"]
    size, (tall, wide) = problem["size"], problem["box"]

    def check(answer: Any) -> None:
        documents.only(answer, {"grid"})
        need(isinstance(answer["grid"], list) and len(answer["grid"]) == size)
        need(all(isinstance(row, list) and len(row) == size for row in answer["grid"]))
        cells = [[int(documents.whole(each)) for each in row] for row in answer["grid"]]
        whole = set(range(1, size + 1))
        units = [*map(set, cells), *map(set, zip(*cells, strict=True))]
        for top in range(0, size, tall):
            for left in range(0, size, wide):
                units.append({cells[top + r][left + c] for r in range(tall) for c in range(wide)})
        if problem.get("diagonals"):
            units += [{cells[at][at] for at in range(size)}, {cells[at][-1 - at] for at in range(size)}]
        need(all(unit == whole for unit in units))
        need(
            all(
                not given or cells[r][c] == given
                for r, row in enumerate(problem["givens"])
                for c, given in enumerate(row)
            )
        )
        for cage in problem.get("cages", []):
            inside = [cells[r][c] for r, c in cage["cells"]]
            need(len(set(inside)) == len(inside) and sum(inside) == cage["sum"])

    return check


PLANS: dict[str, tuple[bool, Callable[[Any], None]]] = {
    "load": (False, load(10, ("AD",))),
    "best_load": (False, load(11, (), 13)),
    "best_apart": (True, load(11, ("AB",), 12)),
    "jobs": (False, jobs(10)),
    "best_jobs": (False, jobs(8)),
    "map": (False, colours(4, 4)),
    "best_map": (False, colours(10**300, 3)),
    "grid": (False, grid("grid")),
    "sums": (False, grid("sums")),
    "open": (False, grid("open")),
    "stated_low": (False, load(11, (), 8)),
}


def is_right_plan(name: str, reply: str) -> bool:
    prose, rules = PLANS[name]
    try:
        rules(documents.strict(reply, prose))
    except Refused:
        return False
    return True


# the mutator for queries

SWAPS = {
    "LEFT": "INNER", "AND": "OR", "OR": "AND", "SUM": "AVG", "MAX": "MIN", "COUNT": "SUM", ">": ">=", "<": "<=", "=": "<>",
    ">=": ">", "<=": "<", "DESC": "ASC", "UNION": "EXCEPT", "NOT": "", "DISTINCT": "", "DISTINCT(": "(", "IN": "NOT IN",
    "RANK": "DENSE_RANK", "EXISTS": "NOT EXISTS", "JOIN": "LEFT JOIN", "*": "id", "WHERE": "GROUP BY", "ALL": "",
}  # fmt: skip
PARTS = (
    "random()", "date('now')", "CURRENT_DATE", "1", "NULL", "''", "'2'", "2.0", "id", "name", "(SELECT 1)", "x''", "-1",
    "COUNT(*) OVER ()", "sqlite_version()", "(SELECT sql FROM sqlite_master LIMIT 1)", "customer_id", "note", "amount + 0.0",
    "; DELETE FROM orders", "; SELECT 1", ";", "-- x\n", "/* x */", "LIMIT 1", "ORDER BY 1", "ORDER BY 1 DESC", "UNION ALL SELECT 1",
    "WHERE 1", "AND 1 = 1", "OR 1", "DISTINCT", "`", "'", '"', "(", ")", "\\", "\x00", "\ud800", "\u00a0", "\ufeff", "```",
)  # fmt: skip
DRESS = (
    "```sql\n%s\n```", "```\n%s\n```", "~~~sql\n%s\n~~~", "Query:\n```sql\n%s\n```", "%s;", "%s ;\n", " %s", "```sql\n%s\n```\nDone.",
    "<think>%s</think>", "<think>x</think>\n%s", "EXPLAIN %s", "%s;%s", "SELECT * FROM (%s)", "SELECT * FROM (%s) LIMIT 1",
    "WITH q AS (%s) SELECT * FROM q", "SELECT * FROM (%s) UNION SELECT * FROM (%s)", "(%s)", "-- a\n%s", "%s -- b", "%s /* c */",
    "SELECT *, 1 FROM (%s)", "SELECT * FROM (%s) WHERE random() IS NOT NULL", "CREATE TABLE x AS %s", "```python\n%s\n```", "x %s",
)  # fmt: skip


def mutated(reply: str, chance: random.Random) -> str:
    for _ in range(chance.randint(1, 3)):
        reply = chance.choice((swap, swap, part, token, dress, number, documents.noise, documents.cut))(reply, chance)
        if len(reply) > 4000:
            break
    return reply


def swap(reply: str, chance: random.Random) -> str:
    found = [each for each in re.finditer(r"[A-Za-z_]+|[<>]=?|=|\*", reply) if each[0].upper() in SWAPS]
    if not found:
        return reply
    one = chance.choice(found)
    return reply[: one.start()] + SWAPS[one[0].upper()] + reply[one.end() :]


def part(reply: str, chance: random.Random) -> str:
    found = list(re.finditer(r"\b", reply))
    at = chance.choice(found).start() if found else 0
    return f"{reply[:at]} {chance.choice(PARTS)} {reply[at:]}"


def token(reply: str, chance: random.Random) -> str:
    """One token left out, twice, or for another."""
    found = list(TOKEN.finditer(reply))
    if len(found) < 2:
        return reply
    one, other = chance.choice(found), chance.choice(found)
    new = chance.choice(("", f"{one[0]} {one[0]}", other[0]))
    return reply[: one.start()] + new + reply[one.end() :]


def dress(reply: str, chance: random.Random) -> str:
    return chance.choice(DRESS).replace("%s", reply)


def number(reply: str, chance: random.Random) -> str:
    found = list(re.finditer(r"\d+", reply))
    if not found:
        return reply
    one = chance.choice(found)
    new = chance.choice((str(int(one[0][:15]) + 1), "0", f"{one[0]}.0", f"'{one[0]}'", "9" * 30, "1e999", "NULL"))
    return reply[: one.start()] + new + reply[one.end() :]


# running


class Fuzzed(NamedTuple):
    outcomes: Counter[str]
    wrongly_paid: list[tuple[str, str]]
    wrongly_refused: list[tuple[str, str, dict[str, Any]]]
    voids: list[tuple[str, str, dict[str, Any]]]


def fuzz(verifier: str, replies: int, seed: int) -> Fuzzed:
    cases, seeds = prepared(verifier)
    chance = random.Random(seed)
    found = Fuzzed(Counter(), [], [], [])
    names = list(cases)
    is_right = is_right_query if verifier == "sql" else is_right_plan
    change = mutated if verifier == "sql" else documents.mutated
    for number in range(replies):
        name = names[number % len(names)]
        reply = change(chance.choice(seeds[name]), chance)
        verdict = judge_case(cases[name], reply)
        found.outcomes[f"{verdict.outcome} {verdict.reason}"] += 1
        accepted, evidence = is_right(name, reply), dict(verdict.evidence)
        if verdict.is_void:
            found.voids.append((name, reply, evidence))
        elif verdict.is_pass and not accepted:
            found.wrongly_paid.append((name, reply))
        elif accepted and not verdict.is_pass:
            found.wrongly_refused.append((name, reply, evidence))
    return found


def prepared(verifier: str) -> tuple[dict[str, Case], dict[str, list[str]]]:
    rows = [json.loads(line) for line in (GOLDEN / f"{verifier}.jsonl").read_text().splitlines()]
    seeds: dict[str, list[str]] = {}
    for row in rows:
        if row["expect"] == "pass":
            seeds.setdefault(row["truth"], []).append(row["response"])
    return {name: read_case(verifier, TRUTHS[verifier][name]) for name in seeds}, seeds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replies", type=int, default=10_000, help="to each of the two verifiers")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    trouble = 0
    for verifier in ("sql", "constraint"):
        found = fuzz(verifier, options.replies, options.seed)
        print(f"{verifier}: {options.replies} replies, seed {options.seed}")
        for name, count in found.outcomes.most_common():
            print(f"{count:7d}  {name}")
        for title, rows in (
            ("VOID", found.voids),
            ("wrongly paid", found.wrongly_paid),
            ("wrongly refused", found.wrongly_refused),
        ):
            print(f"{len(rows)} {title}")
            for row in rows[:12]:
                print("   ", *map(ascii, row))
        trouble += len(found.voids) + len(found.wrongly_paid)
    return 1 if trouble else 0


if __name__ == "__main__":
    sys.exit(main())
