"""The process that calls somebody else's reward function: `python -m assay.audit.foreign_worker LAYOUT PLACE`.

One JSON object in per line ({"prompt", "response", "truth"}), one out ({"score": number or null} or {"error": str}).
What the function prints is thrown away: stdout carries answers only. Shapes as the frameworks call them: TRL 1.16
(`reward_funcs`), verl 0.9 (`compute_score`), OpenRLHF 0.11 (`reward_func`).
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import math
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from assay.core.types import Json
from assay.sandbox.supervisor import die_with_parent

Call = Callable[[str, str, Json], Any]

TRUTH_COLUMNS = ("answer", "solution", "ground_truth", "target", "label", "labels", "gold")
"""Names under which TRL data sets hold the truth; a function gets those that it asks for, or all if it takes **kwargs."""


def load_call(layout: str, place: str) -> Call:
    """The function as (prompt, response, truth) -> whatever it returns."""
    if layout == "trl":
        module, _, name = place.rpartition(".")
        return _trl(getattr(importlib.import_module(module), name))
    file, _, name = place.partition(":") if layout == "verl" else (place, "", "reward_func")
    function = getattr(_module(Path(file)), name or "compute_score")
    return _verl(function) if layout == "verl" else _openrlhf(function)


def score_of(value: Any) -> float | None:
    """The number in what a reward function returned; None stays None (TRL: no reward for this row)."""
    if isinstance(value, Mapping):
        value = value.get("score", value.get("rewards"))
    if hasattr(value, "tolist"):  # a tensor or an array
        value = value.tolist()
    while isinstance(value, (list, tuple)):
        if len(value) != 1:
            raise ValueError(f"{len(value)} scores for one response")
        value = value[0]
    if value is None:
        return None
    score = float(value)
    if not math.isfinite(score):
        raise ValueError(f"a score of {score}")
    return score


def _trl(function: Callable[..., Any]) -> Call:
    takes = inspect.signature(function).parameters
    takes_all = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in takes.values())

    def call(prompt: str, response: str, truth: Json) -> Any:
        given: dict[str, Any] = {key: [truth] for key in TRUTH_COLUMNS}
        given |= {
            "prompts": [[{"role": "user", "content": prompt}]],
            "completions": [[{"role": "assistant", "content": response}]],
            "completion_ids": [[]],
            "trainer_state": None,
            "log_extra": lambda *args, **kwargs: None,
            "log_metric": lambda *args, **kwargs: None,
        }
        return function(**(given if takes_all else {name: given[name] for name in given if name in takes}))

    return call


def _verl(function: Callable[..., Any]) -> Call:
    return lambda prompt, response, truth: function(
        data_source="assay", solution_str=response, ground_truth=truth, extra_info={"question": prompt}
    )


def _openrlhf(function: Callable[..., Any]) -> Call:
    return lambda prompt, response, truth: function([prompt + response], [prompt], [truth])


def _module(file: Path) -> Any:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def serve(call: Call, lines: IO[bytes], out: IO[bytes]) -> None:
    for line in lines:
        asked = json.loads(line)
        try:
            answer: Json = {"score": score_of(call(asked["prompt"], asked["response"], asked["truth"]))}
        # math-verify's time-out derives from BaseException, and a function may call sys.exit
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            answer = {"error": f"{type(error).__name__}: {error}"[:300]}
        out.write(json.dumps(answer).encode() + b"\n")
        out.flush()


def main() -> None:
    die_with_parent()
    answers = os.fdopen(os.dup(1), "wb")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    sys.path.insert(0, os.getcwd())
    layout, place = sys.argv[1:3]
    try:
        call = load_call(layout, place)
    except BaseException as error:  # noqa: BLE001 - a module that calls sys.exit as it loads cannot be loaded either
        answers.write(b"ready\n")
        answers.flush()
        for _ in sys.stdin.buffer:
            answers.write(json.dumps({"unloadable": f"{type(error).__name__}: {error}"[:300]}).encode() + b"\n")
            answers.flush()
        return
    answers.write(b"ready\n")
    answers.flush()
    serve(call, sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
