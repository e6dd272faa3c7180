"""The REPL session over the real protocol's messages, spoken by a scripted REPL."""

from pathlib import Path

import pytest

from assay.sandbox.layers import interpreter
from assay.verify.proof.coqtop import OutOfStep
from assay.verify.proof.repl import ReplSession, errors
from assay.verify.proof.tools import ToolLimits

SCRIPT = Path(__file__).with_name("scripted_repl.py")


def session(mode: str, header: str = "import Mathlib") -> ReplSession:
    return ReplSession([interpreter(), str(SCRIPT), mode], header, ToolLimits(), readable=[str(SCRIPT.parent)])


def test_it_refuses_errors_and_sorry_and_nothing_else() -> None:
    repl = session("plain")
    try:
        assert repl.refusal("theorem t : True := trivial", 20) is None
        assert "unsolved goals" in str(repl.refusal("theorem t : False := wrong", 20))
        assert repl.refusal("theorem t : False := by sorry", 20) == "sorry"
        assert repl.refusal("theorem t : True := trivial", 20) is None
        assert repl.proofs == 4
    finally:
        repl.close()


def test_a_header_that_is_refused() -> None:
    with pytest.raises(OutOfStep, match="header"):
        session("plain", "import NoSuchModule")


@pytest.mark.parametrize(("mode", "why"), [("silent", "in time"), ("garbage", "not JSON"), ("ends", "ended")])
def test_out_of_step(mode: str, why: str) -> None:
    repl = session(mode)
    try:
        with pytest.raises(OutOfStep, match=why):
            repl.refusal("theorem t : True := trivial", 2)
    finally:
        repl.close()


def test_a_repl_that_is_not_there() -> None:
    with pytest.raises(OutOfStep):
        ReplSession(["/nowhere/repl"], "", ToolLimits())


def test_errors() -> None:
    assert errors({"env": 1}) == []
    assert errors({"message": "Unknown environment."}) == ["Unknown environment."]
    assert errors({"messages": [{"severity": "warning", "data": "x"}], "env": 1}) == []
    assert errors({"sorries": [{}, {}], "env": 1}) == ["sorry", "sorry"]
