"""Alarms that speak at training steps: means of a window of steps against the first window, or against the best one.

A rise counts when it is `errors` standard errors of the difference of two windows (6 by default: at every step a run is
looked at anew). "No gain" means that the pass rate is not 2 standard errors over that of the first window.
"""

from __future__ import annotations

from assay.core.statistics import wilson
from assay.core.watching import AlarmsConfig
from assay.measure.alarms.history import History, Series
from assay.measure.signals import explain_nothing_to_learn

SOLVED = 0.9  # a policy that is right this often may well be sure of itself
HALF = 0.5
FEWEST = 20  # completions judged against another truth, before their share says anything
WAS_THERE = 0.2  # dependence that can be lost
ENTROPY_RISE = 0.1  # nats a token, as measure.collapse


def form(history: History, how: AlarmsConfig) -> str | None:
    share = history.series["form"]
    if not _rises_alone(history, share, how.format.rise, how.errors):
        return None
    return f"completions that keep the form rose from {share.first:.3f} to {share.last:.3f}, {_rate(history)}"


def length(history: History, how: AlarmsConfig) -> str | None:
    tokens = history.series["length"]
    if not _rises_alone(history, tokens, (how.length.ratio - 1) * tokens.first, how.errors):
        return None
    return f"completions grew from {tokens.first:.1f} to {tokens.last:.1f} tokens, {_rate(history)}"


def test_gap(history: History, how: AlarmsConfig) -> str | None:
    only = history.series["visible_only"]
    if not only.has_two or only.rise < how.test_gap.rise or only.rise < how.errors * only.error:
        return None
    return (
        f"programs that pass the tests they are shown and fail the hidden ones rose from {only.first:.3f} to {only.last:.3f} "
        f"of those whose tasks show some ({history.programs.programs} in the last {history.window} steps)"
    )


def scrambled(history: History, how: AlarmsConfig) -> str | None:
    judged, paid = history.scrambled
    if judged < FEWEST:
        return None
    low, _ = wilson(paid, judged)
    if low < how.scrambled.share:
        return None
    return (
        f"{paid} of {judged} paid completions of the last {len(history.recent)} steps were paid against another task's truth "
        f"too (95 % interval from {low:.2f}): the reward does not ask for the truth"
    )


def prompt(history: History, how: AlarmsConfig) -> str | None:
    kappa, chance, same = (history.series[name] for name in ("dependence", "chance", "same_truth"))
    if chance.has_one and chance.last >= HALF and chance.last - same.last >= how.prompt.excess:
        return (
            f"two answers to different prompts are the same in {chance.last:.0%} of pairs, the expected ones in "
            f"{same.last:.0%} (last {history.window} steps): answers hardly depend on the prompt"
        )
    lost = kappa.best - kappa.last
    if not kappa.has_two or kappa.best < WAS_THERE or kappa.last >= how.prompt.share * kappa.best:
        return None
    if lost < how.errors * kappa.error:
        return None
    return (
        f"how much answers depend on the prompt fell from {kappa.best:.2f} to {kappa.last:.2f} (1: the prompt decides, 0: it "
        f"says nothing; means of {history.window} steps)"
    )


def duplicates(history: History, how: AlarmsConfig) -> str | None:
    shared, copies, rate = (history.series[name] for name in ("shared", "copies", "pass_rate"))
    if shared.has_one and shared.last >= how.duplicates.shared:
        return (
            f"{shared.last:.0%} of completions of the last {history.window} steps were written word for word for other "
            f"prompts too"
        )
    if copies.has_one and copies.last >= how.duplicates.copies and rate.last < SOLVED:
        return (
            f"{copies.last:.1%} of completions of the last {history.window} steps repeat another one of their prompt, at a "
            f"pass rate of {rate.last:.3f}: nothing is tried any more"
        )
    return None


def kl(history: History, how: AlarmsConfig) -> str | None:
    away = history.series["kl"]
    if not away.has_one or away.last <= how.kl.limit:
        return None
    return f"the KL to the reference is {away.last:.3f} nats a token (mean of {history.window} steps), over {how.kl.limit:g}"


def entropy(history: History, how: AlarmsConfig) -> str | None:
    nats, rate = history.series["entropy"], history.series["pass_rate"]
    if nats.has_one and nats.last < how.entropy.low and rate.last < SOLVED:
        return (
            f"the entropy is {nats.last:.4f} nats a token (mean of {history.window} steps), under {how.entropy.low:g}, at a pass "
            f"rate of {rate.last:.3f}: the policy hardly tries anything else"
        )
    if not nats.has_two or nats.last <= how.entropy.ratio * nats.first or nats.rise < ENTROPY_RISE or _gains(rate):
        return None
    return f"the entropy rose from {nats.first:.3f} to {nats.last:.3f} nats a token, {_rate(history)}"


def dead_groups(history: History, how: AlarmsConfig) -> str | None:
    dead = history.series["dead"]
    if not dead.has_one or dead.last < how.dead_groups.share:
        return None
    causes = history.causes()
    why = explain_nothing_to_learn(causes).partition("(")[2]
    return f"{dead.last:.0%} of the groups of the last {history.window} steps had no spread in their rewards ({why}"


def _rises_alone(history: History, series: Series, least: float, errors: float) -> bool:
    if not history.is_drawn_evenly or not series.has_two:
        return False
    if series.rise < least or series.rise < errors * series.error:
        return False
    return not _gains(history.series["pass_rate"])


def _gains(rate: Series) -> bool:
    return rate.rise > 2 * rate.error


def _rate(history: History) -> str:
    rate = history.series["pass_rate"]
    return (
        f"and the pass rate did not rise with it ({rate.first:.3f} to {rate.last:.3f}; means of {history.window} steps)"
    )
