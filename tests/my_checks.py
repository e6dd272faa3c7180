"""Verifiers that misbehave, as a user's file: each test names one with `{checks}:function`."""

import ctypes
import os
import signal
import sys
import threading
import time

from assay.core.errors import TruthError
from assay.core.types import Finding, Outcome, Reason, Verdict  # noqa: F401 - for `returns`

print("noise at import")  # noqa: T201
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
        print("noise", "\n" * 3, '{"id": 1, "outcome": "pass"}')  # noqa: T201
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
        if not isinstance(truth, int):
            raise TruthError("whole: an integer would be right")
        return truth

    def check(self, truth, response, prompt=""):
        right = response.strip() == str(truth)
        return Finding(
            Outcome.PASS if right else Outcome.FAIL, Reason.CORRECT if right else Reason.WRONG_VALUE, response
        )


class Nameless:
    def read(self, truth):
        return truth

    def check(self, truth, response, prompt=""):
        return True


not_a_function = 3
