"""Mutation testing of verify/math and extract.py: does the golden set, or a unit test, notice a small change of the code?

    nice -n 10 python benchmarks/mutate_math.py --mutants 300 --seed 0

A seeded sample of all single changes to the syntax trees (comparisons, arithmetic, and/or, conditions, constants, returned
values, deleted statements). Each mutant is written into a copy of the source tree and judged twice: by the golden rows and
a short list of bombs, in one process with a limit of CPU time (a busy machine kills no mutant), and, if it lives, by the unit tests under tests/verify (without
the golden, property and bomb tests, which take longer). A mutant that changes no verdict and fails no test survives; the
survivors are printed with their line. Rows that fail without any mutant are left out and counted.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
TARGETS = ("verify/extract.py", "verify/math/*.py")
UNIT_TESTS = ("tests/verify/math", "tests/verify/test_extract.py")
NOT_UNIT = ("test_golden.py", "test_properties.py", "test_any_text.py", "test_bombs.py", "test_doc.py")

WALL = 60  # seconds of wall for one of CPU: only what sleeps for ever reaches it

COMPARE = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
ARITHMETIC = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}  # fmt: skip

GOLDEN_RUN = r"""
import json, resource, runpy, sys
from pathlib import Path
from assay.verify.base import judge
seconds = int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
root, known = Path(sys.argv[1]), set(json.loads(Path(sys.argv[2]).read_text()))
failing = []
number = -1
for file in sorted((root / "tests/golden/math").glob("*.jsonl")):
    for line in file.read_text(encoding="utf-8").splitlines():
        number += 1
        row = json.loads(line)
        response = row.get("response", "So it is\n\n\\boxed{%s}" % row.get("answer", ""))
        verdict = judge("math", row["truth"], response)
        good = verdict.outcome == row["expect"] and row.get("reason", verdict.reason) == verdict.reason
        if not good and number not in known:
            failing.append(number)
            if len(sys.argv) <= 4:
                sys.exit(1)
bombs = runpy.run_path(str(root / "tests/verify/math/bombs.py"))
for name in ("tower of powers", "binomial to expand", "factorials of factorials", "nested parentheses", "huge sum"):
    if judge("math", "5", "\\boxed{" + bombs["BOMBS"][name]() + "}").outcome != "fail":
        sys.exit(1)
if len(sys.argv) > 4:
    Path(sys.argv[4]).write_text(json.dumps(failing))
"""


Change = Callable[[], None]


class Mutant(NamedTuple):
    file: Path
    line: int
    change: str
    source: str


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutants", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--timeout", type=float, default=20.0, help="CPU-seconds for the golden rows of one mutant")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="assay-mutants-"))
    try:
        return run(folder, options.mutants, options.seed, options.timeout)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(folder: Path, wanted: int, seed: int, timeout: float) -> int:
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "tests", folder / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder / "pyproject.toml")
    (folder / "golden_run.py").write_text(GOLDEN_RUN)
    known = folder / "known.json"
    known.write_text("[]")
    start = time.perf_counter()
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    if golden(folder, timeout * 5, str(folder / "failing.json")) != 0:
        print("The golden rows do not run without a mutant.")
        return 2
    failing = json.loads((folder / "failing.json").read_text())
    known.write_text(json.dumps(failing))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    base = after.ru_utime + after.ru_stime - spent.ru_utime - spent.ru_stime
    mutants = sample(folder, wanted, seed)
    print(
        f"{len(mutants)} mutants, seed {seed}; golden rows take {base:.1f} CPU-s; {len(failing)} rows fail without a mutant"
    )
    killed = {"golden": 0, "time": 0, "unit": 0}
    survivors: list[Mutant] = []
    for number, each in enumerate(mutants, 1):
        kept = each.file.read_text(encoding="utf-8")
        each.file.write_text(each.source, encoding="utf-8")
        try:
            by = judged(folder, max(timeout, 4 * base))
        finally:
            each.file.write_text(kept, encoding="utf-8")
        if by is None:
            survivors.append(each)
            print(f"survives: {each.file.relative_to(folder / 'src')}:{each.line}: {each.change}", flush=True)
        else:
            killed[by] += 1
        if number % 25 == 0:
            print(
                f"... {number} of {len(mutants)}, {len(survivors)} survive, {time.perf_counter() - start:.0f} s",
                flush=True,
            )
    caught = sum(killed.values())
    print(
        f"{caught} of {len(mutants)} killed ({caught / len(mutants):.1%}): {killed['golden']} by golden rows, "
        f"{killed['time']} by their time, {killed['unit']} by unit tests; {len(survivors)} survive"
    )
    return 0


def judged(folder: Path, timeout: float) -> str | None:
    """What killed it: `golden`, `time`, `unit`; None when it lives."""
    code = golden(folder, timeout)
    if code != 0:
        return "time" if code is None else "golden"
    tests = [str(folder / each) for each in UNIT_TESTS if (folder / each).exists()]
    skipped = [f"--ignore={folder / 'tests/verify/math' / each}" for each in NOT_UNIT]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-x",
        "-q",
        "-p",
        "no:randomly",
        "-p",
        "no:cacheprovider",
        *skipped,
        *tests,
    ]
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment(folder), capture_output=True, timeout=timeout * WALL, check=False
        )
    except subprocess.TimeoutExpired:
        return "unit"
    return "unit" if done.returncode not in (0, 5) else None  # 5: there are none


def golden(folder: Path, timeout: float, report: str = "") -> int | None:
    command = [
        sys.executable,
        str(folder / "golden_run.py"),
        str(folder),
        str(folder / "known.json"),
        str(int(timeout) + 1),
        *filter(None, [report]),
    ]
    try:
        code = subprocess.run(
            command, cwd=folder, env=environment(folder), capture_output=True, timeout=timeout * WALL, check=False
        ).returncode
    except subprocess.TimeoutExpired:
        return None
    return None if code in (-signal.SIGXCPU, -signal.SIGKILL) else code


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(folder / "src"), "PYTHONDONTWRITEBYTECODE": "1"}


# Mutants


def sample(folder: Path, wanted: int, seed: int) -> list[Mutant]:
    files = sorted(file for target in TARGETS for file in (folder / "src/assay").glob(target))
    everything = [(file, at, which) for file in files for at, which in places_of(file)]
    print(f"{len(everything)} possible mutants in {len(files)} files")
    return [mutant(*place) for place in random.Random(seed).sample(everything, min(wanted, len(everything)))]


def places_of(file: Path) -> list[tuple[int, int]]:
    """Every node that can be changed, by its place in the walk, and every change of it."""
    nodes = walk(ast.parse(file.read_text(encoding="utf-8")))
    return [(at, which) for at, node in enumerate(nodes) for which, _ in enumerate(changes(node))]


def mutant(file: Path, at: int, which: int) -> Mutant:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    node = list(walk(tree))[at]
    change, apply = list(changes(node))[which]
    before = " ".join(ast.unparse(node).split())[:90]
    apply()
    return Mutant(file, node.lineno, f"{change}: {before}", ast.unparse(ast.fix_missing_locations(tree)))


def walk(node: ast.AST) -> Iterator[ast.expr | ast.stmt]:
    """Expressions and statements that run: no annotations, docstrings or class bodies' declarations."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list"):
            continue
        for each in value if isinstance(value, list) else [value]:
            if not isinstance(each, ast.AST) or (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant)):
                continue
            if isinstance(each, ast.AnnAssign) and each.value is None:
                continue
            if isinstance(each, (ast.expr, ast.stmt)):
                yield each
            yield from walk(each)


def changes(node: ast.AST) -> Iterator[tuple[str, Change]]:
    """What can be changed at this node: a name, and a function that does it."""
    if isinstance(node, ast.Compare):
        for at, operator in enumerate(node.ops):
            if type(operator) in COMPARE:
                yield (
                    f"{type(operator).__name__} to {COMPARE[type(operator)].__name__}",
                    _put(node.ops, at, COMPARE[type(operator)]()),
                )
    elif isinstance(node, (ast.BinOp, ast.AugAssign)) and type(node.op) in ARITHMETIC:
        yield (
            f"{type(node.op).__name__} to {ARITHMETIC[type(node.op)].__name__}",
            _set(node, "op", ARITHMETIC[type(node.op)]()),
        )
    elif isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield "and to or" if isinstance(other, ast.Or) else "or to and", _set(node, "op", other)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "not removed", _set(node, "operand", ast.UnaryOp(ast.Not(), node.operand))
    elif isinstance(node, (ast.If, ast.IfExp, ast.While)):
        yield "condition turned", _set(node, "test", ast.UnaryOp(ast.Not(), node.test))
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield f"{node.value} to {not node.value}", _set(node, "value", not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        yield f"{node.value} to {node.value + 1}", _set(node, "value", node.value + 1)
    elif isinstance(node, ast.Return) and node.value is not None and not isinstance(node.value, ast.Constant):
        yield "returns None", _set(node, "value", ast.Constant(None))
    elif isinstance(node, (ast.Raise, ast.Continue, ast.Break)) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ):
        yield "statement deleted", _turn(node)


def _set(node: ast.AST, name: str, value: object) -> Change:
    return lambda: setattr(node, name, value)


def _put(items: list[Any], at: int, value: object) -> Change:
    return lambda: items.__setitem__(at, value)


def _turn(node: ast.AST) -> Change:
    """The statement becomes `pass`, in place."""

    def apply() -> None:
        node.__class__ = ast.Pass  # type: ignore[assignment]

    return apply


if __name__ == "__main__":
    sys.exit(main())
