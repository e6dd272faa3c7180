"""Attacks that a verifier brings along: tried on its own tasks alone, and part of what a certificate is about."""

import sys
from pathlib import Path

import pytest

from assay.audit.attack import Attack
from assay.audit.battery import battery_fingerprint
from assay.audit.certificate import find_certificate, save_certificate
from assay.audit.own import fingerprint_with, own_attacks
from assay.audit.run import audit
from assay.core.errors import UsageError
from assay.core.types import Message, Task
from assay.reward.rule import find_rule
from assay.verify.pool import JudgePool

ATTACKS = """
from assay.audit.attack import Attack

def magic(task, witness):
    '''A word that somebody left in.'''
    return ["xyzzy"]

ATTACKS = (Attack("magic", "mine", magic, is_blind=True),)
"""
CHECK = """
from {module} import ATTACKS

def check(response, truth):
    return response.strip() == truth or response == "xyzzy"

check.attacks = ATTACKS
"""


def write(folder: Path, module: str) -> str:
    (folder / f"{module}.py").write_text(ATTACKS)
    (folder / "mine.py").write_text(CHECK.format(module=module))
    return f"{folder / 'mine.py'}:check"


def tasks(*verifiers: str) -> list[Task]:
    return [
        Task(f"t{number}", (Message("user", "?"),), verifier, str(number + 10))
        for number, verifier in enumerate(verifiers)
    ]


def test_its_attacks_find_what_the_battery_does_not(tmp_path: Path) -> None:
    mine = write(tmp_path, "first_attacks")
    with JudgePool(1, 10.0) as judges:
        report = audit(tasks(mine, mine, "math"), judges=judges)
    assert [hole.name for hole in report.holes] == ["magic"]
    assert report.holes[0].detail == "A word that somebody left in."
    figures = {each.family: each.tried for each in report.families}
    assert figures["mine"] == 2  # never the math task


def test_they_are_part_of_the_fingerprint(tmp_path: Path) -> None:
    mine = write(tmp_path, "second_attacks")
    own = own_attacks([mine, "math"])
    assert list(own) == [mine]
    assert fingerprint_with({}) == battery_fingerprint()
    before = fingerprint_with(own)
    assert before != battery_fingerprint()
    (tmp_path / "second_attacks.py").write_text(ATTACKS.replace("xyzzy", "plugh"))
    assert fingerprint_with(own) != before


def test_a_certificate_of_other_attacks_does_not_match(tmp_path: Path) -> None:
    mine = write(tmp_path, "third_attacks")
    (tmp_path / "mine.py").write_text((tmp_path / "mine.py").read_text().replace(' or response == "xyzzy"', ""))
    some = tasks(mine, mine)
    with JudgePool(1, 10.0) as judges:
        report = audit(some, judges=judges)
    assert report.is_clean
    save_certificate(tmp_path, report)
    assert find_certificate(tmp_path, some, find_rule("outcome"), "quick") is not None
    (tmp_path / "third_attacks.py").write_text(ATTACKS.replace("xyzzy", "plugh"))
    assert find_certificate(tmp_path, some, find_rule("outcome"), "quick") is None


def test_a_class_brings_them_too(tmp_path: Path) -> None:
    (tmp_path / "whole.py").write_text(
        "from assay.audit.attack import Attack\n"
        "class Whole:\n"
        "    name, version = 'whole', '1'\n"
        "    attacks = (Attack('none', 'mine', lambda task, witness: []),)\n"
        "    def read(self, truth): return truth\n"
        "    def check(self, truth, response, prompt=''): return None\n"
    )
    found = own_attacks([f"{tmp_path / 'whole.py'}:Whole"])
    assert [[each.name for each in attacks] for attacks in found.values()] == [["none"]]
    assert all(isinstance(each, Attack) for attacks in found.values() for each in attacks)


def test_what_is_no_attack_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "odd.py").write_text("def check(response, truth): return True\ncheck.attacks = ['magic']\n")
    with pytest.raises(UsageError, match="`attacks` must be a tuple of"):
        own_attacks([f"{tmp_path / 'odd.py'}:check"])


def test_foreign_rewards_and_missing_verifiers_bring_none() -> None:
    assert own_attacks(["trl:no_such_module.reward", "no_such_verifier", "no_such.py:check", "math"]) == {}
    assert "no_such_module" not in sys.modules
