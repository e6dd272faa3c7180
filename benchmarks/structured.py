"""What a verdict of `structured`, `grounded`, `sql` and `constraint` costs: processor time, one process, the truth read
already.

    python benchmarks/structured.py

Right answers and wrong ones (each broken rule is explained, which costs more) of the three scenarios at every level, of
a grounded task over a sqlite database of 20,000 orders, of queries on four instances and plans, and of the golden rows. Beside them: the same documents by
`json.loads` alone, and by the schema alone, to see what the rules cost. Quartiles are over all verdicts of a line.
"""

from __future__ import annotations

import argparse
import gc
import json
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import jsonschema_rs

from assay.core.config import TasksConfig
from assay.tasks.load import load_source
from assay.verify.base import Case, judge_case, locate, read_case
from assay.verify.structured.sql_mutate import mutants

GOLDEN = Path(__file__).resolve().parents[1] / "tests/golden/structured"
ORDERS = 20_000


class Line(NamedTuple):
    name: str
    times: list[float]  # seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=20, help="of each scenario and level")
    parser.add_argument("--repeats", type=int, default=7, help="of each verdict; the median counts")
    options = parser.parse_args()
    gc.disable()
    print(f"{'verdicts of':44s} {'n':>5s} {'p50 ms':>8s} {'p95 ms':>8s} {'max ms':>8s}")
    with tempfile.TemporaryDirectory() as folder:
        for line in lines(options.tasks, options.repeats, Path(folder)):
            show(line)
    return 0


def lines(tasks: int, repeats: int, folder: Path) -> Iterator[Line]:
    everything: list[float] = []
    for name in ("route_plan", "invoice", "packing"):
        for level in (1, 2, 3):
            source = load_source(TasksConfig(source=name, options={"level": level}), "train", 0)
            right, wrong, reading, alone, schema = [], [], [], [], []
            for index in range(tasks):
                task = source.task(index)
                start = time.process_time()
                case = read_case(task.verifier, task.truth)
                reading.append(time.process_time() - start)
                text = json.dumps(task.truth["reference"])
                right.append(timed(lambda case=case, text=text: judge_case(case, text), repeats))
                wrong += [timed(lambda case=case, text=each: judge_case(case, text), repeats) for each in spoilt(text)]
                document = json.loads(text)
                validator = jsonschema_rs.Draft202012Validator(task.truth["schema"])
                alone.append(timed(lambda text=text: json.loads(text), repeats))
                schema.append(
                    timed(lambda document=document, validator=validator: validator.is_valid(document), repeats)
                )
            everything += right + wrong
            yield Line(f"{name} {level}, right", right)
            yield Line(f"{name} {level}, wrong", wrong)
            yield Line(f"{name} {level}, json.loads alone", alone)
            yield Line(f"{name} {level}, schema alone", schema)
            yield Line(f"{name} {level}, reading the truth", reading)
    grounded = orders(folder)
    answer = {"cited": [{"id": f"ORD-{n:06d}", "cents": n * 7 % 5000} for n in range(0, ORDERS, 1000)]}
    found = [
        timed(lambda text=text: judge_case(grounded, text), repeats)
        for text in (json.dumps(answer), *spoilt(json.dumps(answer)))
    ]
    yield Line(f"grounded, 20 of {ORDERS} orders", found)
    yield from queries(tasks, repeats)
    yield from puzzles(tasks, repeats)
    for verifier in ("structured", "grounded", "sql", "constraint"):
        found = [
            timed(lambda case=case, text=text: judge_case(case, text), repeats) for case, text in rows(verifier, folder)
        ]
        everything += found
        yield Line(f"golden rows, {verifier}", found)
    yield Line("all of them", everything)


def queries(tasks: int, repeats: int) -> Iterator[Line]:
    """Queries on four instances: the gold one (which passes all four) and its changes (which fail on the first that tells)."""
    everything: list[float] = []
    for level in (1, 2, 3):
        source = load_source(TasksConfig(source="shop_queries", options={"level": level}), "train", 0)
        right, wrong, reading = [], [], []
        for index in range(tasks):
            task = source.task(index)
            start = time.process_time()
            case = read_case(task.verifier, task.truth)
            reading.append(time.process_time() - start)
            gold = task.truth["gold_sql"]
            right.append(timed(lambda case=case, gold=gold: judge_case(case, gold), repeats))
            changed = [each.sql for each in mutants(case.truth)][:3]
            wrong += [timed(lambda case=case, text=each: judge_case(case, text), repeats) for each in changed]
        everything += right + wrong
        yield Line(f"shop_queries {level}, right", right)
        yield Line(f"shop_queries {level}, changed", wrong)
        yield Line(f"shop_queries {level}, reading the truth", reading)
    yield Line("all queries on four instances", everything)


def puzzles(tasks: int, repeats: int) -> Iterator[Line]:
    for name in ("knapsack", "job_schedule", "graph_colours", "number_grid"):
        source = load_source(TasksConfig(source=name, options={"level": 3}), "train", 0)
        found = []
        for index in range(tasks):
            task = source.task(index)
            case, text = read_case(task.verifier, task.truth), json.dumps(task.truth["reference"])
            found.append(timed(lambda case=case, text=text: judge_case(case, text), repeats))
        yield Line(f"{name} 3, right", found)


def timed(call: Callable[[], object], repeats: int) -> float:
    """Median processor seconds of one call, each measured over enough calls to see the clock tick."""
    call()
    found = []
    for _ in range(repeats):
        start = time.process_time_ns()
        for _ in range(5):
            call()
        found.append((time.process_time_ns() - start) / 5e9)
    return statistics.median(found)


def spoilt(text: str) -> list[str]:
    """Three wrong answers: the first text, number and list changed."""
    document = json.loads(text)
    made = []
    for name, value in document.items():
        other = value[:-1] if isinstance(value, list) else f"{value}9" if isinstance(value, str) else 1
        made.append(json.dumps({**document, name: other}))
    return made[:3]


def orders(folder: Path) -> Case:
    connection = sqlite3.connect(folder / "shop.db")
    connection.execute("create table orders (id text primary key, cents integer, day integer)")
    connection.executemany(
        "insert into orders values (?, ?, ?)", [(f"ORD-{n:06d}", n * 7 % 5000, n % 1000) for n in range(ORDERS)]
    )
    connection.commit()
    connection.close()
    citation = {"path": "cited[*].id", "table": "orders", "key": "id", "equal": ["cents"], "complete": "row.day == 0"}
    return read_case("grounded", {"database": {"sqlite": str(folder / "shop.db")}, "citations": [citation]})


def rows(verifier: str, folder: Path) -> Iterator[tuple[Case, str]]:
    if not (folder / "orders.db").exists():
        sqlite3.connect(folder / "orders.db").executescript((GOLDEN / "orders.sql").read_text())
        (folder / "policies.jsonl").write_bytes((GOLDEN / "policies.jsonl").read_bytes())
    truths = json.loads((GOLDEN / f"{verifier}_truths.json").read_text())
    cases = {name: read_case(verifier, locate(verifier, truth, folder)) for name, truth in truths.items()}
    for line in (GOLDEN / f"{verifier}.jsonl").read_text().splitlines():
        row = json.loads(line)
        yield cases[row["truth"]], row["response"]


def show(line: Line) -> None:
    times = sorted(line.times)
    middle, late = times[len(times) // 2], times[min(len(times) - 1, int(0.95 * len(times)))]
    print(f"{line.name:44s} {len(times):5d} {middle * 1e3:8.3f} {late * 1e3:8.3f} {times[-1] * 1e3:8.3f}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
