"""What a step draws: the plain walk, and pools, replay, levels and group sizes as functions of what a run folder holds."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.config import RunConfig, TasksConfig
from assay.core.drawing import Pools, SizeByDifficulty
from assay.core.errors import ConfigError
from assay.core.run_folder import RolloutRow
from assay.core.types import Message, Task
from assay.learn.curriculum import load_levels, tagged
from assay.learn.difficulty import Difficulty, Record, gain, share_out
from assay.learn.draw import Drawer
from assay.tasks.listed import ListedTasks


class Numbers:
    """Tasks t0, t1...; `length` None is endless."""

    split, fingerprint, name = "train", "numbers", "numbers"

    def __init__(self, length=5, start=0):
        self.length, self.start = length, start

    def task(self, position):
        number = self.start + position
        return Task(f"t{number}", (Message("user", str(number)),), "choice", "A", tags=(("even", "odd")[number % 2],))


def drawer_of(source, limit=None, seed=0, prompts=3, **rollout):
    rollout = {"prompts_per_step": prompts, "group_size": 8, **rollout}
    config = RunConfig(seed=seed, rollout=rollout, tasks={"limit": limit})
    return Drawer(config, source if isinstance(source, tuple) else (source,))


def row(step, task, passes, sample=0, split="train"):
    return RolloutRow(
        step, f"{step}-0", sample, task, "", "", None, "A", "pass" if passes else "fail", "correct", "v", {}, 0.0, {},
        0.0, 1, "stop", 0, 0, 0.0, split,
    )  # fmt: skip


def group(step, task, passes, size=8):
    return [row(step, task, place < passes, place) for place in range(size)]


def made(drawer, step, passes, more=0):
    """Draw a step in which every task is solved `passes(id)` times of 8; its ids, and what the folder would hold."""
    tasks = drawer.draw(step) + drawer.draw_more(step, more)
    rows = [each for task in tasks for each in group(step, task.id, passes(task.id))]
    rate = sum(each.outcome == "pass" for each in rows) / len(rows)
    metrics = {"step": step, "pass_rate": rate, **drawer.state()}
    drawer.record(metrics, rows)
    return [task.id for task in tasks], metrics, rows


def ids(drawer, steps):
    return [[task.id for task in drawer.draw(step)] for step in range(1, steps + 1)]


def test_each_epoch_is_a_permutation_of_its_own():
    walk = [each for step in ids(drawer_of(Numbers(5)), 10) for each in step]
    epochs = [walk[start : start + 5] for start in range(0, 30, 5)]
    assert all(Counter(epoch) == Counter(f"t{i}" for i in range(5)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 1


def test_a_plain_draw_is_a_function_of_seed_and_step():
    assert ids(drawer_of(Numbers(50)), 4) == ids(drawer_of(Numbers(50)), 4)
    assert ids(drawer_of(Numbers(50)), 4) != ids(drawer_of(Numbers(50), seed=1), 4)
    assert {each for step in ids(drawer_of(Numbers(50), limit=4), 9) for each in step} == {"t0", "t1", "t2", "t3"}
    assert ids(drawer_of(Numbers(None)), 2) == [["t0", "t1", "t2"], ["t3", "t4", "t5"]]
    drawer = drawer_of(Numbers(None))
    made(drawer, 7, lambda task: 3)
    assert ids(drawer, 2) == [["t0", "t1", "t2"], ["t3", "t4", "t5"]]
    assert drawer.position == 21


def test_further_rounds_move_the_walk_on():
    drawer = drawer_of(Numbers(None))
    first, metrics, _ = made(drawer, 1, lambda task: 3, more=2)
    assert (first, metrics["data_position"]) == ([f"t{i}" for i in range(5)], 5)
    assert [task.id for task in drawer.draw(2)] == ["t5", "t6", "t7"]


def test_pools_let_what_is_too_easy_or_too_hard_rest():
    drawer = drawer_of(Numbers(6), pools={"kind": "pass_rate", "easy": 0.9, "hard": 0.0, "rest": 6}, prompts=2)
    passes = {"t0": 8, "t1": 0}
    drawn, told = {}, {}
    for step in range(1, 41):
        drawn[step], told[step], _ = made(drawer, step, lambda task: passes.get(task, 4))
    for task in ("t0", "t1"):
        seen = [step for step, found in drawn.items() if task in found]
        assert all(later - sooner > 6 for sooner, later in pairwise(seen)), (task, seen)
    counts = Counter(task for found in drawn.values() for task in found)
    assert max(counts["t0"], counts["t1"]) < min(counts[f"t{i}"] for i in range(2, 6))
    assert sum(each["pools/skipped"] for each in told.values()) > 0
    assert (told[40]["pools/easy"], told[40]["pools/hard"], told[40]["pools/between"]) == (1, 1, 4)


def test_where_every_task_rests_the_next_one_is_drawn_all_the_same():
    drawer = drawer_of(Numbers(4), pools={"kind": "pass_rate", "rest": 100}, prompts=4)
    for step in (1, 2, 3):
        found, _, _ = made(drawer, step, lambda task: 8)
        assert len(found) == 4


def test_a_pass_rate_forgets_an_older_policy():
    difficulty = Difficulty()
    difficulty.see(group(1, "a", 8))
    assert difficulty.of("a") == Record(8, 8, 1, 1)
    difficulty.see(group(5, "a", 0))
    assert difficulty.of("a").rate == pytest.approx(4 / 12)
    assert (difficulty.of("a").seen, difficulty.of("a").solved) == (5, 1)
    difficulty.see([row(6, "a", True, split="held_out")])
    assert difficulty.of("a").seen == 5, "an evaluation is no training"
    assert difficulty.of("never").rate is None


REPLAY = {"kind": "solved", "probability": 0.5, "hard": 0.25, "recent": 10}


def test_hard_prompts_that_were_solved_come_back():
    drawer = drawer_of(Numbers(None), replay=REPLAY, prompts=4)
    passes = {"t1": 1, "t2": 0, "t3": 7}
    back = Counter()
    for step in range(1, 10):
        found, metrics, _ = made(drawer, step, lambda task: passes.get(task, 4))
        old = [task for task in found if int(task[1:]) <= 3] if step > 1 else []
        assert metrics["replay/prompts"] == len(old)
        assert len(set(found)) == 4
        back.update(old)
    assert set(back) == {"t1"}, "neither what was never solved nor what is easy comes back"
    assert back["t1"] >= 3
    walked = 9 * 4 - back["t1"]
    assert drawer.position == walked, "a prompt that comes back takes no position of the walk"


def test_what_was_solved_long_ago_stays_away():
    drawer = drawer_of(Numbers(None), replay={**REPLAY, "probability": 0.99, "recent": 3}, prompts=2)
    solved = {"t0": 1}
    found = {}
    for step in range(1, 9):
        found[step], _, _ = made(drawer, step, lambda task, step=step: solved.get(task, 0) if step == 1 else 0)
    assert [step for step in found if "t0" in found[step] and step > 1] == [2, 3, 4]


def test_the_next_level_opens_at_its_pass_rate_and_begins_at_its_first_task():
    levels = (Numbers(None), Numbers(None, 1000))
    curriculum = {"kind": "option", "values": [1, 2], "pass_rate": 0.5, "window": 2}
    drawer = drawer_of(levels, curriculum=curriculum)
    said = [made(drawer, step, lambda task, step=step: 8 if step in (2, 4, 5) else 0) for step in range(1, 8)]
    levels_drawn = [int(metrics["curriculum/level"]) for _, metrics, _ in said]
    assert levels_drawn == [0, 0, 1, 1, 1, 1, 1], "steps 1 and 2 have a mean of one half"
    assert said[2][0] == ["t1000", "t1001", "t1002"]


@pytest.mark.parametrize(
    "rollout",
    [
        {"pools": {"kind": "pass_rate", "easy": 0.8, "hard": 0.1, "rest": 4}, "replay": REPLAY},
        {"replay": REPLAY, "curriculum": {"kind": "option", "values": [1, 2], "pass_rate": 0.45, "window": 3}},
        {"group_sizes": {"kind": "difficulty", "least": 4, "most": 24}, "pools": {"kind": "pass_rate", "rest": 2}},
    ],
)
@pytest.mark.parametrize("stop", [1, 6, 13])
def test_a_drawer_restored_from_the_folder_draws_as_the_one_that_went_on(rollout, stop):
    levels = (Numbers(11), Numbers(11, 100)) if "curriculum" in rollout else Numbers(11)

    def passes(task):
        return int(task[1:]) * 5 % 9

    whole, half = drawer_of(levels, **rollout), drawer_of(levels, **rollout)
    metrics, rows, after = [], [], []
    for step in range(1, 25):
        found, said, written = made(whole, step, passes, more=step % 2)
        if step <= stop:
            metrics.append(said)
            rows += [{name: getattr(each, name) for name in ("step", "task", "outcome", "split")} for each in written]
        else:
            after.append((found, said))
    half.restore(metrics, iter(rows))
    again = [made(half, step, passes, more=step % 2)[:2] for step in range(stop + 1, 25)]
    assert again == after
    assert half.sizes([Numbers().task(i) for i in range(4)]) == whole.sizes([Numbers().task(i) for i in range(4)])


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=9),
    st.integers(2, 6),
    st.integers(0, 20),
    st.data(),
)
def test_sizes_hold_the_budget_and_the_bounds(counts, least, room, data):
    how = SizeByDifficulty(least=least, most=least + room)
    records = [Record(passes, passes + misses, 1, 0) for passes, misses in counts]
    total = data.draw(st.integers(least * len(records), (least + room) * len(records)))
    sizes = share_out(records, total, how)
    assert sum(sizes) == total
    assert all(how.least <= size <= how.most for size in sizes)
    for one, size in zip(records, sizes, strict=True):
        for other, its in zip(records, sizes, strict=True):
            # no completion would have been better placed in another group
            assert size == how.least or its == how.most or gain(one, size - 1) >= gain(other, its) - 1e-12


def test_tasks_near_no_or_every_pass_get_more():
    even, hard, easy, unseen = Record(16, 32, 1, 1), Record(1, 32, 1, 1), Record(31, 32, 1, 1), Record()
    sizes = share_out([even, hard, easy, unseen], 32, SizeByDifficulty(least=2, most=16))
    assert min(sizes[1], sizes[2]) > sizes[3] > sizes[0]
    assert abs(sizes[1] - sizes[2]) <= 1, "never and always are alike: only the last one handed out tells them apart"
    assert share_out([unseen] * 4, 32, SizeByDifficulty()) == [8] * 4


def test_gain_by_hand():
    # uniform p: E[p^n (1 - p)] + E[(1 - p)^n p] = 2 / ((n + 1) (n + 2))
    assert gain(Record(), 4) == pytest.approx(2 / 30)
    # never solved in 8: p from Beta(1, 9)
    assert gain(Record(0, 8), 1) == pytest.approx(2 * 9 / (10 * 11))


def test_a_budget_out_of_reach_is_refused():
    with pytest.raises(ValueError, match="cannot be 2 groups of 4 to 8"):
        share_out([Record()] * 2, 17, SizeByDifficulty(least=4, most=8))
    with pytest.raises(ValueError, match="group_size must lie between"):
        RunConfig(rollout={"group_size": 3, "group_sizes": {"kind": "difficulty", "least": 4}})


@pytest.mark.parametrize("choice", [{"pools": {"kind": "pass_rate"}}, {"group_sizes": {"kind": "difficulty"}}])
def test_a_source_without_end_has_no_pools(choice):
    with pytest.raises(ConfigError, match=r"numbers has no end.*tasks\.limit"):
        drawer_of(Numbers(None), **choice)
    drawer_of(Numbers(50), **choice)


def test_levels_are_the_source_with_its_option_set():
    config = RunConfig(tasks={"source": "chain"}, rollout={"curriculum": {"kind": "option", "values": [1, 3]}})
    assert [source.task(0).tags for source in load_levels(config)] == [("operations-3",), ("operations-7",)]
    assert len(load_levels(RunConfig(tasks={"source": "chain"}))) == 1
    with pytest.raises(ConfigError, match=r"tasks\.options"):
        load_levels(RunConfig(rollout={"curriculum": {"kind": "option", "option": "levle"}}))


def test_levels_by_tag():
    source = ListedTasks("numbers", "train", tuple(Numbers().task(i) for i in range(5)))
    assert [each.id for each in tagged(source, "odd").tasks] == ["t1", "t3"]
    with pytest.raises(ConfigError, match="no task of numbers carries the tag 'hard'"):
        tagged(source, "hard")
    with pytest.raises(ConfigError, match="needs a source with an end"):
        tagged(Numbers(None), "odd")
    assert TasksConfig().limit is None


def test_pools_need_room_between_them():
    with pytest.raises(ValueError, match="hard must lie below easy"):
        Pools(easy=0.3, hard=0.3)
