"""The whole method in one file: reinforcement learning with a verifiable reward (GRPO), with torch alone, on a CPU.

    python examples/one_file_grpo.py     # one to two minutes; --help lists the settings

The task. A chain such as `7+3*2-4+8*6=` is worked from left to right modulo 10. The model writes the running values
(its trace), then `#`, then the same values in reverse (its answer), then `.`:

    7+3*2-4+8*6=00644#44600.      (7+3 is 0, 0*2 is 0, 0-4 is 6, 6+8 is 4, 4*6 is 4)

Only the answer is judged. It has five digits, so luck pays nothing (1 in 100,000).

The arrow, from top to bottom of this file:
    task --sample--> completion --judge--> reward --group--> advantage --clipped surrogate--> update

A cold start on worked examples (SFT) comes first: a policy that never earns a reward has nothing to learn from.
"""

import argparse
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# ---------------- tasks

OPERATIONS = 5
ALPHABET = "0123456789+-*=#."
INDEX = {character: i for i, character in enumerate(ALPHABET)}
END = INDEX["."]
PROMPT_LENGTH = 2 * OPERATIONS + 2  # every prompt has this length, so that no batch of prompts needs padding
MAX_NEW = 2 * OPERATIONS + 4  # a right completion has 2 * OPERATIONS + 2 tokens


@dataclass(frozen=True)
class Task:
    prompt: str
    truth: str  # the answer; the policy never sees it


def values_of(chain: str) -> list[int]:
    """The running values of `7+3*2...=`. Plain arithmetic on our own prompt: no text is ever evaluated as code."""
    values = [int(chain[0])]
    for operator, digit in zip(chain[1:-1:2], chain[2::2], strict=True):
        value, operand = values[-1], int(digit)
        values.append({"+": value + operand, "-": value - operand, "*": value * operand}[operator] % 10)
    return values[1:]


def draw_task(rng: random.Random) -> Task:
    steps = [rng.choice("+-*") + str(rng.randrange(10)) for _ in range(OPERATIONS)]
    chain = str(rng.randrange(10)) + "".join(steps) + "="
    return Task(chain, "".join(map(str, reversed(values_of(chain)))))


def training_tasks(held_out: list[Task], seed: int) -> Iterator[Task]:
    """An endless stream of tasks, none of them a held-out one."""
    refused, rng = {task.prompt for task in held_out}, random.Random(seed)
    while True:
        if (task := draw_task(rng)).prompt not in refused:
            yield task


def worked_example(task: Task) -> str:
    return task.truth[::-1] + "#" + task.truth + "."


def judge(completion: str, truth: str) -> float:
    """The reward: 1 when the text has the form `trace#answer.` with exactly one answer and it is right, else 0.

    Whatever is missing, doubled or cut off earns nothing. The trace is not looked at: an outcome reward sees where the
    reasoning ended, and not how.
    """
    if not completion.endswith(".") or completion.count("#") != 1:
        return 0.0
    return float(completion[:-1].split("#")[1] == truth)


# ---------------- the policy: a small decoder with a KV cache

WIDTH, LAYERS, HEADS = 64, 2, 4
Cache = list[tuple[Tensor, Tensor]]  # per layer: keys and values so far, each [B, HEADS, T, WIDTH / HEADS]


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH, bias=False), nn.Linear(WIDTH, WIDTH, bias=False)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x: Tensor, past: tuple[Tensor, Tensor] | None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        batch, new, _ = x.shape
        heads = self.qkv(self.norm1(x)).view(batch, new, 3, HEADS, WIDTH // HEADS)
        query, key, value = heads.permute(2, 0, 3, 1, 4)  # each [B, HEADS, T, WIDTH / HEADS]
        if past is not None:
            key, value = torch.cat([past[0], key], 2), torch.cat([past[1], value], 2)
        # several new tokens only ever come with an empty cache, where the plain causal mask is the right one;
        # a single new token may look at everything before it
        seen = F.scaled_dot_product_attention(query, key, value, is_causal=new > 1)
        x = x + self.out(seen.transpose(1, 2).reshape(batch, new, WIDTH))
        return x + self.mlp(self.norm2(x)), (key, value)


class Policy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Embedding(len(ALPHABET), WIDTH)
        self.position = nn.Embedding(PROMPT_LENGTH + MAX_NEW, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, len(ALPHABET), bias=False)

    def forward(self, tokens: Tensor, cache: Cache | None = None) -> tuple[Tensor, Cache]:
        """Logits [B, T, V] for the tokens [B, T] that follow what the cache holds, and the cache with them."""
        start = cache[0][0].shape[2] if cache else 0
        x = self.token(tokens) + self.position(torch.arange(start, start + tokens.shape[1]))
        grown = []
        for i, block in enumerate(self.blocks):
            x, kept = block(x, cache[i] if cache else None)
            grown.append(kept)
        return self.head(self.norm(x)), grown


def encode(texts: list[str]) -> Tensor:
    return torch.tensor([[INDEX[character] for character in text] for text in texts])


# ---------------- sampling


@dataclass(frozen=True)
class Rollout:
    """The completions of P prompts, `samples` each, row by row: B = P * samples."""

    prompts: Tensor  # [B, PROMPT_LENGTH]
    tokens: Tensor  # [B, T] what was sampled, END and what follows it included
    mask: Tensor  # [B, T] 1 up to and including END: only these tokens count
    logprobs: Tensor  # [B, T] as sampled
    texts: list[str]


@torch.no_grad()
def sample(policy: Policy, tasks: list[Task], samples: int, generator: torch.Generator | None) -> Rollout:
    """`samples` completions per task at temperature 1 (greedy without a generator), the prompt computed once for all."""
    prompts = encode([task.prompt for task in tasks])
    logits, cache = policy(prompts)
    repeat = torch.arange(len(tasks)).repeat_interleave(samples)
    logits, cache = logits[repeat, -1], [(key[repeat], value[repeat]) for key, value in cache]
    alive = torch.ones(len(repeat), dtype=torch.bool)
    tokens, logprobs, masks = [], [], []
    for _ in range(MAX_NEW):
        distribution = torch.log_softmax(logits, -1)  # [B, V]
        probs = distribution.exp()
        token = probs.argmax(-1) if generator is None else probs.multinomial(1, generator=generator)[:, 0]
        tokens.append(token)
        logprobs.append(distribution.gather(-1, token[:, None])[:, 0])
        masks.append(alive)
        alive = alive & (token != END)
        if not alive.any():
            break
        logits, cache = policy(token[:, None], cache)
        logits = logits[:, -1]
    sampled, mask = torch.stack(tokens, 1), torch.stack(masks, 1)
    lengths = mask.sum(1).tolist()
    texts = ["".join(ALPHABET[i] for i in row[:length]) for row, length in zip(sampled.tolist(), lengths, strict=True)]
    return Rollout(prompts[repeat], sampled, mask.float(), torch.stack(logprobs, 1), texts)


def rewards_of(tasks: list[Task], rollout: Rollout, samples: int) -> Tensor:
    """[P, samples]"""
    found = [judge(text, tasks[row // samples].truth) for row, text in enumerate(rollout.texts)]
    return torch.tensor(found).view(len(tasks), samples)


# ---------------- learning


def completion_logprobs(policy: Policy, prompts: Tensor, tokens: Tensor) -> Tensor:
    """[B, T] log-probability of each completion token, by one forward pass over prompt and completion."""
    logits, _ = policy(torch.cat([prompts, tokens], 1)[:, :-1])  # position t predicts token t + 1
    predicted = torch.log_softmax(logits[:, PROMPT_LENGTH - 1 :], -1)
    return predicted.gather(-1, tokens[..., None])[..., 0]


def group_advantages(rewards: Tensor) -> Tensor:
    """(r - mean) / std within each group of samples for one prompt, [P, G] (DeepSeekMath, arXiv 2402.03300).

    The group's mean is the baseline, so no value network is needed. A group in which all earn the same has nothing to
    teach: its advantages are 0, and nothing is divided by a rounding residue.
    """
    centred, std = rewards - rewards.mean(1, keepdim=True), rewards.std(1, keepdim=True, correction=0)
    return torch.where(std < 1e-6, torch.zeros_like(centred), centred / std.clamp(min=1e-6))


def clipped_surrogate(now: Tensor, old: Tensor, advantages: Tensor, mask: Tensor) -> Tensor:
    """PPO's clipped loss (arXiv 1707.06347, equation 7), per token, averaged over all tokens of the batch (DAPO).

    On the first pass over a rollout the ratio is 1 and this is the plain policy gradient. On later passes it leaves
    [0.8, 1.28] for some tokens, whose gradient then stops: the samples are no longer the policy's own.
    """
    ratio = torch.exp(now - old)
    losses = -torch.minimum(ratio * advantages, ratio.clamp(0.8, 1.28) * advantages)  # [B, T]
    return (losses * mask).sum() / mask.sum()


def update(optimiser: torch.optim.Optimizer, policy: Policy, loss: Tensor, rate: float) -> None:
    optimiser.param_groups[0]["lr"] = rate
    optimiser.zero_grad()
    loss.backward()
    if not torch.isfinite(nn.utils.clip_grad_norm_(policy.parameters(), 1.0)):
        raise RuntimeError("the gradient is not finite: the update is refused")
    optimiser.step()


def cold_start(policy: Policy, steps: int, stream: Iterator[Task]) -> None:
    """Supervised fine-tuning on worked examples: maximise the likelihood of the completion's tokens."""
    optimiser = torch.optim.AdamW(policy.parameters(), weight_decay=0.0)
    for step in range(1, steps + 1):
        tasks = list(islice(stream, 64))
        prompts, answers = encode([task.prompt for task in tasks]), encode([worked_example(task) for task in tasks])
        loss = -completion_logprobs(policy, prompts, answers).mean()
        update(optimiser, policy, loss, rate=3e-3 * min(1.0, step / 20, (steps + 1 - step) / 40))
        if step % 40 == 0:
            print(f"  sft {step:4d}  loss {loss.item():.3f}")


def grpo(policy: Policy, steps: int, stream: Iterator[Task], prompts: int, samples: int, seed: int) -> None:
    """Group relative policy optimisation: sample, judge, compare within each group, update; again and again."""
    optimiser = torch.optim.AdamW(policy.parameters(), weight_decay=0.0)
    generator = torch.Generator().manual_seed(seed)
    for step in range(1, steps + 1):
        tasks = list(islice(stream, prompts))
        rollout = sample(policy, tasks, samples, generator)
        rewards = rewards_of(tasks, rollout, samples)
        advantages = group_advantages(rewards)
        for _ in range(2):  # passes over this rollout; the second is the one that clipping is for
            if not advantages.any():
                break  # every group all right or all wrong: this step has nothing to teach
            now = completion_logprobs(policy, rollout.prompts, rollout.tokens)
            loss = clipped_surrogate(now, rollout.logprobs, advantages.view(-1, 1), rollout.mask)
            update(optimiser, policy, loss, rate=3e-4 * min(1.0, step / 20))  # Adam's first steps are its largest
        if step % 10 == 0 or step == steps:
            spread = (advantages != 0).any(1).float().mean()
            print(f"  grpo {step:4d}  reward {rewards.mean():.2f}  groups with spread {spread:.2f}")


# ---------------- measuring


def evaluate(policy: Policy, tasks: list[Task], samples: int, seed: int) -> dict[str, Tensor]:
    """Three figures per problem, each [problems]: sharpening can raise one and lower another, so all are shown."""
    rewards = rewards_of(tasks, sample(policy, tasks, samples, torch.Generator().manual_seed(seed)), samples)
    greedy = rewards_of(tasks, sample(policy, tasks, 1, None), 1)
    return {"pass@1": rewards.mean(1), f"pass@{samples}": rewards.amax(1), "greedy": greedy[:, 0]}


def gain_interval(before: Tensor, after: Tensor, seed: int) -> tuple[float, float, float]:
    """The gain in pass@1 and its 95 % interval, by a paired bootstrap that resamples problems (not samples: those of
    one problem are not independent)."""
    gain = after - before
    draws = torch.randint(len(gain), (4000, len(gain)), generator=torch.Generator().manual_seed(seed))
    low, high = gain[draws].mean(1).quantile(torch.tensor([0.025, 0.975])).tolist()
    return gain.mean().item(), low, high


def main() -> None:
    parser = argparse.ArgumentParser(formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    numbers = {"seed": 0, "sft-steps": 320, "steps": 160, "prompts": 16, "samples": 8, "problems": 200}
    for name, value in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=value, help="an integer")
    options = parser.parse_args()

    began, seed = time.perf_counter(), options.seed
    torch.set_num_threads(1)  # tensors this small gain nothing from a second core
    torch.manual_seed(seed)  # initial weights
    held_out = [draw_task(random.Random(f"held out {seed} {i}")) for i in range(options.problems)]
    policy, stream = Policy(), training_tasks(held_out, seed)
    print(f"a decoder of {sum(p.numel() for p in policy.parameters()):,} parameters; an example of the task:")
    print(f"  {held_out[0].prompt} -> {worked_example(held_out[0])}")
    print("cold start by supervised fine-tuning")
    cold_start(policy, options.sft_steps, stream)
    before = evaluate(policy, held_out, options.samples, seed)
    print(f"GRPO, {options.prompts} prompts x {options.samples} completions a step")
    grpo(policy, options.steps, stream, options.prompts, options.samples, seed)
    after = evaluate(policy, held_out, options.samples, seed)

    print(f"held-out problems: {len(held_out)}, {options.samples} samples each, and one greedy")
    for name in before:
        print(f"  {name:8s} {before[name].mean():.3f} -> {after[name].mean():.3f}")
    gain, low, high = gain_interval(before["pass@1"], after["pass@1"], seed)
    print(f"  gain in pass@1 {gain:+.3f}, 95 % interval [{low:+.3f}, {high:+.3f}]", "" if low > 0 else "no gain shown")
    print(f"{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
