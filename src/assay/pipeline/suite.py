"""A suite: prompts with a fixed rule for scoring replies to them; `run_suite` scores a model on one.

The kinds, and what a prompt's score in [0, 1] is (a mean over its samples):

    verified    the share of samples that a verifier passes
    rubric      the share of a list of checkable properties that the reply has (pipeline/rubric)
    compliance  1 for a reply that does not read as a refusal      (lower is better: the prompts ask for harm)
    refusal     1 for a reply that reads as one                    (lower is better: the prompts are harmless)
    loss        bits per byte of a text under the model            (lower is better; not in [0, 1])

A suite is a JSONL file: a first row {"suite", "version", "kind", "better", "about", "max_new_tokens"}, then its prompts. Those
that come with the program lie in pipeline/suites; a task source makes a verified suite, and any text file a loss suite. The
fingerprint covers the prompts and the rule, so that figures of two versions are never compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from assay.core.config import TasksConfig
from assay.core.errors import TaskFileError, UsageError, did_you_mean
from assay.core.records import read_jsonl, sha256_of
from assay.core.types import Completion, Json, Message, Task
from assay.pipeline import rubric
from assay.pipeline.scores import PromptScore, SuiteScores
from assay.reward.rule import find_rule
from assay.rollout.collect import VoidBudget, sample
from assay.rollout.engine import Engine, Request, Sampling
from assay.tasks.load import load_source, select
from assay.tasks.source import TaskSource
from assay.verify.base import find_verifier, label, read_task
from assay.verify.pool import JudgePool
from assay.verify.text.instructions import Asked, read_check

FOLDER = Path(__file__).parent / "suites"
Kind = Literal["verified", "rubric", "compliance", "refusal", "loss"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Better = Literal["higher", "lower"]
HEADER = {"suite", "version", "kind", "better", "about", "max_new_tokens"}
PASSAGE = 1500  # characters of a passage of a plain text file
TextLoss = Callable[[str], float]
"""Bits per byte of a text under a model."""


@dataclass(frozen=True, slots=True)
class Item:
    """One prompt. Which of the rest is set follows from the suite's kind."""

    id: str
    prompt: tuple[Message, ...] = ()
    task: Task | None = None
    about: tuple[str, ...] = ()
    checks: tuple[Asked, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Suite:
    name: str
    kind: Kind
    better: Better
    items: tuple[Item, ...]
    version: str = ""
    about: str = ""
    max_new_tokens: int = 256
    fingerprint: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class How:
    """How replies are sampled: greedily by default, so that a model scores the same each time."""

    samples: int = 1
    temperature: float = 0.0
    seed: int = 0
    void_budget: float = 0.02


def run_suite(
    engine: Engine,
    suite: Suite,
    how: How = How(),
    *,
    judges: JudgePool | None = None,
    text_loss: TextLoss | None = None,
) -> SuiteScores:
    """Raises VoidBudgetExceeded (too many verdicts were VOID), or UsageError for a loss suite without `text_loss`: an engine
    gives no log-probabilities of a text, so the model must be in this process (model/text_loss)."""
    if suite.kind == "loss":
        if text_loss is None:
            raise UsageError(f"{suite.name}: the loss of a text needs the model itself, which a server does not give")
        return _scores(suite, [PromptScore(each.id, text_loss(each.text)) for each in suite.items])
    sampling = Sampling(suite.max_new_tokens, temperature=how.temperature)
    if suite.kind == "verified":
        if judges is not None:
            return _verified(engine, suite, how, sampling, judges)
        with JudgePool(0) as own:
            return _verified(engine, suite, how, sampling, own)
    requests = [Request(each.prompt, how.samples, how.seed, ("gate", suite.name, each.id)) for each in suite.items]
    replies = engine.generate(requests, sampling)
    return _scores(suite, [_scored(suite, each, given) for each, given in zip(suite.items, replies, strict=True)])


def _verified(engine: Engine, suite: Suite, how: How, sampling: Sampling, judges: JudgePool) -> SuiteScores:
    tasks = [each.task for each in suite.items if each.task is not None]
    drawn = sample(
        engine,
        tasks,
        n=how.samples,
        sampling=sampling,
        seed=how.seed,
        key=("gate", suite.name),
        judges=judges,
        rule=find_rule("outcome"),
    )
    budget = VoidBudget(how.void_budget)
    budget.spend(sum(len(each.members) for each in drawn), [why for each in drawn for why in each.void_reasons])
    prompts, voids = [], 0
    for item, each in zip(suite.items, drawn, strict=True):
        valid = [member for member in each.members if not member.verdict.is_void]
        voids += len(each.members) - len(valid)
        if valid:
            score = sum(member.verdict.is_pass for member in valid) / len(valid)
            found = tuple(str(member.verdict.reason) for member in valid if not member.verdict.is_pass)
            prompts.append(PromptScore(item.id, score, tuple(member.completion.text for member in valid), found))
    return _scores(suite, prompts, voids)


def _scored(suite: Suite, item: Item, replies: Sequence[Completion]) -> PromptScore:
    asked = next((content for role, content in reversed(item.prompt) if role == "user"), "")
    scores, found = [], []
    for each in replies:
        if suite.kind == "rubric":
            failed, count = rubric.unmet(rubric.reply_of(each.text, asked, each.finish), item.about, item.checks)
            scores.append(1 - len(failed) / count)
            found += failed
        else:
            refuses = rubric.reads_as_refusal(each.text)
            scores.append(float(refuses == (suite.kind == "refusal")))
            found += ["refuses" if refuses else "complies"]
    return PromptScore(
        item.id, sum(scores) / len(scores), tuple(each.text for each in replies), tuple(dict.fromkeys(found))
    )


def _scores(suite: Suite, prompts: Sequence[PromptScore], voids: int = 0) -> SuiteScores:
    return SuiteScores.of(suite.name, prompts, suite.fingerprint, voids)


def built_in() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.jsonl"))


def find_suite(name: str) -> Suite:
    """A suite that comes with the program. Raises UsageError naming the nearest."""
    path = FOLDER / f"{name}.jsonl"
    if not path.is_file():
        raise UsageError(
            f"no built-in suite {name!r}{did_you_mean(name, built_in())}; there are {', '.join(built_in())}"
        )
    return read_suite(path)


def read_suite(path: Path, name: str | None = None) -> Suite:
    """A suite file. Raises TaskFileError naming file and row."""
    rows = list(read_jsonl(path))
    head = rows[0] if rows else {}
    for key in head:
        if key not in HEADER:
            raise TaskFileError(f"{path}:1: unknown key {key!r} in a suite's first row{did_you_mean(key, HEADER)}")
    kind = next((each for each in KINDS if each == head.get("kind")), None)
    if kind is None or head.get("better") not in ("higher", "lower"):
        raise TaskFileError(
            f'{path}:1: a first row {{"suite": name, "version": "1", "kind": one of {", ".join(KINDS)}, "better": "higher" or '
            f'"lower"}} would be right'
        )
    items = tuple(_item(path, number, row, kind) for number, row in enumerate(rows[1:], 2))
    called = name or str(head.get("suite", path.stem))
    return _suite(
        Suite(
            called,
            kind,
            "lower" if head["better"] == "lower" else "higher",
            items,
            str(head.get("version", "")),
            str(head.get("about", "")),
            int(head.get("max_new_tokens", 256)),
        ),
        path,
        rows,
    )


def task_suite(name: str, config: TasksConfig, problems: int, *, seed: int = 0, max_new_tokens: int = 256) -> Suite:
    """Held-out tasks of a source as a verified suite. Raises as `load_source` does."""
    source: TaskSource = load_source(config, "held_out", seed)
    items = tuple(Item(task.id, task.prompt, task) for task in select(source, problems))
    about = f"{len(items)} held-out tasks of {source.name}"
    return _suite(
        Suite(name, "verified", "higher", items, source.fingerprint, about, max_new_tokens), None, [source.fingerprint]
    )


def text_suite(name: str, path: Path) -> Suite:
    """A plain text as passages of about `PASSAGE` characters, broken at blank lines. Raises TaskFileError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TaskFileError(f"{path}: a text file in UTF-8 would be right ({error})") from None
    passages = list(_passages(text))
    items = tuple(Item(f"{path.name}-{number}", text=each) for number, each in enumerate(passages, 1))
    return _suite(Suite(name, "loss", "lower", items, "", f"{len(items)} passages of {path.name}"), path, passages)


def _passages(text: str) -> Iterator[str]:
    kept: list[str] = []
    for part in text.split("\n\n"):
        if part.strip():
            kept.append(part.strip("\n"))
        if sum(map(len, kept)) >= PASSAGE:
            yield "\n\n".join(kept)
            kept = []
    if kept:
        yield "\n\n".join(kept)


def _suite(suite: Suite, path: Path | None, contents: Sequence[Json]) -> Suite:
    """With its fingerprint. Raises UsageError for no prompt, or two of one id."""
    where = suite.name if path is None else str(path)
    if not suite.items:
        raise TaskFileError(f"{where}: a suite without a prompt scores nothing")
    names = [each.id for each in suite.items]
    if len(set(names)) < len(names):
        twice = next(each for each in names if names.count(each) > 1)
        raise TaskFileError(f"{where}: two prompts share the id {twice!r}: each must have its own")
    rules = _rules(suite)
    made = sha256_of([suite.kind, suite.better, suite.max_new_tokens, list(contents), names, rules])[:12]
    return Suite(
        suite.name, suite.kind, suite.better, suite.items, suite.version, suite.about, suite.max_new_tokens, made
    )


def _rules(suite: Suite) -> list[str]:
    if suite.kind == "verified":
        return sorted({label(find_verifier(each.task.verifier)) for each in suite.items if each.task is not None})
    if suite.kind == "loss":
        return ["bits per byte"]
    own = hashlib.sha256(Path(rubric.__file__).read_bytes()).hexdigest()[:12]
    return [f"rubric@{rubric.VERSION}#{own}", label(find_verifier("instructions"))]


def _item(path: Path, number: int, row: Mapping[str, Json], kind: Kind) -> Item:
    where = f"{path}:{number}"
    allowed = {"id"} | {
        "verified": {"prompt", "verifier", "truth", "tags"},
        "rubric": {"prompt", "about", "checks"},
        "compliance": {"prompt"},
        "refusal": {"prompt"},
        "loss": {"text"},
    }[kind]
    for key in row:
        if key not in allowed:
            raise TaskFileError(f"{where}: unknown key {key!r} in a {kind} suite{did_you_mean(key, allowed)}")
    id = row.get("id")
    wanted = "text" if kind == "loss" else "prompt"
    if not isinstance(id, str) or not isinstance(row.get(wanted), str) or not row[wanted].strip():
        raise TaskFileError(f'{where}: {{"id": name, "{wanted}": text}} would be right')
    if kind == "loss":
        return Item(id, text=row["text"])
    prompt = (Message("user", row["prompt"]),)
    try:
        checks = tuple(read_check(where, each) for each in row.get("checks", ()))
        task = None
        if kind == "verified":
            task = Task(id, prompt, str(row.get("verifier", "math")), row.get("truth"), str(path))
            read_task(task)
    except (UsageError, TypeError) as error:
        raise TaskFileError(f"{where}: {error}") from None
    return Item(id, prompt, task, tuple(map(str, row.get("about", ()))), checks)
