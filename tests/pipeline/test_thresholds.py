"""The gate's file: what it may hold, what is refused by name, and what a run keeps of it."""

import json
from pathlib import Path

import pytest

from assay.cli.before_rl import read_limits
from assay.core.errors import AssayError, ConfigError
from assay.pipeline.thresholds import FILE, read_gate, save_gate

MINE = """
decide = "point"
samples = 2
[suites.reasoning]
tasks = "warehouse"
problems = 5
gain_above = 0.0
[suites.prose]
file = "prose.txt"
max_rise = 0.01
[suites.chat]
max_drop = 0.05
at_least = 0.5
"""


def write(folder: Path, text: str) -> Path:
    (folder / "prose.txt").write_text("A first passage.\n\nA second one.\n")
    path = folder / "gate.toml"
    path.write_text(text)
    return path


def test_limits_and_suites_are_read(tmp_path: Path) -> None:
    found = read_gate(write(tmp_path, MINE))
    assert [(each.suite, each.rule, each.bound) for each in found.thresholds.limits] == [
        ("reasoning", "gain_above", 0.0), ("prose", "max_rise", 0.01), ("chat", "max_drop", 0.05), ("chat", "at_least", 0.5)
    ]  # fmt: skip
    assert (found.thresholds.decide, found.sampling.samples, found.sampling.temperature) == ("point", 2, 0.0)
    assert [len(found.suite(name).items) for name in found.suites] == [5, 1, 32]
    assert [found.suite(name).kind for name in found.suites] == ["verified", "loss", "rubric"]


def test_the_built_in_one_limits_every_suite_that_ships() -> None:
    from assay.pipeline.suite import built_in

    found = read_gate()
    assert set(found.suites) == {"reasoning", *built_in()}
    assert {each.suite for each in found.thresholds.limits} == set(found.suites)
    for name in found.suites:
        suite, limits = found.suite(name), found.suites[name].limits
        assert set(limits) <= (
            {"max_rise", "at_most"} if suite.better == "lower" else {"max_drop", "gain_above", "at_least"}
        )


def test_what_a_run_keeps_reads_back_and_an_altered_one_is_refused(tmp_path: Path) -> None:
    found = read_gate(write(tmp_path, MINE))
    (tmp_path / "run").mkdir()
    save_gate(found, tmp_path / "run")
    kept = read_gate(tmp_path / "run" / FILE)
    assert kept.thresholds == found.thresholds
    assert kept.thresholds.sha256 == found.thresholds.sha256
    assert kept.sampling == found.sampling
    assert [kept.suite(name).fingerprint for name in kept.suites] == [
        found.suite(name).fingerprint for name in found.suites
    ]
    saved = json.loads((tmp_path / "run" / FILE).read_text())
    saved["gate"]["suites"]["chat"]["max_drop"] = 0.5
    (tmp_path / "run" / FILE).write_text(json.dumps(saved))
    with pytest.raises(ConfigError, match="fixed before training"):
        read_gate(tmp_path / "run" / FILE)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("decide = 'point'", "a gate needs suites"),
        ("[suites]\nchat = 0.1", "suites.chat: a table with limits"),
        ("[suites.chat]\nmax_dorp = 0.1", r"\[suites.chat\].*unknown key 'max_dorp'; did you mean 'max_drop'"),
        ("[suites.chat]\nmax_drop = -0.1", "max_drop"),
        ("[suites.chat]\nmax_drop = 'a lot'", "max_drop"),
        ("decide = 'mean'\n[suites.chat]\nmax_drop = 0.1", "decide"),
        ("secnods = 1\n[suites.chat]\nmax_drop = 0.1", "unknown key 'secnods'"),
        ("[suites.chat]\ntasks = 'warehouse'\nfile = 'a.txt'\nmax_drop = 0.1", "one of them would be right"),
        ("suites = [", "not TOML"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_key(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        read_gate(write(tmp_path, text))
    assert "gate.toml" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[suites.chat]\nfile = 'x'", "a gate without a limit ships anything"),
        ("[suites.chats]\nmax_drop = 0.1", "did you mean 'chat'"),
        ("[suites.mine]\nfile = 'gone.jsonl'\nmax_drop = 0.1", "gone.jsonl: no such file"),
        ("[suites.mine]\ntasks = 'warehuose'\nmax_drop = 0.1", "did you mean 'warehouse'"),
    ],
)
def test_what_cannot_be_measured_is_said_when_it_is_asked_for(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(AssayError, match=said):
        read_limits(write(tmp_path, text))
