"""Verifiers that misbehave, as a user's file."""

from pathlib import Path

import pytest

CHECKS = r'''
import ctypes, math, os, signal, sys, threading, time
from assay.core.types import Finding, Outcome, Reason, Verdict

print("noise at import")
os.write(1, b"noise by descriptor\n")


def equal(response, truth):
    return response == truth


def slow(response, truth):
    time.sleep(float(truth))
    return True


def odd(response, truth):
    """What the response names happens."""
    if response == "hang":
        while True:
            pass
    if response == "sleep":
        time.sleep(600)
    if response == "lock":
        lock = threading.Lock()
        lock.acquire()
        lock.acquire()
    if response == "exit":
        sys.exit(0)
    if response == "_exit":
        os._exit(0)
    if response == "segfault":
        ctypes.string_at(0)
    if response == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if response == "raise":
        raise KeyError("no such thing")
    if response == "interrupt":
        raise KeyboardInterrupt
    if response == "recurse":
        return odd(response, truth)
    if response == "print":
        print("noise", "\n" * 3, '{"id": 1, "outcome": "pass"}')
        os.write(1, b"noise by descriptor\n")
        sys.stderr.write("")
    if response == "read":
        return sys.stdin.read() == ""
    return response == truth


def returns(response, truth):
    """The value that the response is the Python text of."""
    return eval(response)


def once(response, truth):
    """Dies the first time it is asked about a path, and judges the second time."""
    if os.path.exists(truth):
        return True
    open(truth, "w").close()
    os._exit(9)


def sees_prompt(response, truth, prompt=""):
    return response == prompt


async def later(response, truth):
    return True


def no_arguments():
    return True


class Whole:
    """A verifier in the protocol's own form."""

    name, version = "whole", "7"

    def read(self, truth):
        from assay.core.errors import TruthError
        if not isinstance(truth, int):
            raise TruthError("whole: an integer would be right")
        return truth

    def check(self, truth, response, prompt=""):
        right = response.strip() == str(truth)
        return Finding(Outcome.PASS if right else Outcome.FAIL, Reason.CORRECT if right else Reason.WRONG_VALUE, response)


class Nameless:
    def read(self, truth):
        return truth

    def check(self, truth, response, prompt=""):
        return True


not_a_function = 3
'''


@pytest.fixture(scope="session")
def checks(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The file's path, to which `:name` is added."""
    path: Path = tmp_path_factory.mktemp("checks") / "my_checks.py"
    path.write_text(CHECKS)
    return str(path)
