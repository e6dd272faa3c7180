"""What two processes must agree on, checked from inside; torchrun starts it (test_parallel.py)."""

import sys

import pytest
import torch

from assay.core.config import RunConfig
from assay.core.errors import NonFiniteStep, RankFailed, UsageError
from assay.core.types import Completion, Message
from assay.learn.batch import Sample
from assay.learn.parallel import SplitEngine, joined
from assay.learn.policy import Policy
from assay.model.tiny import build_tiny
from assay.rollout.engine import Request, Sampling
from assay.rollout.torch_engine import TorchEngine

PROMPTS = [(3, 4), (3, 5), (3, 6)]


def group(prompt, advantages, weight=0.05):
    return [
        Sample(prompt, Completion("", (4, 5, 1 + place % 2), (-1.0, -1.0, -1.0)), (advantage,) * 3, weight)
        for place, advantage in enumerate(advantages)
    ]


def policy_of(ranks, **learn):
    config = RunConfig(learn={"learning_rate": 1e-2, "correction": {"kind": "truncate"}, **learn})
    return Policy(build_tiny("abc"), config.learn, 1.0, ranks)


def weights(policy):
    return torch.cat([each.flatten() for each in policy.whole().model.state_dict().values()])


def check_sharing(ranks):
    assert ranks.share([1, 2, 3, 4, 5], lambda own: [each * 10 for each in own]) == [10, 20, 30, 40, 50]
    assert ranks.share([7], lambda own: [each * 10 for each in own]) == [70]
    assert ranks.share([], lambda own: list(own)) == []
    assert ranks.first(lambda: ranks.rank) == 0
    assert ranks.total([1.0, float(ranks.rank)]) == [2.0, 1.0]
    assert ranks.largest([-float(ranks.rank)]) == [0.0]


def check_errors(ranks):
    def work():
        if ranks.rank == 1:
            raise UsageError("the cat is on the table")

    wanted = UsageError if ranks.rank == 1 else RankFailed
    with pytest.raises(wanted, match="the cat is on the table") as caught:
        ranks.share([1, 2], lambda own: work() or list(own))
    assert caught.value.exit_code == 2
    with pytest.raises(RankFailed if ranks.rank == 1 else ValueError, match="no"):
        ranks.first(lambda: int("no"))


def check_rollouts(ranks):
    loaded = build_tiny("abc")
    requests = [Request((Message("user", "abc"[i % 3]),), 2, 0, ("test", i)) for i in range(5)]
    alone = TorchEngine(loaded).generate(requests, Sampling(6))
    inner = TorchEngine(loaded)
    asked = []
    generate = inner.generate
    inner.generate = lambda own, sampling: asked.append(len(own)) or generate(own, sampling)
    split = SplitEngine(inner, ranks).generate(requests, Sampling(6))
    assert [[each.tokens for each in group] for group in split] == [[each.tokens for each in group] for group in alone]
    assert asked == [3 - ranks.rank]


def check_updates(ranks, **learn):
    groups = [group(prompt, (1.0, -1.0)) for prompt in PROMPTS]
    alone, both = policy_of(type(ranks)(), **learn), policy_of(ranks, **learn)
    start = weights(alone).clone()
    for some in (groups, groups[:1], groups[:2]):  # also with fewer groups than processes
        one, two = alone.learn(some, 1e-2), both.learn(some, 1e-2)
        for name in ("loss", "grad_norm", "entropy", "importance", "logprob_difference"):
            assert getattr(two, name) == pytest.approx(getattr(one, name), rel=1e-5, abs=1e-7), name
        # Adam makes whole steps of gradients that are zero but for rounding, so single weights may differ
        assert (weights(both) - weights(alone)).norm() <= 1e-3 * (weights(alone) - start).norm()
    total = ranks.total([float(weights(both).double().sum())])[0]
    assert total == 2 * float(weights(both).double().sum()), "the processes hold the same weights to the last bit"
    return both


def check_refusal(ranks, **learn):
    policy = policy_of(ranks, **learn)
    before = weights(policy).clone()
    groups = [group(PROMPTS[0], (1.0, -1.0)), group(PROMPTS[1], (float("nan"), 1.0))]  # the second process's
    with pytest.raises(NonFiniteStep, match="refused"):
        policy.learn(groups, 1e-2)
    assert weights(policy).equal(before)
    assert not policy.dirty
    policy.learn(groups[:1], 1e-2)
    assert not weights(policy).equal(before)


def main():
    torch.set_num_threads(1)
    with joined() as together:
        ranks = together.learning
        check_sharing(ranks)
        check_errors(ranks)
        check_rollouts(together.sampling)
        for learn in ({}, {"parallel": "fsdp2"}, {"loss": {"kind": "gspo"}, "epochs": 2, "minibatches": 2}):
            check_updates(ranks, **learn)
        for learn in ({}, {"parallel": "fsdp2"}):
            check_refusal(ranks, **learn)
        sharded = check_updates(ranks, parallel="fsdp2")
        held = sum(each.to_local().numel() for each in sharded.loaded.model.parameters())
        assert held <= 0.55 * sum(each.numel() for each in sharded.whole().model.parameters())
        state = [each["exp_avg"] for each in sharded.optimiser.state.values()]
        assert all(hasattr(each, "to_local") for each in state)
    if ranks.is_first:
        sys.stdout.write("agreed\n")


if __name__ == "__main__":
    main()
