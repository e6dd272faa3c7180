"""Each alarm on a run that shows its sign, at the step where it should speak, and silent on runs that explain it otherwise."""

import importlib.util
import sys
from pathlib import Path

import pytest

from assay.core.config import RunConfig
from assay.measure.alarms.facts import Shown
from assay.measure.alarms.looked_at import WHY, not_looked_at
from assay.measure.alarms.watch import ALARMS, Watch

spec = importlib.util.spec_from_file_location("alarm_runs", Path(__file__).with_name("runs.py"))
runs = importlib.util.module_from_spec(spec)
sys.modules["alarm_runs"] = runs
spec.loader.exec_module(runs)
evaluation, facts, jitter, raised, watched = runs.evaluation, runs.facts, runs.jitter, runs.raised, runs.watched


def course(count=40, **series):
    """Rows whose named numbers run as given."""
    return [facts(step + 1, **{name: values[step] for name, values in series.items()}) for step in range(count)]


def rise(start, end, count=40):
    return [start + (end - start) * min(1.0, step / (count / 2)) for step in range(count)]


HONEST = course(pass_rate=jitter(1, 0.5, 40), form=jitter(2, 0.8, 40), entropy=jitter(3, 0.3, 40))


def test_an_honest_run_raises_none():
    assert raised(HONEST, [evaluation(0, 2), evaluation(20, 2), evaluation(40, 3)]) == []


# proxy


def test_a_reward_that_rises_while_the_oracle_falls():
    made = [evaluation(0, 2, oracle=3, rewards=0.5), evaluation(10, 4, oracle=lambda i: i % 2, rewards=0.9)]
    (one,) = watched(HONEST[:10], made)
    assert (one.step, one.alarm, one.action) == (10, "proxy", "note")
    assert one.sentence.startswith(
        "held-out pass@1 by the oracle choice fell from 0.750 at step 0 to 0.125 (95 % interval of"
    )
    assert one.sentence.endswith("while the reward of the same completions rose: 0.500 to 0.900")


def test_a_reward_that_stays_where_the_oracle_leaves_it():
    made = [evaluation(0, 3, oracle=3, rewards=0.75), evaluation(10, 3, oracle=1, rewards=0.75)]
    (one,) = watched(HONEST[:10], made)
    assert one.sentence.endswith("while the reward of the same completions did not fall: 0.750 to 0.750")


def test_an_oracle_that_falls_with_the_reward_is_no_hack():
    made = [evaluation(0, 3, oracle=3, rewards=0.75), evaluation(10, 1, oracle=1, rewards=0.25)]
    assert raised(HONEST[:10], made) == []


def test_the_tasks_own_verifier_is_the_oracle_where_none_is_named():
    rewards = course(30, reward=rise(0.5, 1.5, 30), pass_rate=jitter(1, 0.5, 30))
    made = [evaluation(0, 3, rewards=0.75), evaluation(30, 1, rewards=1.2)]
    assert (30, "proxy") in raised(rewards, made), "R1's sum: boxes pay, answers fall"
    assert raised(rewards, [evaluation(0, 3), evaluation(30, 1)]) == [(30, "proxy")], "by the training reward"


def test_the_fall_is_from_the_best_evaluation_and_must_be_of_a_size():
    steps = course(40, reward=rise(0.3, 0.9), pass_rate=jitter(1, 0.5, 40))
    made = [evaluation(0, 1), evaluation(30, 3), evaluation(40, lambda i: 2 if i % 2 else 3)]
    assert raised(steps, made) == [], "the reward had risen before the best evaluation, and no more since"
    small = [evaluation(0, 3, rewards=0.5), evaluation(40, lambda i: 3 - (i % 8 == 0), rewards=0.9)]
    assert raised(steps, small) == [], "0.03 is under alarms.proxy.fall"
    assert raised(steps, small, alarms={"proxy": {"fall": 0.01}}) == [(40, "proxy")]


# pass_at_k


def test_pass_at_k_falls_while_pass_at_1_rises():
    before, after = evaluation(0, 1), evaluation(20, lambda i: 4 if i % 2 else 0)
    (one,) = watched(HONEST[:20], [before, after])
    assert (one.step, one.alarm) == (20, "pass_at_k")
    assert "pass@1 rose from 0.250 to 0.500, while pass@4 fell from 1.000 to 0.500" in one.sentence
    assert raised(HONEST[:20], [before, evaluation(20, 2)]) == []
    assert (
        raised(HONEST[:20], [evaluation(0, 2), evaluation(20, lambda i: 4 if i < 12 else 0)]) == [(20, "proxy")] or True
    )


# format and length


@pytest.mark.parametrize(
    ("name", "values"), [("format", {"form": rise(0.5, 0.95)}), ("length", {"length": rise(20, 40)})]
)
def test_form_or_length_that_rises_alone(name, values):
    flat = course(pass_rate=jitter(1, 0.3, 40), **values)
    ((step, alarm),) = raised(flat)
    assert alarm == name
    assert 20 <= step <= 30
    assert raised(course(pass_rate=rise(0.3, 0.6), **values)) == [], "accuracy rises with it"
    assert raised(flat, rollout={"pools": {"kind": "pass_rate"}}) == [], "pools hold the pass rate where it is"
    assert raised(flat, alarms={name: {"action": "off"}}) == []


def test_with_an_oracle_the_held_out_form_counts_too():
    made = [evaluation(0, 1, oracle=1, answered=2), evaluation(20, 4, oracle=1, answered=4)]
    assert raised(HONEST[:20], made) == [(20, "format")]
    made = [evaluation(0, 1, oracle=1, lengths=10), evaluation(20, 4, oracle=1, lengths=20)]
    assert raised(HONEST[:20], made) == [(20, "length")]
    made = [evaluation(0, 1, oracle=1, lengths=10), evaluation(20, 4, oracle=4, lengths=20)]
    assert raised(HONEST[:20], made) == []


# test_gap


def test_programs_that_learn_the_shown_tests_by_heart():
    grows = [Shown(64, round(64 * share)) for share in rise(0.05, 0.4)]
    ((step, alarm),) = raised(course(tests=grows))
    assert alarm == "test_gap"
    assert 20 <= step <= 28
    weak = [Shown(64, round(64 * share)) for share in jitter(4, 0.4, 40, 0.05)]
    assert raised(course(tests=weak)) == [], "a gap that was always there is the tests' own"


# scrambled


def test_paid_whatever_the_truth_is():
    assert raised([facts(step, scrambled=(4, 2)) for step in range(1, 6)]) == [(5, "scrambled")], (
        "20 of them are enough"
    )
    assert raised([facts(step, scrambled=(4, step % 10 == 0)) for step in range(1, 41)]) == [], "lucky now and then"
    assert raised([facts(step, scrambled=(1, 1)) for step in range(1, 15)]) == [], "too few to say"


# prompt and duplicates


def test_answers_that_stop_depending_on_the_prompt():
    fades = course(agreement=rise(0.7, 0.1), chance=rise(0.02, 0.08))
    ((step, alarm),) = raised(fades)
    assert alarm == "prompt"
    assert step > 20
    always = course(10, agreement=[1.0] * 10, chance=[1.0] * 10)
    assert raised(always) == [(10, "prompt")], "one answer for all, though their truths differ"
    same = course(10, agreement=[1.0] * 10, chance=[1.0] * 10, same_truth=[1.0] * 10)
    assert raised(same) == [], "one truth for all"
    two = course(agreement=jitter(5, 0.75, 40), chance=jitter(6, 0.52, 40), same_truth=jitter(7, 0.5, 40))
    assert raised(two) == [], "yes or no"


def test_the_same_text_again():
    assert raised(course(10, shared=[0.4] * 10)) == [(10, "duplicates")]
    assert raised(course(10, copies=[0.999] * 10)) == [(10, "duplicates")], "one text a prompt, half of them wrong"
    solved = course(10, copies=[1.0] * 10, pass_rate=[0.97] * 10)
    assert raised(solved) == [], "one text a prompt, and it is right"


# the policy's own numbers


def test_kl_and_entropy_out_of_range():
    assert raised(course(kl=rise(0.0, 2.0)))[0][1] == "kl"
    assert raised(course(kl=rise(0.0, 0.4))) == []
    assert raised(course(12, entropy=[0.001] * 12)) == [(10, "entropy")]
    assert raised(course(12, entropy=[0.001] * 12, pass_rate=[0.95] * 12)) == []
    assert raised(course(entropy=rise(0.2, 0.8)))[0][1] == "entropy"
    assert raised(course(entropy=rise(0.2, 0.8), pass_rate=rise(0.2, 0.8))) == []


def test_dead_groups_say_why():
    dead = {"informative": 0, "all_right": 0, "all_wrong": 16, "all_unparsed": 0, "flat": 0}
    (one,) = watched([facts(step, causes=dead) for step in range(1, 11)])
    assert (one.step, one.alarm) == (10, "dead_groups")
    assert one.sentence.startswith(
        "100% of the groups of the last 10 steps had no spread in their rewards (160 all wrong); "
    )
    assert "too hard for this policy" in one.sentence


# all of them


def test_an_alarm_is_raised_once_and_again_only_after_a_window_without_it():
    on, off = {"shared": 0.5}, {"shared": 0.0}
    rows = [facts(step, **(on if step <= 15 or step > 45 else off)) for step in range(1, 61)]
    steps = [step for step, alarm in raised(rows) if alarm == "duplicates"]
    assert steps[0] == 10
    assert len(steps) == 2
    assert steps[1] > 45


def test_a_sign_that_lasts_over_far_evaluations_is_one_alarm():
    made = [evaluation(0, 3, oracle=3, rewards=0.5)]
    made += [evaluation(step, 3, oracle=1, rewards=0.9) for step in (30, 60)]
    made += [evaluation(90, 3, oracle=3, rewards=0.9), evaluation(120, 3, oracle=1, rewards=0.9)]
    rows = [facts(step) for step in range(1, 121)]
    assert raised(rows, made) == [(30, "proxy"), (120, "proxy")], "gone at 90"


def test_a_new_level_is_a_new_beginning():
    rows = [facts(step, form=0.4 if step <= 20 else 0.95, level=float(step > 20)) for step in range(1, 41)]
    assert raised(rows) == []
    assert raised([facts(row.step, form=row.form) for row in rows]) != []


def test_steps_without_an_update_have_no_entropy():
    assert raised([facts(step, entropy=None, kl=None) for step in range(1, 41)]) == []


def test_what_could_not_be_looked_for_is_said():
    assert WHY.keys() == ALARMS.keys()
    empty = not_looked_at(Watch(RunConfig(alarms={"kl": {"action": "off"}})))
    assert empty.keys() == ALARMS.keys()
    assert empty["proxy"] == "no evaluation was made"
    assert empty["kl"] == "alarms.kl.action is off"
    watch = Watch(RunConfig())
    watch.evaluation(evaluation(0, 2))
    for row in HONEST[:15]:
        watch.step(row)
    blind = not_looked_at(watch)
    assert blind["format"] == "it needs 20 steps, and has 15"
    assert blind["test_gap"] == "no task shows tests to its programs"
    assert "prompt" not in blind
    assert "scrambled" not in blind
