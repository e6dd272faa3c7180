"""A reward rule whose part nobody can judge is an error before anything is sampled, wherever the rule is used."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.audit.run import audit
from assay.audit.samples import sample_tasks
from assay.core.config import load_config
from assay.core.errors import ConfigError
from assay.learn.events import Began, Event
from assay.learn.train import train
from assay.measure.evaluate import evaluate
from assay.reward.rule import find_rule
from assay.rollout.engine import Sampling
from assay.rollout.scripted import ScriptedEngine
from assay.verify.pool import JudgePool

SAID = r"reward\.options: the part 'language' cannot be judged: language: language: 'xx' is none of"
RULE = find_rule("gated_language", {"language": "xx"})  # looks like a code, and is none


@pytest.fixture
def judges() -> Iterator[JudgePool]:
    with JudgePool(1, 10.0) as pool:
        yield pool


def test_training_does_not_begin(tmp_path: Path) -> None:
    config = load_config(
        overrides={
            "model.name": "tiny",
            "tasks.source": "chain",
            "reward.rule": "gated_language",
            "reward.options": {"language": "xx"},
        }
    )
    events: list[Event] = []
    with pytest.raises(ConfigError, match=SAID):
        train(config, tmp_path / "run", listen=events.append)
    assert not [each for each in events if isinstance(each, Began)]  # not even the check of the tasks


def test_an_audit_does_not_begin(judges: JudgePool) -> None:
    with pytest.raises(ConfigError, match=SAID):
        audit(sample_tasks("choice"), rule=RULE, judges=judges)


def test_an_evaluation_does_not_sample(judges: JudgePool) -> None:
    def never(request: object, number: int) -> str:
        raise AssertionError("sampled all the same")

    with pytest.raises(ConfigError, match=SAID):
        evaluate(ScriptedEngine(never), sample_tasks("choice"), sampling=Sampling(8), judges=judges, rule=RULE)


def test_a_language_that_is_known_is_fine(judges: JudgePool) -> None:
    rule = find_rule("gated_language", {"language": "de"})
    assert audit(sample_tasks("choice")[:1], rule=rule, judges=judges).attacks_paid == 0
