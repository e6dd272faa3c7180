"""Trackers: the real tensorboard where it is installed; for the rest, modules with their calls, and one sentence."""

import sys
import types

import pytest

from assay.core.config import RunConfig
from assay.core.errors import MissingExtra
from assay.learn.track import open_trackers


def test_tensorboard_or_what_to_install(tmp_path):
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        with pytest.raises(MissingExtra, match=r"tensorboard, which is not installed: pip install 'assay\[trackers\]'"):
            open_trackers(["tensorboard"], RunConfig(), tmp_path)
        return
    (tracker,) = open_trackers(["tensorboard"], RunConfig(), tmp_path)
    tracker.log(1, {"reward": 0.5})
    tracker.close()
    assert list((tmp_path / "tensorboard").glob("events*"))


class Recorder(types.ModuleType):
    """A module in the place of a tracker that is not installed: it writes down what it is called with."""

    def __init__(self, name, calls):
        super().__init__(name)
        self.calls = calls

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)

        def call(*arguments, **named):
            self.calls.append((name, arguments, named))
            return self

        return call


@pytest.mark.parametrize("name", ["wandb", "trackio", "mlflow"])
def test_what_a_tracker_is_told(name, monkeypatch, tmp_path):
    calls = []
    monkeypatch.setitem(sys.modules, name, Recorder(name, calls))
    config = RunConfig(name="mine", track={"project": "ours"})
    (tracker,) = open_trackers([name], config, tmp_path)
    tracker.log(7, {"reward": 0.5, "held_out/pass@1": 0.25})
    tracker.close()
    told = {call: (arguments, named) for call, arguments, named in calls}
    if name == "mlflow":
        assert told["set_experiment"][0] == ("ours",)
        assert told["start_run"][1] == {"run_name": "mine"}
        assert told["log_metrics"] == (({"reward": 0.5, "held_out/pass_at_1": 0.25},), {"step": 7})
        assert "end_run" in told
    else:
        assert told["init"][1]["project"] == "ours"
        assert told["init"][1]["name"] == "mine"
        assert told["init"][1]["config"]["learn"]["steps"] == config.learn.steps
        assert told["log"] == (({"reward": 0.5, "held_out/pass@1": 0.25},), {"step": 7})
        assert "finish" in told


def test_one_that_is_missing_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(MissingExtra, match="wandb"):
        open_trackers(["wandb"], RunConfig(), tmp_path)
