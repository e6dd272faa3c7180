"""On-policy distillation: the student samples, and at every token that it sampled is moved towards its teacher.

    loss = mean over the sampled tokens of KL(student, teacher) at the token's position      reverse
                                     or of KL(teacher, student)                              forward

over the whole vocabulary, as in GKD (Agarwal et al., arXiv 2306.13649, algorithm 1 with lambda = 1) and MiniLLM (Gu et al., arXiv
2306.08543, equation 1). The samples are held fixed: the gradient is that of each position's divergence, not of the chance
to come there, which MiniLLM adds and GKD leaves out. No reward, no verifier: a teacher that is wrong is imitated.

The teacher's logits are made and used a chunk at a time (model/divergence). The two must read the same tokens; for another
tokenizer, fine-tune on the teacher's checked traces (rollout/traces, learn/sft).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from assay.core.errors import ConfigError
from assay.core.fitting import DistillConfig
from assay.core.records import sha256_of
from assay.core.types import Message
from assay.learn.batch import Sample, pack
from assay.learn.fit import Fitted, Numbers, fit
from assay.learn.optimiser import autocast, checkpointed
from assay.measure.compute import Spent
from assay.model.divergence import divergence
from assay.model.load import LoadedModel
from assay.rollout.engine import Engine, Request, Sampling, follow
from assay.rollout.torch_engine import TorchEngine


def distill(
    student: LoadedModel,
    teacher: LoadedModel,
    prompts: Sequence[tuple[Message, ...]],
    config: DistillConfig,
    *,
    seed: int,
    engine: Engine | None = None,
    spent: Spent | None = None,
    budget: float | None = None,
    folder: Path | None = None,
    progress: Callable[[int, Numbers], None] = lambda step, numbers: None,
) -> Fitted:
    """Train the student in place. `engine` samples from it (none: this process); with a `budget` (FLOPs) it stops once
    `spent` has reached it.

    Rows of history hold `loss` (nats per token), `tokens` and `length` of the completions. Raises ConfigError for models
    that read different tokens, NonFiniteStep, RunFolderError, OutOfDisk.
    """
    refuse_other_tokens(student, teacher)
    engine = engine or TorchEngine(student, batch_size=max(64, config.group_size))
    spent = spent if spent is not None else Spent()
    ours, theirs = parameters(student), parameters(teacher)
    sampling = Sampling(config.max_new_tokens, temperature=config.temperature)

    def update(step: int, chosen: Sequence[int]) -> Numbers:
        follow(engine, student, step - 1)
        requests = [Request(prompts[index], config.group_size, seed, ("distill", step, index)) for index in chosen]
        groups = [
            [Sample(engine.render(request.prompt), each, (), 0.0) for each in completions]
            for request, completions in zip(requests, engine.generate(requests, sampling), strict=True)
        ]
        tokens = sum(len(each.completion.tokens) for group in groups for each in group)
        total = 0.0
        for batch in pack(groups, row_tokens=config.row_tokens, device=student.device, dtype=student.dtype):
            weights = batch.sampled.new_full((len(batch.sampled),), 1 / tokens)
            with autocast(student), checkpointed(student.model, config.gradient_checkpointing):
                values = divergence(
                    student.model,
                    teacher.model,
                    batch.row,
                    weights,
                    temperature=config.temperature,
                    kind=config.divergence,
                )
            total += float(values.sum()) / tokens
        passed = tokens + sum(len(group[0].prompt) for group in groups)
        spent.forward("student samples", ours, passed)
        spent.forward("teacher scores", theirs, passed)
        spent.learn("student learns", ours, passed)
        return {"loss": total, "tokens": tokens, "passed": passed, "length": tokens / sum(map(len, groups))}

    def should_stop(history: list[dict[str, float]]) -> str | None:
        whole = sum(row["passed"] for row in history) * (8.0 * ours + 2.0 * theirs)  # a resumed run's too
        return f"the budget of {budget:.3g} FLOPs is spent" if budget is not None and whole >= budget else None

    return fit(
        student.model,
        update,
        len(prompts),
        config,
        seed=seed,
        name="distill",
        should_stop=should_stop,
        folder=folder,
        key=sha256_of([teacher.name, [list(map(list, prompt)) for prompt in prompts]]) if folder else "",
        progress=progress,
    )


def refuse_other_tokens(student: LoadedModel, teacher: LoadedModel) -> None:
    """Raises ConfigError where a token means another thing to the two."""
    ours, theirs = student.tokenizer.get_vocab(), teacher.tokenizer.get_vocab()
    if ours == theirs:
        return
    different = min((each for each in ours.keys() | theirs.keys() if ours.get(each) != theirs.get(each)), key=str)
    raise ConfigError(
        f"on-policy distillation compares token by token, and {student.name} and {teacher.name} read different tokens "
        f"({different!r} is {ours.get(different)} to one and {theirs.get(different)} to the other): SFT on the teacher's "
        f"checked traces would be right"
    )


def parameters(loaded: LoadedModel) -> int:
    """Weights that a token is multiplied with: all but the input embedding, where that is not the head's too."""
    model: Any = loaded.model
    embedding = model.get_input_embeddings().weight
    head = model.get_output_embeddings()
    count = sum(each.numel() for each in model.parameters())
    return int(count if head is not None and head.weight is embedding else count - embedding.numel())
