"""Runs made of numbers: what the alarms are given, step by step."""

import random

from assay.core.config import RunConfig
from assay.measure.alarms.facts import Shown, StepFacts
from assay.measure.alarms.watch import Watch
from assay.measure.evaluation import Evaluation, Problem

CAUSES = {"informative": 8, "all_right": 4, "all_wrong": 4, "all_unparsed": 0, "flat": 0}


def facts(step, **more):
    """A step of an honest run that neither gains nor loses."""
    made = {
        "step": step,
        "reward": 0.5,
        "pass_rate": 0.5,
        "length": 20.0,
        "entropy": 0.3,
        "kl": 0.02,
        "causes": CAUSES,
        "level": None,
        "scrambled": (4, 0),
        "form": 0.8,
        "agreement": 0.6,
        "chance": 0.02,
        "same_truth": 0.02,
        "copies": 0.7,
        "shared": 0.0,
        "tests": Shown(),
    }
    return StepFacts(**(made | more))


def jitter(seed, middle, count, width=0.02):
    draw = random.Random(seed)
    return [middle + draw.uniform(-width, width) for _ in range(count)]


def raised(rows, evaluations=(), **config):
    """(step, alarm) of everything raised, in order; an evaluation follows its step."""
    return [(each.step, each.alarm) for each in watched(rows, evaluations, **config)]


def watched(rows, evaluations=(), **config):
    watch = Watch(RunConfig(**config))
    waiting = {each.step: each for each in evaluations}
    found = [*(watch.evaluation(waiting.pop(0)) if 0 in waiting else ())]
    for row in rows:
        found += watch.step(row)
        if row.step in waiting:
            found += watch.evaluation(waiting.pop(row.step))
    assert not waiting
    return found


def evaluation(step, right, *, oracle=None, lengths=10, rewards=None, samples=4, problems=48, k=(1, 4), answered=4):
    """Every problem has `right` of its samples right (a number, or a function of its place); `oracle` and `rewards` alike."""

    def of(what, place):
        return what(place) if callable(what) else what

    made = tuple(
        Problem(
            f"p{i}",
            tuple(j < of(right, i) for j in range(samples)),
            tuple("x" if j < answered else None for j in range(samples)),
            (lengths,) * samples,
            None,
            0,
            () if rewards is None else (of(rewards, i),) * samples,
            () if oracle is None else tuple(j < of(oracle, i) for j in range(samples)),
        )
        for i in range(problems)
    )
    named = "" if oracle is None else "choice@1#abc"
    return Evaluation(step, "during", "m", samples, 1.0, k, 0, ("v",), made, "chain", named)
