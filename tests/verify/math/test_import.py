"""What the verifier brings into a process: nothing heavy, and no parser until an answer is more than an integer."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "sympy",
    "mpmath",
    "pydantic",
    "pint",
    "numpy",
    "asyncio",
    "subprocess",
    "multiprocessing",
    "importlib.metadata",
)
PARSER = ("parse", "tree", "tokens", "equal", "scalar", "evaluate", "units", "symbolic")


def loaded_after(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def parser_modules(loaded: set[str]) -> set[str]:
    return {name for name in PARSER if f"assay.verify.math.{name}" in loaded}


JUDGED = "from assay.verify.base import judge\nassert judge('math', {truth!r}, {response!r}).is_pass"


@pytest.mark.parametrize(
    "code",
    [
        "import assay.verify.math.verifier",
        JUDGED.format(truth="5", response=r"so \boxed{5}"),
        JUDGED.format(truth="+05", response=r"<think>4</think> so \boxed{5}"),
        JUDGED.format(truth={"answer": ["4", "5"], "field": "hash_line"}, response="#### 5"),
    ],
    ids=["import", "an integer", "spelled otherwise", "with a field"],
)
def test_an_integer_needs_no_parser_and_nothing_heavy(code: str) -> None:
    before = loaded_after("pass")
    loaded = loaded_after(code) - before
    assert not loaded & set(HEAVY)
    assert not parser_modules(loaded)
    assert len(loaded) < 100, sorted(loaded)  # dataclasses, typing and re, with what they import, are half of them


def test_a_fraction_brings_the_parser_but_no_arithmetic_of_others() -> None:
    loaded = loaded_after(JUDGED.format(truth="1/2", response=r"so \boxed{0.5}"))
    assert parser_modules(loaded) >= {"parse", "tree", "equal"}
    assert not loaded & set(HEAVY)


def test_a_root_brings_mpmath_but_not_sympy() -> None:
    loaded = loaded_after(JUDGED.format(truth=r"\sqrt{8}", response=r"so \boxed{2\sqrt2}"))
    assert "mpmath" in loaded
    assert "sympy" not in loaded
