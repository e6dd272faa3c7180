"""Any Python function of the user's as a verifier: `my_file.py:check`, or `package.module:check`. No packaging.

It is called as `check(response, truth)`, with `prompt=` too when it takes one, and returns
- a bool, or a number in [0, 1]: 1 is PASS, anything less is FAIL with that score;
- an `Outcome`, `Finding` or `Verdict`, taken as it is.
Everything else (None, NaN, another type, an exception) is VOID with evidence: a checker's fault is never the answer's.
The name may also be that of a class with `read` and `check`, which is then the verifier itself.
A function or class may bring attacks of its own, as its attribute `attacks` (`audit/own.py`).
The fingerprint covers the bytes of the file. Relative paths are the working folder's; a task file may name a file beside it.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import inspect
import math
import os
import sys
from collections.abc import Callable
from numbers import Real
from pathlib import Path
from types import ModuleType
from typing import Any

from assay.core.errors import UsageError, did_you_mean
from assay.core.types import Finding, Json, Outcome, Reason, Verdict
from assay.verify.base import Verifier, failed, passed, voided


class FunctionVerifier:
    """A user's function with the protocol around it."""

    version = "1"

    def __init__(self, name: str, function: Callable[..., Any], fingerprint: str) -> None:
        self.name, self.fingerprint, self._function = name, fingerprint, function
        self._takes_prompt = _takes_prompt(name, function)
        self.attacks = getattr(function, "attacks", ())

    @classmethod
    def load(cls, name: str) -> Verifier:
        """Import the file or module and find the function in it. Raises UsageError with one sentence."""
        place, _, attribute = name.rpartition(":")
        if not place or not attribute:
            raise UsageError(f"verifier {name!r}: my_file.py:function or package.module:function would be right")
        module, fingerprint = _import(name, place)
        public = [each for each, value in vars(module).items() if callable(value) and not each.startswith("_")]
        found = getattr(module, attribute, None)
        if found is None:
            raise UsageError(f"verifier {name!r}: {place} defines no {attribute!r}{did_you_mean(attribute, public)}")
        if inspect.isclass(found) and hasattr(found, "read") and hasattr(found, "check"):
            made: Any = found()
            made.fingerprint = getattr(made, "fingerprint", fingerprint)
            if not isinstance(made, Verifier):
                raise UsageError(f"verifier {name!r}: the class {attribute} has no `name` and `version`")
            return made
        if not callable(found):
            raise UsageError(f"verifier {name!r}: {attribute} is a {type(found).__name__}, not a function")
        return cls(_short(place, attribute), found, fingerprint)

    def read(self, truth: Json) -> Json:
        return truth

    def check(self, truth: Json, response: str, prompt: str = "") -> Finding:
        try:
            if self._takes_prompt:
                return finding(self._function(response, truth, prompt=prompt))
            return finding(self._function(response, truth))
        except SystemExit as error:  # the one exit that is not an Exception, and that a function may well raise
            return voided(Reason.VERIFIER_ERROR, error=f"{self.name} called exit({error.code})")


def beside(name: str, folder: Path) -> str:
    """The verifier's name with its file found in `folder`, where the file that names it lies, if it is not found here."""
    place, _, attribute = name.rpartition(":")
    if not place.endswith(".py") or Path(place).expanduser().is_file() or not (folder / place).is_file():
        return name
    return f"{folder / place}:{attribute}"


def finding(value: Any) -> Finding:
    """What a user's function returned, as a Finding."""
    if isinstance(value, Finding):
        return value
    if isinstance(value, Verdict):
        return Finding(value.outcome, value.reason, value.answer, value.evidence, value.score)
    if isinstance(value, Outcome):
        if value is Outcome.VOID:
            return voided(Reason.VERIFIER_ERROR, error="the function returned VOID")
        return passed() if value is Outcome.PASS else failed(Reason.WRONG_VALUE)
    if type(value).__module__ == "numpy" and getattr(value, "shape", None) == ():
        value = value.item()  # numpy's own bool is no Real
    if isinstance(value, Real):  # bool is one too
        score = float(value)
        if not math.isfinite(score):
            return voided(Reason.NOT_FINITE, error=f"the function returned {score}")
        if not 0.0 <= score <= 1.0:
            return voided(Reason.VERIFIER_ERROR, error=f"the function returned {score:g}; a score lies in [0, 1]")
        if score == 1.0:
            return passed()
        return Finding(Outcome.FAIL, Reason.WRONG_VALUE, None, {"score": score}, score)
    if inspect.iscoroutine(value):
        value.close()
    kind = f"{type(value).__module__}.{type(value).__name__}".removeprefix("builtins.")
    return voided(
        Reason.VERIFIER_ERROR, error=f"the function returned {kind}; a bool or a score in [0, 1] would be right"
    )


def _takes_prompt(name: str, function: Callable[..., Any]) -> bool:
    """Whether it takes `prompt=`. Raises UsageError when it cannot be called with a response and a truth."""
    if inspect.iscoroutinefunction(function):
        raise UsageError(f"verifier {name!r} is an async function; a plain one would be right")
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some functions written in C do not tell
        return False
    for extra in ({"prompt": ""}, {}):
        try:
            signature.bind("", "", **extra)
        except TypeError:
            continue
        return bool(extra)
    raise UsageError(f"verifier {name!r} takes {signature}; (response, truth), or with prompt, would be right")


def _import(name: str, place: str) -> tuple[ModuleType, str]:
    """The module, and 12 hex digits over its source."""
    if place.endswith(".py") or "/" in place or os.sep in place:
        path = Path(place).expanduser()
        if not path.is_file():
            beside = [each.name for each in path.parent.glob("*.py")] if path.parent.is_dir() else []
            raise UsageError(f"verifier {name!r}: there is no file {place}{did_you_mean(path.name, beside)}")
        source = path.read_bytes()
        digest = hashlib.sha256(source).hexdigest()[:12]
        return _run(name, path.resolve(), f"assay_user_{digest}_{path.stem}"), digest
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        with contextlib.redirect_stdout(sys.stderr):  # stdout may hold our own output, as JSON
            module = importlib.import_module(place)
    except (Exception, SystemExit) as error:  # a user's module may raise anything
        raise UsageError(f"verifier {name!r}: {place} cannot be imported ({_short_error(error)})") from error
    file = getattr(module, "__file__", None)
    source = Path(file).read_bytes() if file and Path(file).is_file() else place.encode()
    return module, hashlib.sha256(source).hexdigest()[:12]


def _run(name: str, path: Path, module_name: str) -> ModuleType:
    """Import a file by its path, with its folder at the end of the module path so that it finds its neighbours."""
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"verifier {name!r}: {path.name} is not a Python file; its name should end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # dataclasses look their module up
    try:
        with contextlib.redirect_stdout(sys.stderr):
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # a user's file may raise anything
        del sys.modules[module_name]
        raise UsageError(f"verifier {name!r}: {path.name} cannot be loaded ({_short_error(error)})") from error
    return module


def _short(place: str, attribute: str) -> str:
    """The name that verdicts carry: without the folders, which differ between machines."""
    return f"{Path(place).name}:{attribute}" if place.endswith(".py") else f"{place}:{attribute}"


def _short_error(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return f"SyntaxError: {error.msg}, line {error.lineno}"
    return f"{type(error).__name__}: {error}"[:200]
