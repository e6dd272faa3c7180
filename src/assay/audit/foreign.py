"""Other people's reward functions as judges, so that the same battery meets them.

A score above zero is a PASS here: it is what a policy would be paid. The function runs in a process of its own
(`foreign_worker`), is killed when it exceeds its time (FAIL timeout) and started again; whatever it raises is VOID,
because a response whose text breaks a reward function is a hole.
"""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from types import TracebackType
from typing import Literal, get_args

from assay.audit.foreign_worker import score_of
from assay.audit.witness import as_text, unboxed
from assay.core.errors import EnvironmentFault, UsageError
from assay.core.types import Json, Outcome, Reason, Task, Verdict
from assay.sandbox.supervisor import End, Supervisor
from assay.verify.pool import JudgeRequest

Layout = Literal["trl", "verl", "openrlhf", "http"]
START_SECONDS = 120.0  # a reward module may import torch and a model library


@dataclass(frozen=True, slots=True)
class ForeignReward:
    """`place`: MODULE.FUNC for trl, FILE:FUNC for verl, FILE for openrlhf, a URL for http (OpenRLHF's body)."""

    layout: Layout
    place: str

    @property
    def name(self) -> str:
        return f"{self.layout}:{self.place}"


def parse_reward(spec: str) -> ForeignReward:
    """Raises UsageError for anything but `trl:MODULE.FUNC`, `verl:FILE:FUNC`, `openrlhf:FILE` or `http(s)://...`."""
    layout, _, place = spec.partition(":")
    if layout in ("http", "https"):
        url = spec if place.startswith("//") else place
        if url.startswith(("http://", "https://")):
            return ForeignReward("http", url)
    elif layout in get_args(Layout) and place and (layout != "trl" or "." in place):
        return ForeignReward(layout, place)  # type: ignore[arg-type]
    raise UsageError(
        f"--reward {spec}: one of trl:MODULE.FUNC, verl:FILE:compute_score, openrlhf:FILE or http:URL would be right"
    )


def foreign_tasks(tasks: Sequence[Task], reward: ForeignReward) -> list[Task]:
    """The tasks with this reward in place of their verifier, and the truth as the plain text that such functions take."""
    return [replace(task, verifier=reward.name, truth=_plain_truth(task.truth)) for task in tasks]


class ForeignJudges:
    """Judges by a foreign reward. Use it as a context manager; one process, requests in order."""

    def __init__(self, reward: ForeignReward, timeout: float = 10.0) -> None:
        self._reward, self._timeout = reward, timeout
        self._supervisor: Supervisor | None = None

    def __enter__(self) -> ForeignJudges:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._supervisor is not None:
            self._supervisor.close()
            self._supervisor = None

    def judge_many(self, requests: Sequence[JudgeRequest]) -> list[Verdict]:
        """Raises EnvironmentFault when the function cannot be loaded or the server cannot be reached."""
        return [self._judge(each) for each in requests]

    def _judge(self, request: JudgeRequest) -> Verdict:
        start = perf_counter()
        answer = self._over_http(request) if self._reward.layout == "http" else self._in_process(request)
        return _verdict(answer, self._reward.name, perf_counter() - start)

    def _in_process(self, request: JudgeRequest) -> Mapping[str, Json]:
        if self._supervisor is None:
            command = (sys.executable, "-m", "assay.audit.foreign_worker", self._reward.layout, self._reward.place)
            self._supervisor = Supervisor(command, 1, start_timeout=START_SECONDS)
        row = {"prompt": request.prompt, "response": request.response, "truth": request.truth}
        reply = self._supervisor.ask(json.dumps(row).encode(), self._timeout)
        if reply.end is End.TIMEOUT:
            return {"timeout": self._timeout}
        if reply.end is End.LOST:
            return {"error": reply.detail}
        answer: Mapping[str, Json] = json.loads(reply.lines[0])
        if "unloadable" in answer:
            raise EnvironmentFault(f"{self._reward.name} cannot be loaded: {answer['unloadable']}")
        return answer

    def _over_http(self, request: JudgeRequest) -> Mapping[str, Json]:
        body = {
            "query": [request.prompt + request.response],
            "prompts": [request.prompt],
            "labels": [request.truth],
        }
        asked = urllib.request.Request(
            self._reward.place, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(asked, timeout=self._timeout) as response:
                return {"score": score_of(json.loads(response.read(1 << 20)))}
        except TimeoutError:
            return {"timeout": self._timeout}
        except urllib.error.HTTPError as error:
            return {"error": f"HTTP {error.code}"}
        except (urllib.error.URLError, ConnectionError) as error:
            raise EnvironmentFault(f"{self._reward.place} cannot be reached: {error}") from None
        except (ValueError, TypeError) as error:
            return {"error": f"not a reward: {error}"}


def _verdict(answer: Mapping[str, Json], name: str, seconds: float) -> Verdict:
    if "timeout" in answer:
        return Verdict(Outcome.FAIL, 0.0, Reason.TIMEOUT, None, {}, name, seconds)
    if "error" in answer:
        return Verdict(Outcome.VOID, 0.0, Reason.VERIFIER_ERROR, None, {"error": answer["error"]}, name, seconds)
    score = answer.get("score")
    if score is None:  # TRL: this row has no reward
        return Verdict(Outcome.FAIL, 0.0, Reason.UNDECIDED, None, {}, name, seconds)
    evidence = {"score": score}
    if score > 0:
        return Verdict(Outcome.PASS, min(score, 1.0), Reason.CORRECT, None, evidence, name, seconds)
    return Verdict(Outcome.FAIL, 0.0, Reason.WRONG_VALUE, None, evidence, name, seconds)


def _plain_truth(truth: Json) -> str:
    answer = truth.get("answer", truth) if isinstance(truth, Mapping) else truth
    return unboxed(as_text(answer[0] if isinstance(answer, list) and answer else answer))
