"""Mutation testing of one room of verify/: do its tests notice a small change of the code?

    nice -n 10 python benchmarks/mutate.py structured --mutants 150 --seed 0

A seeded sample of all single changes to the room's syntax trees (`mutate_math` has the list). Each mutant is written into
a copy of the source tree; the golden rows are judged by it, and then the room's tests run on it until one fails. A mutant
that fails none survives, and is printed with its line. Annotations, docstrings and the sentences of errors are not mutated,
and tests of how long something takes are left out.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import hypothesis.strategies  # noqa: F401 - loaded once, for every fork
import jsonschema_rs  # noqa: F401
import pytest
from mutate_math import Mutant, mutant, places_of
from py3langid import langid

import assay.tasks.check
import assay.tasks.load
import assay.verify.base
import assay.verify.compose
import assay.verify.function

langid.LanguageIdentifier.from_model_file = lru_cache(
    langid.LanguageIdentifier.from_model_file
)  # read once, for every fork
langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE)

GOLDEN = "tests/verify/structured/test_golden.py"
OPTIONS = (
    *(f"--deselect={GOLDEN}::test_every_row_comes_out_as_it_must[{each}]" for each in ("sql", "constraint")),
    "-x",
    "-k",
    "not slow",
    "-q",
    "--tb=no",
    "--assert=plain",
    "-p",
    "no:randomly",
    "-p",
    "no:cacheprovider",
    "-W",
    "ignore::pytest.PytestAssertRewriteWarning",
)
ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = (
    "arithmetic database document evaluate explain functions grounded instant loose names parse reply rules schema syntax "
    "tables value verifier"
)
"""What `structured` and `grounded` are made of; their folder holds other verifiers too."""
ROOMS: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    # files that are changed; tests that run, the quickest to fail first; further files that these need
    "structured": (
        tuple(f"verify/structured/{each}.py" for each in DOCUMENTS.split()),
        (
            GOLDEN,
            "tests/verify/structured/test_rules.py",
            "tests/verify/structured/test_truth.py",
            "tests/verify/structured/test_database.py",
            "tests/verify/structured/test_doc.py",
            "tests/verify/structured/test_loose.py",
            "tests/verify/structured/test_document.py",
            "tests/verify/structured/test_fuzz.py",
        ),
        ("benchmarks/fuzz_structured.py", "docs/reference/rules.md", "docs/concepts/structured.md"),
    ),
    "text": (
        ("verify/text/*.py",),
        (
            "tests/verify/text/test_instructions.py",
            "tests/verify/text/test_language.py",
            "tests/verify/text/test_words.py",
            "tests/verify/text/test_choice.py",
            "tests/verify/text/test_format.py",
            "tests/verify/text/test_doc.py",
        ),
        ("docs/concepts/text.md",),
    ),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("room", choices=sorted(ROOMS))
    parser.add_argument("--mutants", type=int, default=150)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--timeout", type=float, default=120.0, help="seconds for the tests of one mutant")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="assay-mutants-"))
    try:
        return run(folder, options.room, options.mutants, options.seed, options.timeout)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(folder: Path, room: str, wanted: int, seed: int, timeout: float) -> int:
    targets, tests, needed = ROOMS[room]
    for name in ("src", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder / "pyproject.toml")
    for name in needed:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    if room == "structured":
        with sqlite3.connect(folder / "tests/golden/structured/orders.db") as connection:
            connection.executescript((folder / "tests/golden/structured/orders.sql").read_text(encoding="utf-8"))
        connection.close()
    sys.dont_write_bytecode = True
    start = time.perf_counter()
    if (code := tested(folder, room, tests, timeout)) != 0:
        print(f"The tests do not pass without a mutant (exit code {code}).")
        return 2
    files = sorted(file for target in targets for file in (folder / "src/assay").glob(target))
    everything = [(file, at, which) for file in files for at, which in places_of(file)]
    chosen = random.Random(seed).sample(everything, min(wanted, len(everything)))
    print(f"{len(everything)} possible mutants in {len(files)} files; {len(chosen)} chosen, seed {seed}", flush=True)
    killed, late, survivors = 0, 0, list[Mutant]()
    for number, place in enumerate(chosen, 1):
        each = mutant(*place)
        kept = each.file.read_text(encoding="utf-8")
        each.file.write_text(each.source, encoding="utf-8")
        try:
            code = tested(folder, room, tests_of(each.file, tests), timeout)
        finally:
            each.file.write_text(kept, encoding="utf-8")
        if code == 0:
            survivors.append(each)
            print(f"survives: {each.file.relative_to(folder / 'src')}:{each.line}: {each.change}", flush=True)
        killed += code != 0
        late += code is None
        if number % 25 == 0:
            print(f"... {number}, {len(survivors)} survive, {time.perf_counter() - start:.0f} s", flush=True)
    print(
        f"{killed} of {len(chosen)} killed ({killed / len(chosen):.1%}), {late} of them by time; {len(survivors)} survive"
    )
    return 0


def tests_of(file: Path, tests: tuple[str, ...]) -> tuple[str, ...]:
    """The tests that could notice a change of `file`: choices and forms are judged by files that no other verifier needs."""
    if file.parent.name == "text" and file.stem in ("choice", "format"):
        return (f"tests/verify/text/test_{file.stem}.py",)
    if file.parent.name == "text" and file.stem.startswith("instruction"):
        return ("tests/verify/text/test_instructions.py", "tests/verify/text/test_doc.py")
    return tests


def golden(folder: Path, room: str) -> Iterator[tuple[str, object, str, str]]:
    """The room's golden rows: (verifier, truth, response, the outcome it must have)."""
    rows = folder / "tests/golden" / room
    if room == "text":
        for row in map(json.loads, (rows / "instructions.jsonl").read_text(encoding="utf-8").splitlines()):
            yield "instructions", {"checks": [row["check"]]}, row["response"], row["expect"]
        for row in map(json.loads, (rows / "language.jsonl").read_text(encoding="utf-8").splitlines()):
            yield "language", row["truth"], row["response"], row["expect"]
        return
    for verifier in ("structured", "grounded"):
        truths = json.loads((rows / f"{verifier}_truths.json").read_text(encoding="utf-8"))
        truths = {name: assay.verify.base.locate(verifier, truth, rows) for name, truth in truths.items()}
        for row in map(json.loads, (rows / f"{verifier}.jsonl").read_text(encoding="utf-8").splitlines()):
            yield verifier, truths[row["truth"]], row["response"], row["expect"]


def rows_hold(folder: Path, room: str) -> bool:
    """Whether every golden row comes out as it must: most mutants break one, for a fraction of what the tests cost."""
    cases: dict[str, assay.verify.base.Case] = {}
    for verifier, truth, response, expect in golden(folder, room):
        key = json.dumps([verifier, truth])
        if key not in cases:
            cases[key] = assay.verify.base.read_case(verifier, truth)
        if assay.verify.base.judge_case(cases[key], response).outcome.value != expect:
            return False
    return True


def tested(folder: Path, room: str, tests: tuple[str, ...], timeout: float) -> int | None:
    """The exit code of the tests, 0 when all pass; None when they take too long. They run in a fork of this process, which
    has everything loaded but the room itself."""
    child = os.fork()
    if child == 0:
        code = 70
        try:
            os.setpgid(0, 0)
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, 1)
            os.dup2(nothing, 2)
            os.chdir(folder)
            for name in [each for each in sys.modules if each.startswith(f"assay.verify.{room}")]:
                del sys.modules[name]  # loaded by a room that uses it
            assay.verify.__path__.insert(0, str(folder / "src/assay/verify"))
            code = int(not rows_hold(folder, room)) or int(pytest.main([*OPTIONS, *tests]))
            if Path(sys.modules[f"assay.verify.{room}"].__file__ or "").parent.parent.parent.parent.parent != folder:
                code = 71  # not the copy after all
        finally:
            os._exit(code)
    deadline = time.perf_counter() + timeout
    while time.perf_counter() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


if __name__ == "__main__":
    sys.exit(main())
