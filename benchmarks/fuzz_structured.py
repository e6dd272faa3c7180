"""Mutated replies against verify/structured: no exception, no VOID, and nothing paid that plain Python refuses.

    python benchmarks/fuzz_structured.py --replies 10000 --seed 0

Every reply begins as a right answer to one of the golden truths and is changed one to four times: characters, numbers,
look-alike letters, keys, items, fences, prose. What the verifier passes is held against a reference written here without
the room's code: a strict reading of its own, and each truth's rules as a Python function. Replies that the reference
accepts and the verifier refuses are counted too, and shown.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import re
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from assay.verify.base import Case, judge_case, locate, read_case

GOLDEN = Path(__file__).resolve().parents[1] / "tests/golden/structured"
CENT = Decimal("0.01")


class Refused(Exception):
    pass


# the reference: a strict reading


def strict(reply: str, prose: bool, langs: tuple[str, ...] = ("json", "")) -> dict[str, Any]:
    """The document of a reply, or Refused."""
    text = reply
    if not text.lstrip(" \t\r\n").startswith(("{", "[")):
        text = unthought(text)
    if not text.lstrip(" \t\r\n").startswith(("{", "[")):
        lines, inside, spans = text.split("\n"), None, []
        for number, line in enumerate(lines):
            mark = re.match(r" {0,3}(`{3,}|~{3,})[ \t\r]*([^`\r]*?)[ \t\r]*$", line)
            if mark and inside is None:
                inside = (number, mark[1], mark[2].lower())
            elif mark and inside and mark[1].startswith(inside[1]) and not mark[2]:
                spans.append((*inside, number))
                inside = None
        if inside is not None or len(spans) != 1 or spans[0][2] not in langs:
            raise Refused
        start, _, _, end = spans[0]
        before, after = "\n".join(lines[:start]).strip(" \t\r\n"), "\n".join(lines[end + 1 :]).strip(" \t\r\n")
        if after or (before and not prose):
            raise Refused
        text = "\n".join(lines[start + 1 : end])
    if len(text.encode("utf-8", "surrogatepass")) > 20_000:
        raise Refused

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in found}) < len(found):
            raise Refused
        return dict(found)

    def number(text: str) -> Decimal:
        value = Decimal(text)
        if abs(float(text)) == float("inf") or len(text) > 400:
            raise Refused
        return value

    def constant(name: str) -> None:
        raise Refused

    try:
        found = json.loads(text, object_pairs_hook=pairs, parse_float=number, parse_int=number, parse_constant=constant)
        json.dumps(found, ensure_ascii=False, default=str).encode()
    except (ValueError, RecursionError, InvalidOperation):
        raise Refused from None
    if not isinstance(found, dict) or deep(found) > 16:
        raise Refused
    return found


def unthought(text: str) -> str:
    """What follows the thinking at the beginning."""
    depth = at = 0
    for tag in re.finditer(r"(?i)<(/?)think\s*>", text):
        is_template = bool(tag[1])  # the prompt opened it: all before is thinking
        if depth == 0 and text[at : tag.start()].strip() and not is_template:
            break
        depth = max(0, depth - 1) if tag[1] else depth + 1
        if depth == 0:
            at = tag.end()
    need(depth == 0)
    return text[at:]


def deep(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(deep, inner), default=0)


def need(condition: bool) -> None:
    if not condition:
        raise Refused


def only(value: Any, needed: set[str], optional: set[str] = frozenset()) -> None:  # type: ignore[assignment]
    need(isinstance(value, dict) and needed <= set(value) <= needed | optional)


def amount(value: Any) -> Decimal:
    need(isinstance(value, str) and re.fullmatch(r"(0|[1-9][0-9]*)\.[0-9]{2}", value) is not None)
    return Decimal(value)


def whole(value: Any) -> Decimal:
    need(isinstance(value, Decimal) and value == value.to_integral_value())
    return Decimal(value)


def texts(value: Any) -> list[str]:
    need(isinstance(value, list) and all(isinstance(each, str) for each in value))
    return list(value)


def instant(value: Any) -> datetime:
    shape = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
    need(isinstance(value, str) and re.fullmatch(shape, value) is not None)
    try:
        return datetime.fromisoformat(re.sub(r"(\.[0-9]{6})[0-9]+", r"\1", value.upper()))
    except ValueError:
        raise Refused from None


# the reference: each truth's rules


def delivery(answer: Any) -> None:
    only(answer, {"route", "vehicle", "load", "cost", "arrival"})
    legs = {
        ("DEPOT", "A"): (30, 21), ("A", "B"): (25, 14), ("B", "HUB"): (40, 33), ("DEPOT", "B"): (45, 30),
        ("B", "A"): (25, 14), ("A", "HUB"): (70, 61),
    }  # fmt: skip
    vans = {"V1": (24, "40.00", "0.615"), "V2": (30, "55.50", "0.48")}
    route, van = texts(answer["route"]), answer["vehicle"]
    need(isinstance(van, str) and van in vans)
    capacity, fixed, per_km = vans[van]
    need(
        route[:1] == ["DEPOT"] and route[-1:] == ["HUB"] and len(set(route)) == len(route) and {"A", "B"} <= set(route)
    )
    need(all(pair in legs for pair in pairwise(route)))
    need(whole(answer["load"]) == 25 <= capacity)
    km = sum(legs[pair][1] for pair in pairwise(route))
    need(amount(answer["cost"]) == (Decimal(fixed) + Decimal(per_km) * km).quantize(CENT, ROUND_HALF_UP))
    minutes = sum(legs[pair][0] for pair in pairwise(route)) + 10 * (len(route) - 2)
    there = instant("2026-03-14T14:00:00+01:00") + timedelta(minutes=minutes)
    need(instant(answer["arrival"]) == there <= instant("2026-03-14T16:00:00+01:00"))


def invoice(answer: Any) -> None:
    only(answer, {"customer", "lines", "net", "tax", "total", "due"}, {"note"})
    need(answer["customer"] in ("C-7", "C-8") and isinstance(answer["lines"], list))
    prices, net = {"P-1": "19.99", "P-2": "0.35", "P-3": "7.50"}, Decimal(0)
    for line in answer["lines"]:
        only(line, {"sku", "quantity", "net"})
        need(isinstance(line["sku"], str) and line["sku"] in prices)
        need(amount(line["net"]) == whole(line["quantity"]) * Decimal(prices[line["sku"]]))
        net += amount(line["net"])
    need(sorted((line["sku"], line["quantity"]) for line in answer["lines"]) == [("P-1", 3), ("P-2", 11)])
    tax = (net * Decimal("0.055")).quantize(CENT, ROUND_HALF_EVEN)
    need((amount(answer["net"]), amount(answer["tax"]), amount(answer["total"])) == (net, tax, net + tax))
    need(answer["due"] == (date(2026, 2, 14) + timedelta(days=14)).isoformat())
    note = answer.get("note")
    need(note is None or (isinstance(note, str) and len(note) <= 40 and "discount" not in note.lower()))


def packing(answer: Any) -> None:
    only(answer, {"crates", "used"})
    items = {"i1": ("0.1", "food"), "i2": ("0.2", ""), "i3": ("4.5", "chemical"), "i4": ("2.7", "")}
    room = {"K1": "3.0", "K2": "4.5", "K3": "0.3"}
    packed, named = [], []
    need(isinstance(answer["crates"], list))
    for crate in answer["crates"]:
        only(crate, {"id", "items", "weight"})
        inside = texts(crate["items"])
        need(isinstance(crate["id"], str) and crate["id"] in room and all(each in items for each in inside))
        weight = sum((Decimal(items[each][0]) for each in inside), Decimal(0))
        need(isinstance(crate["weight"], Decimal) and crate["weight"] == weight <= Decimal(room[crate["id"]]))
        need(not {"food", "chemical"} <= {items[each][1] for each in inside})
        packed, named = packed + inside, [*named, crate["id"]]
    need(sorted(packed) == sorted(items) and len(set(named)) == len(named))
    need(whole(answer["used"]) == sum(bool(crate["items"]) for crate in answer["crates"]))


ORDERS = {
    "ORD-1001": ("C-1", 1999, "shipped"), "ORD-1002": ("C-1", 4550, "late"), "ORD-1003": ("C-2", 700, "late"),
    "ORD-1004": ("C-1", 12, "late"), "ord-1001": ("C-3", 1, "shipped"), "ORD-10O5": ("C-2", 820, "returned"),
    "ORD-1006": ("C-2", None, "shipped"), "ORD 1007": ("C-2", 910, "shipped"),
}  # fmt: skip


def late(answer: Any) -> None:
    need(isinstance(answer.get("cited"), list))
    for each in answer["cited"]:
        need(isinstance(each, dict) and isinstance(each.get("order_id"), str) and each["order_id"] in ORDERS)
        need(isinstance(each.get("amount_cents"), Decimal) and each["amount_cents"] == ORDERS[each["order_id"]][1])
    need(sorted(each["order_id"] for each in answer["cited"]) == ["ORD-1002", "ORD-1004"])
    need(whole(answer.get("total_cents")) == 4562)


def mention(answer: Any) -> None:
    found = texts(answer.get("orders"))
    need(len(found) >= 1 and all(each in ORDERS for each in found))


def policy(answer: Any) -> None:
    need(isinstance(answer.get("claims"), list) and len(answer["claims"]) >= 1)
    days = {"4.1": 14, "4.2": 7}
    for each in answer["claims"]:
        need(isinstance(each, dict) and isinstance(each.get("section"), str) and each["section"] in days)
        need(isinstance(each.get("days"), Decimal) and each["days"] == days[each["section"]])
    need(isinstance(answer.get("longest"), Decimal))
    need(answer["longest"] == max(each["days"] for each in answer["claims"]))


REFERENCE: dict[str, tuple[str, bool, Callable[[Any], None]]] = {
    "delivery": ("structured", False, delivery),
    "invoice": ("structured", False, invoice),
    "packing": ("structured", True, packing),
    "late": ("grounded", False, late),
    "mention": ("grounded", True, mention),
    "policy": ("grounded", False, policy),
}


# the mutator

ALIKE = {"O": "0", "0": "O", "1": "l", "A": "Α", "-": "\u2010", "e": "е", "5": "５", " ": "\u00a0", ".": "．"}
POOL = (None, True, False, 0, 1, -1, 0.1, 25, 1e300, "", "A", "DEPOT", "HUB", "V1", "88.14", "2026-03-14", [], {}, [[]])


def mutated(reply: str, random: random.Random) -> str:
    for _ in range(random.randint(1, 4)):
        reply = random.choice(TEXT if random.random() < 0.5 else (tree,))(reply, random)
    return reply


def tree(reply: str, random: random.Random) -> str:
    """One change in the document, written anew."""
    start, end = reply.find("{"), reply.rfind("}")
    try:
        value = json.loads(reply[start : end + 1])
    except (ValueError, RecursionError):
        return reply
    places = list(walk(value, ()))
    path = random.choice(places)
    if not path:
        return reply
    holder = value
    for part in path[:-1]:
        holder = holder[part]
    at, kind = path[-1], random.randrange(8)
    other = value
    for part in random.choice(places):
        other = other[part]
    if kind == 0:
        del holder[at]
    elif kind == 1:
        holder[at] = random.choice(POOL)
    elif kind == 2:
        holder[at] = copy.deepcopy(other) if deep(other) < 8 else 1
    elif kind == 3 and isinstance(holder, list):
        holder.insert(random.randint(0, len(holder)), copy.deepcopy(holder[at]))
    elif kind == 4 and isinstance(holder, list):
        random.shuffle(holder)
    elif kind == 5 and isinstance(holder[at], (int, float)) and not isinstance(holder[at], bool):
        holder[at] += random.choice((1, -1, 10) if isinstance(holder[at], int) else (0.5, -1.0, 1e-9))
    elif kind == 6 and isinstance(holder, dict):
        holder[random.choice(("note", "extra", at.upper(), at + " "))] = holder[at]
    elif isinstance(holder[at], str):
        holder[at] = one_sign(holder[at], random)
    indent = random.choice((None, None, 1))
    return reply[:start] + json.dumps(value, indent=indent, ensure_ascii=random.random() < 0.5) + reply[end + 1 :]


def walk(value: Any, path: tuple[Any, ...]) -> Any:
    yield path
    for name, inner in (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        yield from walk(inner, (*path, name))


def one_sign(text: str, random: random.Random) -> str:
    at = random.randint(0, len(text))
    new = random.choice(
        ("", " ", "\u200b", "\n", "0", "9", ALIKE.get(text[at : at + 1], "x"), text[at : at + 1].swapcase())
    )
    return text[:at] + new + text[at + random.randint(0, 1) :]


def noise(reply: str, random: random.Random) -> str:
    at, sign = random.randint(0, len(reply)), random.choice('{}[]",:0123456789.-+eE \n\t`~\\\x00\ud800\ufeffaZé')
    return reply[:at] + sign + reply[at + random.randint(0, 1) :]


def cut(reply: str, random: random.Random) -> str:
    a, b = sorted(random.randint(0, len(reply)) for _ in range(2))
    return reply[:a] + reply[b:] if random.random() < 0.5 else reply[:b] + reply[a:b] + reply[b:]


def dress(reply: str, random: random.Random) -> str:
    return random.choice(("```json\n%s\n```", "```\n%s\n```", "~~~json\n%s\n~~~", "Plan:\n```json\n%s\n```", "%s\n", " %s",
                          "```json\n%s\n```\nDone.", "<think>%s</think>", "<think>x</think>\n%s", "[%s]", "%s%s", "```python\n%s\n```",
                          "\ufeff%s", '{"a": %s}', "x %s")).replace("%s", reply)  # fmt: skip


def digits(reply: str, random: random.Random) -> str:
    found = list(re.finditer(r"\d+(\.\d+)?", reply))
    if not found:
        return reply
    one = random.choice(found)
    text = one[0]
    new = random.choice((f"{text}.0", f"{text}e0", f"{text}0", f"0{text}", f"-{text}", "NaN", "1e400", "1e-500", text[::-1],
                         str(int(text.split(".")[0][:50]) + 1), "9" * 500, f"{text}0000000000000000001", "Infinity"))  # fmt: skip
    return reply[: one.start()] + new + reply[one.end() :]


def repeat_key(reply: str, random: random.Random) -> str:
    found = list(re.finditer(r'"\w+": ("[^"]*"|\d+)', reply))
    if not found:
        return reply
    one = random.choice(found)
    return reply[: one.end()] + ", " + one[0] + reply[one.end() :]


TEXT = (noise, noise, cut, dress, digits, repeat_key)


# running


class Fuzzed(NamedTuple):
    outcomes: Counter[str]
    wrongly_paid: list[tuple[str, str]]
    wrongly_refused: list[tuple[str, str, dict[str, Any]]]
    voids: list[tuple[str, str, dict[str, Any]]]


def fuzz(replies: int, seed: int, folder: Path) -> Fuzzed:
    """`folder` is where the database is put."""
    cases, seeds = prepared(folder)
    chance = random.Random(seed)
    found = Fuzzed(Counter(), [], [], [])
    names = list(REFERENCE)
    for number in range(replies):
        name = names[number % len(names)]
        reply = mutated(chance.choice(seeds[name]), chance)
        verdict = judge_case(cases[name], reply)
        found.outcomes[f"{verdict.outcome} {verdict.reason}"] += 1
        accepted = is_accepted(name, reply)
        evidence = dict(verdict.evidence)
        if verdict.is_void:
            found.voids.append((name, reply, evidence))
        elif verdict.is_pass and not accepted:
            found.wrongly_paid.append((name, reply))
        elif accepted and not verdict.is_pass:
            found.wrongly_refused.append((name, reply, evidence))
    return found


def prepared(folder: Path) -> tuple[dict[str, Case], dict[str, list[str]]]:
    connection = sqlite3.connect(folder / "orders.db")
    connection.executescript((GOLDEN / "orders.sql").read_text())
    connection.close()
    (folder / "policies.jsonl").write_bytes((GOLDEN / "policies.jsonl").read_bytes())
    cases, seeds = {}, {}
    for verifier in ("structured", "grounded"):
        truths = json.loads((GOLDEN / f"{verifier}_truths.json").read_text())
        rows = [json.loads(line) for line in (GOLDEN / f"{verifier}.jsonl").read_text().splitlines()]
        for name in [each for each in REFERENCE if REFERENCE[each][0] == verifier]:
            cases[name] = read_case(verifier, locate(verifier, truths[name], folder))
            seeds[name] = [row["response"] for row in rows if row["truth"] == name and row["expect"] == "pass"]
    return cases, seeds


def is_accepted(name: str, reply: str) -> bool:
    _, prose, rules = REFERENCE[name]
    try:
        rules(strict(reply, prose))
    except Refused:
        return False
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replies", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = fuzz(options.replies, options.seed, Path(folder))
    print(f"{options.replies} replies, seed {options.seed}")
    for name, count in found.outcomes.most_common():
        print(f"{count:7d}  {name}")
    for title, rows in (
        ("VOID", found.voids),
        ("wrongly paid", found.wrongly_paid),
        ("wrongly refused", found.wrongly_refused),
    ):
        print(f"{len(rows)} {title}")
        for row in rows[:8]:
            print("   ", *map(ascii, row))
    return 1 if found.voids or found.wrongly_paid else 0


if __name__ == "__main__":
    sys.exit(main())
