"""Experiment trackers behind one call, `log(step, metrics)`; metrics.jsonl is written whatever is installed here."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from assay.core.config import RunConfig
from assay.core.errors import MissingExtra

Log = Callable[[int, Mapping[str, float]], None]


class Tracker(NamedTuple):
    log: Log
    close: Callable[[], None]


def open_trackers(names: Sequence[str], config: RunConfig, folder: Path) -> list[Tracker]:
    """Raises MissingExtra for one that is not installed."""
    return [OPENERS[name](config, folder) for name in names]


def _wandb(config: RunConfig, folder: Path) -> Tracker:
    wandb = _import("wandb")
    run = wandb.init(project=config.track.project, name=config.name, dir=folder, config=config.model_dump(mode="json"))
    return Tracker(lambda step, metrics: run.log(dict(metrics), step=step), run.finish)


def _trackio(config: RunConfig, folder: Path) -> Tracker:
    trackio = _import("trackio")
    run = trackio.init(project=config.track.project, name=config.name, config=config.model_dump(mode="json"))
    return Tracker(lambda step, metrics: run.log(dict(metrics), step=step), trackio.finish)


def _tensorboard(config: RunConfig, folder: Path) -> Tracker:
    writer = _import("torch.utils.tensorboard", package="tensorboard").SummaryWriter(str(folder / "tensorboard"))

    def log(step: int, metrics: Mapping[str, float]) -> None:
        for name, value in metrics.items():
            writer.add_scalar(name, value, step)

    return Tracker(log, writer.close)


def _mlflow(config: RunConfig, folder: Path) -> Tracker:
    mlflow = _import("mlflow")
    mlflow.set_experiment(config.track.project)
    mlflow.start_run(run_name=config.name)
    names = str.maketrans({"@": "_at_"})  # mlflow refuses `@` in a metric's name
    return Tracker(
        lambda step, metrics: mlflow.log_metrics(
            {key.translate(names): value for key, value in metrics.items()}, step=step
        ),
        mlflow.end_run,
    )


def _import(module: str, package: str | None = None) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise MissingExtra(package or module, "trackers", f"track.to = [{(package or module)!r}]") from None


OPENERS: dict[str, Callable[[RunConfig, Path], Tracker]] = {
    "wandb": _wandb,
    "trackio": _trackio,
    "tensorboard": _tensorboard,
    "mlflow": _mlflow,
}
