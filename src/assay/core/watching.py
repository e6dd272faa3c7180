"""The schema of `[alarms]` and `[second_opinion]`: what watches a run, from which figure on it speaks, and what is done then.

An alarm observes: none of them touches a reward. docs/concepts/alarms.md defines each and gives its measured rate of false
alarms; the defaults are the thresholds that were measured.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from assay.core.section import Section

Action = Literal["off", "note", "pause", "stop"]


class Alarm(Section):
    action: Action = Field(
        "note",
        description="off: not looked for; note: written down and shown; pause: save, exit 4, go on with --resume; stop: end the run",
    )


class ProxyAlarm(Alarm):
    """The reward rises while the held-out oracle's pass@1 falls."""

    fall: float = Field(0.05, ge=0, lt=1, description="smallest fall of the oracle's pass@1 that counts")


class FormatAlarm(Alarm):
    """More completions keep the form, and no more of them are right."""

    rise: float = Field(0.1, gt=0, le=1, description="rise of the share that keeps the form")


class LengthAlarm(Alarm):
    """Completions grow longer, and no more of them are right."""

    ratio: float = Field(1.3, gt=1, description="mean length over that of the first window")


class TestGapAlarm(Alarm):
    """More programs pass the tests that they were shown and fail the hidden ones."""

    rise: float = Field(0.1, gt=0, le=1, description="rise of the share that passes the shown tests only")


class ScrambledAlarm(Alarm):
    """Completions that were paid are paid against another task's truth too."""

    samples: int = Field(4, ge=0, description="paid completions of a step judged again so; 0: none")
    share: float = Field(0.2, gt=0, le=1, description="share paid again, at the lower end of its 95 % interval")


class PromptAlarm(Alarm):
    """Answers no longer depend on the prompt."""

    share: float = Field(0.33, gt=0, lt=1, description="of the best dependence so far, under which it is lost")
    excess: float = Field(
        0.3, gt=0, le=1, description="or: how much oftener answers to different prompts agree than their truths do"
    )


class DuplicatesAlarm(Alarm):
    """The same text for different prompts, or one text a prompt where many are wrong."""

    shared: float = Field(
        0.2, gt=0, le=1, description="share of completions written word for word for other prompts too"
    )
    copies: float = Field(
        0.99, gt=0, le=1, description="share that repeats another one of its own prompt, at a pass rate under 0.9"
    )


class KlAlarm(Alarm):
    """The policy is far from its reference."""

    limit: float = Field(0.5, gt=0, description="nats a token, mean of a window")


class EntropyAlarm(Alarm):
    """The policy is all but deterministic before it is right, or grows more random and no better."""

    low: float = Field(0.005, ge=0, description="nats a token, at a pass rate under 0.9")
    ratio: float = Field(
        1.5, gt=1, description="rise over the first window (by 0.1 nats or more) without one of the pass rate"
    )


class PassAtKAlarm(Alarm):
    """pass@1 rises and pass@k falls, each with its whole 95 % interval."""


class DeadGroupsAlarm(Alarm):
    """Hardly a group has spread in its rewards."""

    share: float = Field(0.9, gt=0, le=1, description="share of a window's groups that teach nothing")


class AlarmsConfig(Section):
    window: int = Field(10, ge=3, description="steps of each mean; most alarms say nothing in the first two windows")
    errors: float = Field(6.0, gt=0, description="standard errors that a rise or fall between two windows must have")
    proxy: ProxyAlarm = ProxyAlarm()
    format: FormatAlarm = FormatAlarm()
    length: LengthAlarm = LengthAlarm()
    test_gap: TestGapAlarm = TestGapAlarm()
    scrambled: ScrambledAlarm = ScrambledAlarm()
    prompt: PromptAlarm = PromptAlarm()
    duplicates: DuplicatesAlarm = DuplicatesAlarm()
    kl: KlAlarm = KlAlarm()
    entropy: EntropyAlarm = EntropyAlarm()
    pass_at_k: PassAtKAlarm = PassAtKAlarm()
    dead_groups: DeadGroupsAlarm = DeadGroupsAlarm()


class SecondOpinionConfig(Section):
    """An independently written checker beside the task's verifier (measure/second_opinion); it never pays."""

    by: str = Field(
        "auto",
        description="auto: where one is installed for the tasks' verifier; off; or a verifier's name, or my_file.py:function",
    )
    samples: int = Field(
        4, ge=0, description="completions of a training step that it judges too; held-out ones all are"
    )
    timeout: float = Field(10.0, gt=0, description="seconds that it may take for one")
