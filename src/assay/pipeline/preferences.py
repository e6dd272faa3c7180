"""The stages that learn from pairs of answers: a reward model (Bradley-Terry), and DPO with its relatives.

Pairs are what a task source states, what a file holds, or PASS against FAIL of one prompt, sampled from the policy that the stage
starts from. Those that are kept out say how far the result can be trusted: a reward model's accuracy and calibration, and
how much of either is mere length.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from assay.core.config import TasksConfig
from assay.core.errors import ConfigError
from assay.core.records import to_json, write_jsonl
from assay.core.rng import stream
from assay.core.types import Json
from assay.pipeline.kinds import DpoStage, PairsOfFile, PairsOfVerdicts, PairsStated, RewardModelStage, Sampled
from assay.pipeline.sampled import Answer, sample_answers
from assay.pipeline.stage import Result, Work, model_of
from assay.pipeline.supervised import SAMPLES, thinned
from assay.pipeline.trusted import trust
from assay.rollout.pairs import pairs_of_verdicts
from assay.tasks.conversations import Pair, of_kind, read_conversations
from assay.tasks.load import load_source, select
from assay.tasks.source import Split, TaskSource

PAIRS = "pairs.jsonl"


def run_dpo(work: Work) -> Result:
    from assay.learn.prefer import prefer
    from assay.model.load import load_model, save_model

    stage: DpoStage = work.stage
    pairs, held_out, details = pairs_of(work, stage.pairs)
    loaded = load_model(model_of(work.recipe, work.start.model))
    done = prefer(
        loaded,
        pairs,
        stage.fit,
        seed=work.seed,
        validation=held_out,
        folder=work.folder,
        progress=lambda step, numbers: work.say("fit", f"loss {numbers['loss']:.3f}", step, None),
    )
    save_model(loaded.model, loaded.tokenizer, work.folder / "model")
    (work.folder / "fit.pt").unlink(missing_ok=True)
    metrics: dict[str, Json] = {
        "pairs": len(pairs),
        "held_out_pairs": len(held_out),
        "steps": len(done.losses),
        "first_loss": done.losses[0],
        "last_loss": done.losses[-1],
    }
    if done.validations:
        metrics["accuracy"] = done.validations[-1].get("accuracy")
    return Result(
        work.folder / "model", metrics, details | {"losses": thinned(done.losses), "loss": stage.fit.loss.kind}
    )


def run_reward_model(work: Work) -> Result:
    from assay.learn.reward_model import on_pairs, train_reward_model
    from assay.model.load import load_model
    from assay.model.score import begin_reward_model, save_reward_model

    stage: RewardModelStage = work.stage
    pairs, held_out, details = pairs_of(work, stage.pairs)
    reward = begin_reward_model(load_model(model_of(work.recipe, work.start.model)), work.seed)
    done = train_reward_model(
        reward,
        pairs,
        stage.fit,
        seed=work.seed,
        validation=held_out,
        folder=work.folder,
        progress=lambda step, numbers: work.say("fit", f"loss {numbers['loss']:.3f}", step, None),
    )
    measured, reward = on_pairs(reward, held_out or pairs)
    facts: dict[str, Json] = to_json(measured)
    save_reward_model(reward, work.folder / "model", {"trained_by": work.name, "measured": facts})
    (work.folder / "fit.pt").unlink(missing_ok=True)
    metrics: dict[str, Json] = {
        "pairs": len(pairs),
        "held_out_pairs": len(held_out),
        "steps": len(done.losses),
        "first_loss": done.losses[0],
        "last_loss": done.losses[-1],
        "accuracy": measured.accuracy,
        "calibration": measured.calibration.ece,
    }
    return Result(work.folder / "model", metrics, details | {"losses": thinned(done.losses), "measured": facts})


def pairs_of(
    work: Work, how: PairsStated | PairsOfFile | PairsOfVerdicts
) -> tuple[list[Pair], list[Pair], dict[str, Json]]:
    """Pairs to learn from, pairs to measure on, and what there is to say of them; the former are written down."""
    details: dict[str, Json] = {"of": how.kind}
    if isinstance(how, PairsStated):
        pairs, held_out = stated(how, "train", how.count, work.seed), stated(how, "held_out", how.held_out, work.seed)
    elif isinstance(how, PairsOfFile):
        rows = of_kind(read_conversations(how.path, as_chat=True), Pair, where=how.path)
        pairs, held_out = apart(rows, how.held_out_share, work.seed)
    else:
        tasks = list(select(load_source(work.stage.tasks, "train", work.seed), how.prompts))
        trust(work, tasks)
        asked = Sampled(prompts=how.prompts, samples=how.samples, temperature=how.temperature, chunk=how.chunk)
        drawn = sample_answers(work, work.start.model, tasks, asked, work.folder / SAMPLES)
        made = pairs_of_verdicts(map(_row, drawn), seed=work.seed, per_prompt=how.per_prompt, match="length")
        details["prompts"] = to_json(made.counts)
        pairs, held_out = apart(made.pairs, how.held_out_share, work.seed)
    if not pairs:
        raise ConfigError(f"stages.{work.name}: there is no pair to learn from ({details})")
    write_jsonl(work.folder / PAIRS, [_written(each) for each in pairs])
    return pairs, held_out, details


def stated(how: PairsStated, split: Split, count: int, seed: int) -> list[Pair]:
    """The first `count` preferences that the source states for prompts with the tag."""
    source = load_source(how.tasks, split, seed)
    found: list[Pair] = []
    for index in range(len_or(source, 20 * max(count, 1))):
        if len(found) == count:
            break
        if how.tag is None or how.tag in source.task(index).tags:
            prompt, chosen, rejected = _preference(source, how.tasks, index)
            found.append(Pair(prompt, chosen, rejected))
    return found


def apart(pairs: Sequence[Pair], share: float, seed: int) -> tuple[list[Pair], list[Pair]]:
    """Pairs to learn from, and a share of the prompts to measure on: no prompt is on both sides."""
    prompts = list(dict.fromkeys(str(each.prompt) for each in pairs))
    stream(seed, "pairs", "held out").shuffle(prompts)
    kept_out = set(prompts[: round(share * len(prompts))])
    return (
        [each for each in pairs if str(each.prompt) not in kept_out],
        [each for each in pairs if str(each.prompt) in kept_out],
    )


def len_or(source: TaskSource, most: int) -> int:
    return most if source.length is None else source.length


def _preference(source: TaskSource, tasks: TasksConfig, index: int) -> Any:
    show = getattr(source, "preference", None)
    if show is None:
        raise ConfigError(f"pairs.tasks: {tasks.source} states no preference; pocket_talk and everyday do")
    return show(index)


def _row(answer: Answer) -> dict[str, Json]:
    prompt = "\n\n".join(f"{role}: {content}" for role, content in answer.prompt)
    return {"prompt": prompt, "text": answer.text, "outcome": answer.outcome}


def _written(pair: Pair) -> dict[str, Json]:
    """As TRL's columns."""
    turns: Iterable[Any] = [("user", pair.prompt)] if isinstance(pair.prompt, str) else pair.prompt
    prompt = [{"role": role, "content": content} for role, content in turns]
    answers = {"chosen": pair.chosen, "rejected": pair.rejected}
    return {"prompt": prompt} | {key: [{"role": "assistant", "content": text}] for key, text in answers.items()}
